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
from tests.e2e.replay.evaluation import Episode, list_alert_rules, read_rules
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

pytestmark = pytest.mark.timeout(600)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "alertmanager.md"
BEGIN, END = "<!-- outages: begin -->\n", "<!-- outages: end -->"
ALL = os.environ.get("OUTAGES") == "all"
TOLERANCE = 2.0
"""Minutes by which a message may come later than in the table: a second on a busy machine."""

Row = tuple[int, str, str]


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
    known = {rule.alert for rule in list_alert_rules(read_rules())}
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
def test_no_ticket_comes_while_the_page_fires(
    outage: Outage, notifications: list[Notification]
) -> None:
    """A ticket that outlasts the page is about what the outage has cost."""
    pages = [each for each in read_episodes()[outage.name] if each.name == outage.page]
    begin = min((each.start for each in pages), default=0.0)
    end = min((each.end or MINUTES for each in pages), default=0.0)
    tickets = [
        each
        for each in list_messages(notifications, outage)
        if each.receiver != "slo-page" and begin <= each.minute < end
    ]
    assert tickets == []


def list_rows(notifications: Sequence[Notification], outage: Outage) -> list[Row]:
    """Without updates of an incident that is open already."""
    rows = []
    for each in list_messages(notifications, outage):
        names = ", ".join(f"`{name}`" for name in each.firing or each.resolved)
        text = f"{names} resolved" if not each.firing else names
        if each.is_first or not each.firing:
            rows.append((round(each.minute - LEAD), f"`{each.receiver}`", text))
    return sorted(rows)


def render_table(notifications: Sequence[Notification]) -> str:
    lines = ["| outage | minute | receiver | alerts |\n", "|---|---|---|---|\n"]
    for outage in OUTAGES:
        text = outage.text
        rows = list_rows(notifications, outage)
        for minute, receiver, alerts in rows:
            lines.append(f"| {text} | {minute} | {receiver} | {alerts} |\n")
            text = ""
        if not rows:
            lines.append(f"| {text} | | nobody | |\n")
    return "".join(lines)


def read_table() -> dict[str, list[Row]]:
    text = PAGE.read_text()
    rows: dict[str, list[Row]] = {}
    for line in text[text.index(BEGIN) + len(BEGIN) : text.index(END)].splitlines()[2:]:
        outage, minute, receiver, alerts = (cell.strip() for cell in line.strip("|").split("|"))
        found = rows.setdefault(outage or next(reversed(rows)), [])
        if minute:
            found.append((int(minute), receiver, alerts))
    return rows


def test_the_page_shows_what_on_call_gets(notifications: list[Notification]) -> None:
    if os.environ.get("UPDATE_GOLDENS"):
        text = PAGE.read_text()
        before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
        PAGE.write_text(before + render_table(notifications) + after)
    written = read_table()
    assert list(written) == [outage.text for outage in OUTAGES]
    for outage in OUTAGES:
        by_text = [
            sorted(rows, key=lambda row: (row[1:], row[0]))
            for rows in (written[outage.text], list_rows(notifications, outage))
        ]
        assert [row[1:] for row in by_text[0]] == [row[1:] for row in by_text[1]]
        for (minute, *_), (now, *_) in zip(*by_text, strict=True):
            assert abs(minute - now) <= TOLERANCE
