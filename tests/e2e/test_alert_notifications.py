"""What people get to read, and when, from a real Alertmanager with the built configuration."""

import queue
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from generator.outputs import OutputSettings
from generator.pipeline import Settings
from generator.routing.hours import DAYS, Hours
from tests.e2e.alertmanager import Alertmanager, inbox, running
from tests.generator.amtool import BUILT, fragment, real_alerts
from tests.generator.routed import counted, files
from tests.schema.specs import slo, spec

ALERTS = real_alerts()
# What the rules of a page say when Prometheus has filled them in.
NUMBERS = {
    "value": "6.7 % of events are bad, 0.5 % allowed",
    "burn_rate": "at least 13.44 times over 1h",
    "budget_gone": "at least 8 % in 1h",
    "time_to_exhaustion": "at most 12h30m",
    "summary": "agent-sre availability: 6.7 % of events are bad",
    "description": "99.5 % of the events are executed.",
    "runbook_url": "https://runbooks.example/agent-sre-unavailable.md",
    "dashboard_url": "https://grafana.example/d/slo?var-slo=agent-sre-availability",
}
Received: TypeAlias = queue.Queue[tuple[str, dict[str, Any]]]


def hurried(routes: list[dict[str, Any]], pace: dict[str, str]) -> None:
    """The same tree without its patience."""
    for route in routes:
        route.update(pace)
        hurried(route.get("routes", []), pace)


@contextmanager
def notifying(
    folder: Path, config: dict[str, Any], **pace: str
) -> Iterator[tuple[Alertmanager, Received]]:
    """Alertmanager with a receiver behind each role, who tells what came under which role."""
    shutil.copytree(BUILT / "templates", folder / "templates")
    quick = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h", **pace}
    with inbox() as (address, received):
        hurried(config["route"]["routes"], quick)
        for receiver in config["receivers"]:
            receiver["slack_configs"] = [
                {
                    "api_url": f"{address}/{receiver['name']}",
                    "channel": "#slo",
                    "send_resolved": True,
                    "title": '{{ template "slo.title" . }}',
                    "text": '{{ template "slo.text" . }}',
                }
            ]
        path = folder / "alertmanager.yml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        with running(path, folder) as alertmanager:
            yield alertmanager, received


def message(received: Received) -> tuple[str, str, list[str]]:
    """The next one: the role it was for, its title and the lines of its text."""
    role, body = received.get(timeout=20)
    (attachment,) = body["attachments"]
    return role, attachment["title"], attachment["text"].split("\n")


def built(hours: Hours | None, *documents: object) -> dict[str, Any]:
    """The configuration of specs, with other hours."""
    output = OutputSettings(office_hours=hours)
    config = files(*documents, settings=Settings(output=output))["alertmanager.yml"]
    assert isinstance(config, dict)
    return config


def test_a_page_begins_with_its_numbers_and_ends_with_where_to_look(tmp_path: Path) -> None:
    with notifying(tmp_path, fragment()) as (alertmanager, received):
        page = ALERTS["AgentSREUnavailable"]
        alertmanager.post(page, annotations=NUMBERS)
        role, title, lines = message(received)
        assert role == "slo-page"
        assert title == f"{NUMBERS['value']} · AgentSREUnavailable · agent-sre availability"
        assert lines[:4] == [
            NUMBERS["value"],
            f"burn rate: {NUMBERS['burn_rate']}",
            f"budget gone: {NUMBERS['budget_gone']}",
            f"budget lasts: {NUMBERS['time_to_exhaustion']}",
        ]
        assert lines[4].startswith("AgentSREUnavailable owner=sre severity=critical sloth_id=")
        assert lines[5:7] == [NUMBERS["summary"], NUMBERS["description"]]
        assert f"runbook: {NUMBERS['runbook_url']}" in lines
        assert f"dashboard: {NUMBERS['dashboard_url']}" in lines
        assert not any("<no value>" in line for line in (title, *lines))

        alertmanager.post(page, annotations=NUMBERS, over=True)
        _, title, lines = message(received)
        assert title.startswith("resolved: ")
        assert lines[0].startswith("resolved: AgentSREUnavailable ")


SPLIT = spec(
    slo(name="runs", sli=counted("runs_total", by="path"), alerting={"name": "Runs"}),
    slo(name="other", sli=counted("other_total"), alerting={"name": "Other"}),
)


def of_shop(name: str, severity: str, **labels: str) -> dict[str, str]:
    identity = {"sloth_id": "shop-runs", "sloth_service": "shop", "sloth_slo": "runs"}
    return {**identity, "alertname": name, "severity": severity, **labels}


def test_all_parts_of_an_slo_come_in_one_message_and_another_slo_in_its_own(tmp_path: Path) -> None:
    config = built(None, SPLIT)
    with notifying(tmp_path, config, group_wait="2s") as (alertmanager, received):
        parts = [of_shop("Runs", "critical", path=path) for path in ("direct", "broker")]
        other = {**of_shop("Other", "critical"), "sloth_id": "shop-other", "sloth_slo": "other"}
        alertmanager.post(*parts, other)
        titles = sorted(message(received)[1] for _ in range(2))
        assert titles == ["Other · shop other", "Runs · shop runs · 2 alerts"]


def hours_not_now() -> Hours:
    """Days that are neither today nor beside it, whatever the clock says by then."""
    today = datetime.now(UTC).weekday() + 1
    beside = {DAYS[(today + step) % 7] for step in (-1, 0, 1)}
    return Hours(days=tuple(day for day in DAYS if day not in beside), start="00:00", end="24:00")


def test_out_of_hours_a_page_comes_and_a_ticket_and_an_info_wait(tmp_path: Path) -> None:
    config = built(hours_not_now(), SPLIT)
    with notifying(tmp_path, config) as (alertmanager, received):
        waiting = [of_shop("RunsTicket", "warning", path="a"), of_shop("Runs", "info", path="b")]
        alertmanager.post(*waiting)
        said = ("route is not within active time", "route is within mute time")
        alertmanager.child.wait_for(lambda: all(words in alertmanager.log() for words in said))
        alertmanager.post(of_shop("Runs", "critical", path="c"))
        assert message(received)[0] == "slo-page"
        assert received.empty()


def test_at_any_hour_a_ticket_comes_when_that_is_asked_for(tmp_path: Path) -> None:
    with notifying(tmp_path, built(None, SPLIT)) as (alertmanager, received):
        alertmanager.post(of_shop("RunsTicket", "warning"), of_shop("Runs", "info"))
        assert {message(received)[0] for _ in range(2)} == {"slo-ticket", "slo-info"}


def test_a_heartbeat_is_heard_again_and_again(tmp_path: Path) -> None:
    pace = {"group_interval": "1s", "repeat_interval": "900ms"}
    with notifying(tmp_path, fragment(), **pace) as (alertmanager, received):
        alertmanager.post(ALERTS["AgentSREValidationWatchdog"])
        assert [message(received)[0] for _ in range(3)] == ["slo-watchdog"] * 3
