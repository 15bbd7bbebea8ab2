"""Commands of runbook pages: silences in a real Alertmanager, queries in Prometheus."""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from exporter.devstack import stack
from generator.pipeline import BuildSettings, render_folder
from tests.e2e.alertmanager import AlertmanagerServer, run_alertmanager
from tests.exporter.slo_probe import run_prometheus
from tests.generator.amtool import BUILT, read_expected_alerts
from tests.generator.markdown_page import MarkdownPage, find_silence_command, parse_page
from tests.generator.spec_pipeline import build_plans
from tests.schema.specs import build_slo, build_spec

RUNBOOKS = Path(__file__).parents[2] / "rules" / "runbooks"
HOURS = {"2h": 2, "1d": 24}
ALERTS = read_expected_alerts()


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertmanagerServer]:
    """A real one with the configuration that is built beside the pages."""
    with run_alertmanager(
        BUILT / "alertmanager.yml", tmp_path_factory.mktemp("alertmanager")
    ) as found:
        yield found


def run_command(command: str, alertmanager: AlertmanagerServer) -> str:
    """Run a command in a shell, with our own Alertmanager in place of that of the page."""
    program = stack.find_binary("amtool")
    assert program, "amtool is missing; make test brings it"
    place = f"{program.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command.replace("http://localhost:9093", alertmanager.url)],
        capture_output=True,
        check=False,
        text=True,
        timeout=20,
        env={"PATH": place, "USER": "kim", "HOME": "/nonexistent"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def list_silenced(alertmanager: AlertmanagerServer, ids: set[str]) -> set[str]:
    """The names of alerts that one of these silences hides."""
    found = requests.get(f"{alertmanager.url}/api/v2/alerts", timeout=5).json()
    return {
        each["labels"]["alertname"] for each in found if ids & set(each["status"]["silencedBy"])
    }


def get_silence(alertmanager: AlertmanagerServer, id_: str) -> dict[str, Any]:
    address = f"{alertmanager.url}/api/v2/silence/{id_.strip()}"
    found: dict[str, Any] = requests.get(address, timeout=5).json()
    return found


@pytest.mark.parametrize(
    ("file", "alert", "beside"),
    [
        ("agent-sre-unavailable", "AgentSREUnavailable", "AgentSREUnavailableTicket"),
        ("agent-sre-nodata", "AgentSRENoData", "AgentSREUnavailable"),
        ("agent-sre-stage-p95-high", "AgentSREStageP95High", "AgentSREEndToEndSlow"),
        ("slo-probe-down", "SLOProbeDown", "SLOProbeUnhealthy"),
    ],
)
def test_page_silences(
    alertmanager: AlertmanagerServer, file: str, alert: str, beside: str
) -> None:
    text = (RUNBOOKS / f"{file}.md").read_text()
    page = parse_page(text)
    alertmanager.post_alerts(ALERTS[alert], ALERTS[beside])
    id_ = run_command(find_silence_command(page), alertmanager).strip()
    made = get_silence(alertmanager, id_)
    assert made["status"]["state"] == "active"
    assert made["createdBy"] == "kim"
    ends = datetime.fromisoformat(made["endsAt"]) - datetime.now(UTC)
    lengths = [timedelta(hours=hours) for hours in HOURS.values()]
    assert any(abs(ends - length) < timedelta(minutes=5) for length in lengths)
    assert list_silenced(alertmanager, {id_}) == {alert}
    (expire,) = re.findall(r"`(amtool silence expire .*) ID`", text)
    run_command(f"{expire} {id_}", alertmanager)
    assert get_silence(alertmanager, id_)["status"]["state"] == "expired"


@pytest.mark.parametrize(
    "name", ["""It's "down" \\ `reboot` $(reboot) {{ x }} =~ é\n#""", "a.b\r\u2028(c)\t'0'"]
)
def test_hostile_names_are_silenced(alertmanager: AlertmanagerServer, name: str) -> None:
    alertmanager.post_alerts({"alertname": name, "sloth_id": "shop-requests"})
    ids = {
        run_command(find_silence_command(page), alertmanager).strip()
        for page in render_pages(build_spec(build_slo(alerting={"name": name})))
    }
    assert len(ids) == 3
    assert list_silenced(alertmanager, ids) == {name}


def test_a_silenced_page_still_holds_back_its_ticket_as_it_says(
    alertmanager: AlertmanagerServer,
) -> None:
    text = (RUNBOOKS / "agent-sre-unavailable.md").read_text()
    assert "A silenced page still inhibits the tickets of its SLO." in text
    page, ticket = ALERTS["AgentSREUnavailable"], ALERTS["AgentSREUnavailableTicket"]
    alertmanager.post_alerts(page, ticket)
    id_ = run_command(find_silence_command(parse_page(text)), alertmanager).strip()
    identity = {"sloth_id": ticket["sloth_id"]}
    alertmanager.child.wait_for(
        lambda: alertmanager.list_inhibited(**identity).get("AgentSREUnavailableTicket")
    )
    assert list_silenced(alertmanager, {id_}) == {"AgentSREUnavailable"}


def render_pages(document: dict[str, Any]) -> list[MarkdownPage]:
    """The pages of alerts of a spec."""
    plans = build_plans(document)
    assert not plans.has_errors
    artifacts = render_folder(plans.plans, "runbooks", BuildSettings())
    return [parse_page(each.text) for each in artifacts if each.keeps_notes]


def test_prometheus_takes_every_query_of_every_page(tmp_path: Path) -> None:
    pages = [parse_page(path.read_text()) for path in RUNBOOKS.glob("*.md")]
    queries = {query for page in pages for query in (*page.queries, *page.graph_queries)}
    assert len(queries) > 100
    with run_prometheus(tmp_path, "itself") as url, requests.Session() as asked:
        for query in sorted(queries):
            params = {"query": query}
            answer = asked.get(f"{url}/api/v1/query", params=params, timeout=10).json()
            assert answer["status"] == "success", (query, answer)
