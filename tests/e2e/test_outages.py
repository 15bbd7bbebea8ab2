"""One outage, one page: outages replayed through the rules and a real Alertmanager.

`make outages` replays all of them with all alerts, writes `replay/episodes.yaml`, and the table of
docs/alertmanager.md. The normal suite replays the pages of one outage and delivers the episodes of
all.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.replay.delivery import Notification, build_fast_config, deliver_episodes
from tests.e2e.replay.evaluation import Episode, read_rules
from tests.e2e.replay.outages import (
    LEAD,
    MINUTES,
    OUTAGES,
    Outage,
    list_pages,
    read_episodes,
    replay_outage,
    write_episodes,
)
from tests.e2e.replay.outcomes import Outcomes, record_outcomes

PAGE = Path(__file__).resolve().parents[2] / "docs" / "alertmanager.md"
BEGIN, END = "<!-- outages: begin -->\n", "<!-- outages: end -->"
ALL = os.environ.get("OUTAGES") == "all"
TOLERANCE = 2.0
"""Minutes by which a message may come later than in the table: a second on a busy machine."""

Row = tuple[str, str, str, str]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    return asyncio.run(record_outcomes(tmp_path_factory.mktemp("outcomes")))


@pytest.mark.skipif(not ALL, reason="takes minutes; OUTAGES=all")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.name)
def test_every_alert_of_an_outage_is_as_written(
    outage: Outage, outcomes: Outcomes, tmp_path: Path
) -> None:
    found = replay_outage(outage, outcomes, tmp_path)
    if os.environ.get("UPDATE_GOLDENS"):
        known = read_episodes()
        order = [each.name for each in OUTAGES]
        updated = known | {outage.name: found}
        write_episodes({name: updated[name] for name in order if name in updated})
    assert found == read_episodes()[outage.name]


def test_pages_of_a_total_outage_are_as_written(outcomes: Outcomes, tmp_path: Path) -> None:
    pages, minutes = list_pages(), LEAD + 15
    found = replay_outage(OUTAGES[0], outcomes, tmp_path, names=pages, minutes=minutes)
    written = [
        Episode(each.labels, each.start, each.end if (each.end or minutes) < minutes else None)
        for each in read_episodes()[OUTAGES[0].name]
        if each.name in pages and each.start < minutes
    ]
    assert found == written


def test_written_episodes_are_of_alerts_that_exist() -> None:
    rules = [rule for group in read_rules() for rule in group["rules"] if "alert" in rule]
    known = {rule["alert"] for rule in rules}
    assert {each.name for found in read_episodes().values() for each in found} <= known


@pytest.fixture(scope="module")
def notifications(tmp_path_factory: pytest.TempPathFactory) -> list[Notification]:
    return deliver_episodes(
        read_episodes(), build_fast_config, tmp_path_factory.mktemp("outages"), minutes=MINUTES
    )


def list_messages(notifications: Sequence[Notification], outage: Outage) -> list[Notification]:
    return [each for each in notifications if each.house == outage.name]


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.name)
def test_an_outage_gives_one_page_at_most(
    outage: Outage, notifications: list[Notification]
) -> None:
    pages = [
        each
        for each in list_messages(notifications, outage)
        if each.receiver == "slo-page" and each.firing and each.is_first
    ]
    assert [each.firing for each in pages] == ([(outage.page,)] if outage.page else [])


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.name)
def test_no_ticket_comes_while_the_page_of_the_outage_is_open(
    outage: Outage, notifications: list[Notification]
) -> None:
    is_open, tickets = False, []
    for each in list_messages(notifications, outage):
        if each.receiver == "slo-page":
            is_open = bool(each.firing)
        elif is_open and each.firing:
            tickets.append(each)
    assert tickets == []


def describe_message(message: Notification) -> Row:
    names = ", ".join(f"`{name}`" for name in message.firing or message.resolved)
    kind = "resolved" if not message.firing else "" if message.is_first else "update"
    return f"{message.minute - LEAD:.0f}", f"`{message.receiver}`", names, kind


def list_rows(notifications: Sequence[Notification]) -> list[tuple[str, Row]]:
    return [
        (outage.text, row)
        for outage in OUTAGES
        for row in (
            [describe_message(each) for each in list_messages(notifications, outage)]
            or [("", "nobody", "", "")]
        )
    ]


def render_table(notifications: Sequence[Notification]) -> str:
    head = "| outage | minute | receiver | alerts | |\n|---|---|---|---|---|\n"
    shown, lines = "", []
    for text, row in list_rows(notifications):
        lines.append(f"| {'' if text == shown else text} | {' | '.join(row)} |\n")
        shown = text
    return head + "".join(lines)


def read_table() -> list[list[str]]:
    text = PAGE.read_text()
    table = text[text.index(BEGIN) + len(BEGIN) : text.index(END)]
    return [
        [cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()[2:]
    ]


def test_the_page_shows_what_on_call_gets(notifications: list[Notification]) -> None:
    if os.environ.get("UPDATE_GOLDENS"):
        text = PAGE.read_text()
        before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
        PAGE.write_text(before + render_table(notifications) + after)
    written = read_table()
    found = [list(row) for _, row in list_rows(notifications)]
    assert [cells[2:] for cells in written] == [cells[1:] for cells in found]
    for (_, minute, *_), (now, *_) in zip(written, found, strict=True):
        assert abs(float(minute or 0) - float(now or 0)) <= TOLERANCE
