"""Inhibition, notifications and alerting with a real Alertmanager."""

import queue
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import requests
import yaml

from exporter.devstack import stack
from generator.alerting.hours import DAYS, OfficeHours
from generator.outputs import OutputSettings
from generator.pipeline import BuildSettings
from tests.e2e.alertmanager import AlertmanagerServer, run_alertmanager, run_webhook_receiver
from tests.e2e.conftest import QUICK_SPEC
from tests.generator.amtool import BUILT, read_expected_alerts, read_fragment
from tests.generator.routing import build_counter_sli, render_files
from tests.schema.specs import build_slo, build_spec

ALERTS = read_expected_alerts()
# What nobody needs the prober for: containers, replicas, the rules themselves.
OF_OTHERS = {
    "AgentSREContainerWithoutLimits", "AgentSRELoadUneven", "AgentSREReplicasMissing",
    "AgentSREResourceHigh", "AgentSREValidationWatchdog", "SLORulesFailing", "SLOProbeDown",
}  # fmt: skip


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertmanagerServer]:
    with run_alertmanager(
        BUILT / "alertmanager.yml", tmp_path_factory.mktemp("alertmanager")
    ) as found:
        yield found


def fire_alerts(
    alertmanager: AlertmanagerServer, cluster: str, names: Iterable[str], *, over: bool = False
) -> None:
    """Each test has a cluster of its own, so that none silences another's."""
    alertmanager.post_alerts(
        *({**ALERTS[name], "cluster": cluster} for name in names), is_resolved=over
    )


def list_inhibited_alerts(alertmanager: AlertmanagerServer, cluster: str, *, of: int) -> set[str]:
    """The alerts that another explains, once all have come in."""

    def all_in() -> dict[str, bool] | None:
        found = alertmanager.list_inhibited(cluster=cluster)
        return found if len(found) == of else None

    found = alertmanager.child.wait_for(all_in)
    return {name for name, inhibited in found.items() if inhibited}


def wait_for_inhibited(
    alertmanager: AlertmanagerServer, cluster: str, wanted: set[str], *, of: int
) -> None:
    """Sources are known to the inhibition a moment after the API has taken them."""

    def is_so() -> bool:
        return list_inhibited_alerts(alertmanager, cluster, of=of) == wanted

    alertmanager.child.wait_for(is_so, timeout=20)


def test_a_page_silences_the_ticket_of_its_own_slo(alertmanager: AlertmanagerServer) -> None:
    names = ["AgentSREUnavailable", "AgentSREUnavailableTicket"]
    others = ["AgentSRECalledAfterVerdictTicket", "AgentSREOrphans", "AgentSRENoData"]
    fire_alerts(alertmanager, "pages", [*names, *others])
    wait_for_inhibited(alertmanager, "pages", {"AgentSREUnavailableTicket"}, of=5)


def test_a_ticket_without_a_page_is_notified(alertmanager: AlertmanagerServer) -> None:
    fire_alerts(alertmanager, "tickets", ["AgentSREUnavailableTicket", "AgentSREStageP95High"])
    assert list_inhibited_alerts(alertmanager, "tickets", of=2) == set()


def test_a_page_of_one_path_does_not_silence_the_ticket_of_another(
    alertmanager: AlertmanagerServer,
) -> None:
    page, ticket = ALERTS["AgentSREUnavailable"], ALERTS["AgentSREUnavailableTicket"]
    cluster = {"cluster": "paths"}
    alertmanager.post_alerts(
        {**page, **cluster, "path": "broker"}, {**ticket, **cluster, "path": "direct"}
    )
    assert list_inhibited_alerts(alertmanager, "paths", of=2) == set()


def test_only_the_direct_path_explains_other_tickets(alertmanager: AlertmanagerServer) -> None:
    for path, expected in (("direct", {"AgentSREStageP95High"}), ("broker", set())):
        cluster = {"cluster": f"explained-{path}"}
        alertmanager.post_alerts(
            {**ALERTS["AgentSREUnavailable"], **cluster, "path": path},
            {**ALERTS["AgentSREStageP95High"], **cluster},
        )
        wait_for_inhibited(alertmanager, cluster["cluster"], expected, of=2)


def test_a_prober_down_silences_its_alerts(alertmanager: AlertmanagerServer) -> None:
    fire_alerts(alertmanager, "prober", ALERTS)
    wait_for_inhibited(alertmanager, "prober", set(ALERTS) - OF_OTHERS, of=len(ALERTS))


def test_clusters_do_not_silence_each_other(alertmanager: AlertmanagerServer) -> None:
    fire_alerts(alertmanager, "here", ["SLOProbeDown", "AgentSREUnavailable"])
    fire_alerts(alertmanager, "there", ["AgentSREUnavailable"])
    wait_for_inhibited(alertmanager, "here", {"AgentSREUnavailable"}, of=2)
    assert list_inhibited_alerts(alertmanager, "there", of=1) == set()


def test_a_symptom_that_outlasts_its_cause_is_notified(alertmanager: AlertmanagerServer) -> None:
    fire_alerts(alertmanager, "after", ["SLOProbeDown", "AgentSREUnavailable"])
    wait_for_inhibited(alertmanager, "after", {"AgentSREUnavailable"}, of=2)
    fire_alerts(alertmanager, "after", ["SLOProbeDown"], over=True)
    wait_for_inhibited(alertmanager, "after", set(), of=1)


def test_a_silenced_cause_still_inhibits(alertmanager: AlertmanagerServer) -> None:
    alertmanager.add_silence(alertname="SLOProbeDown", cluster="silenced")
    fire_alerts(alertmanager, "silenced", ["SLOProbeDown", "AgentSREUnavailable"])
    wait_for_inhibited(alertmanager, "silenced", {"AgentSREUnavailable"}, of=2)


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


def shorten_waits(routes: list[dict[str, Any]], pace: dict[str, str]) -> None:
    """The same tree without its patience."""
    for route in routes:
        route.update(pace)
        shorten_waits(route.get("routes", []), pace)


@contextmanager
def run_with_receivers(
    folder: Path, config: dict[str, Any], **pace: str
) -> Iterator[tuple[AlertmanagerServer, Received]]:
    """Run Alertmanager with one webhook per role; yield it and the received messages."""
    shutil.copytree(BUILT / "templates", folder / "templates")
    quick = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h", **pace}
    with run_webhook_receiver() as (address, received):
        shorten_waits(config["route"]["routes"], quick)
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
        with run_alertmanager(path, folder) as alertmanager:
            yield alertmanager, received


def read_message(received: Received) -> tuple[str, str, list[str]]:
    """The next one: the role it was for, its title and the lines of its text."""
    role, body = received.get(timeout=20)
    (attachment,) = body["attachments"]
    return role, attachment["title"], attachment["text"].split("\n")


def build_config(hours: OfficeHours | None, *documents: object) -> dict[str, Any]:
    """The configuration of specs, with other hours."""
    output = OutputSettings(office_hours=hours)
    config = render_files(*documents, settings=BuildSettings(output=output))["alertmanager.yml"]
    assert isinstance(config, dict)
    return config


def test_a_page_begins_with_its_numbers_and_ends_with_where_to_look(tmp_path: Path) -> None:
    with run_with_receivers(tmp_path, read_fragment()) as (alertmanager, received):
        page = ALERTS["AgentSREUnavailable"]
        alertmanager.post_alerts(page, annotations=NUMBERS)
        role, title, lines = read_message(received)
        assert role == "slo-page"
        assert title == f"{NUMBERS['value']} · AgentSREUnavailable · agent-sre availability"
        assert lines[:4] == [
            NUMBERS["value"],
            f"burn rate: {NUMBERS['burn_rate']}",
            f"error budget spent: {NUMBERS['budget_gone']}",
            f"error budget lasts: {NUMBERS['time_to_exhaustion']}",
        ]
        assert lines[4].startswith(
            "AgentSREUnavailable owner=sre path=example severity=critical sloth_id="
        )
        assert lines[5:7] == [NUMBERS["summary"], NUMBERS["description"]]
        assert f"runbook: {NUMBERS['runbook_url']}" in lines
        assert f"dashboard: {NUMBERS['dashboard_url']}" in lines
        assert not any("<no value>" in line for line in (title, *lines))

        alertmanager.post_alerts(page, annotations=NUMBERS, is_resolved=True)
        _, title, lines = read_message(received)
        assert title.startswith("resolved: ")
        assert lines[0].startswith("resolved: AgentSREUnavailable ")


SPLIT = build_spec(
    build_slo(
        name="runs", sli=build_counter_sli("runs_total", group_by="path"), alerting={"name": "Runs"}
    ),
    build_slo(name="other", sli=build_counter_sli("other_total"), alerting={"name": "Other"}),
)


def build_shop_labels(name: str, severity: str, **labels: str) -> dict[str, str]:
    identity = {"sloth_id": "shop-runs", "sloth_service": "shop", "sloth_slo": "runs"}
    return {**identity, "alertname": name, "severity": severity, **labels}


def test_all_parts_of_an_slo_come_in_one_message_and_another_slo_in_its_own(tmp_path: Path) -> None:
    config = build_config(None, SPLIT)
    with run_with_receivers(tmp_path, config, group_wait="2s") as (alertmanager, received):
        parts = [build_shop_labels("Runs", "critical", path=path) for path in ("direct", "broker")]
        other = {
            **build_shop_labels("Other", "critical"),
            "sloth_id": "shop-other",
            "sloth_slo": "other",
        }
        alertmanager.post_alerts(*parts, other)
        titles = sorted(read_message(received)[1] for _ in range(2))
        assert titles == ["Other · shop other", "Runs · shop runs · 2 alerts"]


def choose_hours_not_now() -> OfficeHours:
    """Days that are neither today nor beside it, whatever the clock says by then."""
    today = datetime.now(UTC).weekday() + 1
    beside = {DAYS[(today + step) % 7] for step in (-1, 0, 1)}
    return OfficeHours(
        days=tuple(day for day in DAYS if day not in beside), start="00:00", end="24:00"
    )


def test_out_of_hours_only_pages_are_notified(tmp_path: Path) -> None:
    config = build_config(choose_hours_not_now(), SPLIT)
    with run_with_receivers(tmp_path, config) as (alertmanager, received):
        waiting = [
            build_shop_labels("RunsTicket", "warning", path="a"),
            build_shop_labels("Runs", "info", path="b"),
        ]
        alertmanager.post_alerts(*waiting)
        said = ("route is not within active time", "route is within mute time")
        alertmanager.child.wait_for(lambda: all(words in alertmanager.read_log() for words in said))
        alertmanager.post_alerts(build_shop_labels("Runs", "critical", path="c"))
        assert read_message(received)[0] == "slo-page"
        assert received.empty()


def test_tickets_are_notified_at_any_hour_without_office_hours(tmp_path: Path) -> None:
    with run_with_receivers(tmp_path, build_config(None, SPLIT)) as (alertmanager, received):
        alertmanager.post_alerts(
            build_shop_labels("RunsTicket", "warning"), build_shop_labels("Runs", "info")
        )
        assert {read_message(received)[0] for _ in range(2)} == {"slo-ticket", "slo-info"}


def test_a_heartbeat_is_notified_repeatedly(tmp_path: Path) -> None:
    pace = {"group_interval": "1s", "repeat_interval": "900ms"}
    with run_with_receivers(tmp_path, read_fragment(), **pace) as (alertmanager, received):
        alertmanager.post_alerts(ALERTS["AgentSREValidationWatchdog"])
        assert [read_message(received)[0] for _ in range(3)] == ["slo-watchdog"] * 3


ALERT = "QuickValidationFailureRateHigh"


def _wait_for_notification(received: Received, status: str) -> dict[str, Any]:
    """The next notification about the alert with a status; fails after a minute of silence."""
    while True:
        _, message = received.get(timeout=60)
        for alert in message["alerts"]:
            if alert["labels"]["alertname"] == ALERT and alert["status"] == status:
                return dict(alert)


def test_a_lost_event_becomes_an_alert_and_resolves(tmp_path: Path) -> None:
    missing: list[str] = []
    with (
        run_webhook_receiver() as (webhook, received),
        stack.run_stack(
            tmp_path, specs=QUICK_SPEC, faults=["lost"], webhook=webhook, print_line=missing.append
        ) as running,
    ):
        assert not missing
        fired = _wait_for_notification(received, "firing")
        assert fired["labels"]["severity"] == "warning"
        assert fired["labels"]["sloth_slo"] == "validation-failure-rate"
        assert fired["annotations"]["runbook_url"] == (
            "https://runbooks.example/agent-sre/quick-validation-failure-rate-high.md"
        )
        summary = fired["annotations"]["summary"]
        percent = float(summary.split(": ")[1].split(" %")[0])
        assert 5 < percent <= 100
        assert "{{" not in summary
        assert "lambda_function" not in fired["annotations"]
        requests.post(f"{running.agent}/fault", data="none", timeout=5)
        assert _wait_for_notification(received, "resolved")["labels"] == fired["labels"]
