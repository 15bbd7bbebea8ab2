"""Dashboards with a real Prometheus and a running prober: every panel has data."""

import json
import math
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client import CollectorRegistry, Gauge, Metric, start_http_server
from prometheus_client.registry import Collector

from exporter.devstack import stack
from exporter.devstack.stack import (
    ChildProcess,
    NotReadyError,
    find_binary,
    find_free_port,
    wait_for_line,
)
from exporter.metrics.checks import CheckMetrics, CheckSettings
from exporter.metrics.gauges import Gauges
from exporter.metrics.runs import ProbePath, RunMetrics
from generator import names
from generator.pipeline import BuildSettings, render_file
from slos.schema import contract
from slos.schema.accepted import AcceptedCriterion
from slos.schema.contract import Criterion, DeliveryPath, Stage, StageSource, Verdict
from slos.schema.loader import parse_specs
from tests.e2e.conftest import BIN
from tests.generator import dashboards
from tests.generator.dashboards import PanelQuery
from tests.generator.spec_pipeline import build_plans

_LEAKS = ("leak_slope", "leak_slope_low", "leak_slope_high", "leak_samples", "leak_epoch_age")
# By the labels of each, see the alerts about them in slos/.
_SCENARIOS = (
    (contract.THROUGHPUT, {"scenario": "throughput", "stage": "cloudevent_processing"}, 120),
    (contract.THROUGHPUT, {"scenario": "stress", "stage": "end_to_end"}, 90),
    (contract.CONCURRENCY_COMPLETED, {"scenario": "stress", "level": "150"}, 0.9),
    (contract.SCALING_EFFICIENCY, {"scenario": "scalability", "level": "5"}, 0.8),
    (contract.BREAKING_POINT, {"scenario": "stress"}, 80),
    (contract.BREAKING_POINT_LEVEL, {"scenario": "stress"}, 150),
    (contract.SCENARIO_COMPLETED, {"scenario": "stress"}, 1_700_000_000),
    (contract.SCENARIO_EVENTS, {"scenario": "stress", "verdict": "ok"}, 1_000),
    (contract.SCENARIO_RUNNING, {"scenario": "stress"}, 1),
)


@contextmanager
def serve_metrics(specs: Path) -> Iterator[str]:
    """The address of the page while the body runs."""
    registry = CollectorRegistry()
    _set_prober_gauges(registry)
    _set_gauges(registry, [*_SCENARIOS, *_list_recorded(specs)])
    server, thread = start_http_server(0, "127.0.0.1", registry=registry)
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def write_probe_config(folder: Path, agent: str, canary: int, spec: Path) -> Path:
    """The configuration of a prober in a hurry."""
    quick = {"interval": "1s", "timeout": "900ms", "late_after": "500ms", "settle": "100ms"}
    settings = {
        "target": {"url": f"{agent}/"},
        "canary": {"listen": f"127.0.0.1:{canary}"},
        "web": {"listen": "127.0.0.1:0"},
        "journal": {"path": str(folder / "journal.sqlite")},
        "specs": [str(spec)],
        "probes": {"remediation": quick, "availability": {"interval": "1s", "timeout": "900ms"}},
    }
    path = folder / "slo-probe.yaml"
    path.write_text(json.dumps(settings))
    return path


def write_prometheus_config(folder: Path, targets: Sequence[str], rules: str) -> Path:
    """The configuration of a Prometheus that scrapes them every second."""
    (folder / "rules.yaml").write_text(rules)
    path = folder / "prometheus.yml"
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yaml")],
        "scrape_configs": [{"job_name": "slo-probe", "static_configs": [{"targets": targets}]}],
    }
    path.write_text(json.dumps(settings))
    return path


class _SecurityCollector(Collector):
    """Counts an authentication and an accepted failure at each scrape, so that they increase."""

    def __init__(self, gauges: Gauges, checks: CheckMetrics) -> None:
        self._gauges, self._checks = gauges, checks

    def collect(self) -> Iterable[Metric]:
        self._gauges.authentication_duration.labels("accepted").observe(0.01)
        self._checks.count_checks({Criterion.CONTAINMENT: False}, [Criterion.CONTAINMENT])
        return ()


def _set_prober_gauges(registry: CollectorRegistry) -> None:
    gauges = Gauges(registry, version="seldom")
    for name in (*_LEAKS, "leak_verdict"):
        getattr(gauges, name).labels("working_set", "agent-sre-a").set(1)
    gauges.leak_signal_observed.labels("working_set").set(1)
    gauges.clock_skew.labels(StageSource.LINEAR).set(0.1)
    gauges.span_errors.labels("cloudevent.handle").inc()
    gauges.tls_expiry.labels(contract.SERVICE).set(2_000_000_000)
    gauges.start_at_zero(kinds=contract.LeftoverKind, sources=StageSource)
    seen = {Stage.LINEAR_ISSUE_CREATION: [StageSource.LINEAR, StageSource.TEMPO]}
    probe_path = ProbePath("remediation", DeliveryPath.DIRECT, seen, [])
    entry = AcceptedCriterion(criterion=Criterion.CONTAINMENT, reason="known", until="2100-01-01")
    settings = CheckSettings(frozenset({Criterion.CONTAINMENT}), (entry,))
    runs = RunMetrics(registry, probe_paths=[probe_path], targets={}, checks=settings)
    registry.register(_SecurityCollector(gauges, runs.checks))


def _list_recorded(specs: Path) -> Iterator[tuple[str, dict[str, str], float]]:
    for path in sorted(specs.glob("*.yaml")):
        located, _ = parse_specs(path.read_bytes(), path.name)
        for each in (found for spec in located for found in spec.spec.recordings):
            yield each.record, {**each.example_labels, **each.labels}, float(each.expect)


def _set_gauges(
    registry: CollectorRegistry, every: Sequence[tuple[str, dict[str, str], float]]
) -> None:
    names_of: dict[str, set[str]] = {}
    for name, labels, _ in every:
        names_of.setdefault(name, set()).update(labels)
    known = {
        name: Gauge(name, "Seldom.", sorted(found), registry=registry)
        for name, found in names_of.items()
    }
    for name, labels, value in every:
        # Records of one name may have different labels; Prometheus drops those that are empty.
        given = {label: labels.get(label, "") for label in names_of[name]}
        (known[name].labels(**given) if given else known[name]).set(value)


SPEC = Path(__file__).parent / "dashboards.yaml"
LATENCY, GROUPED = "agent-sre-end-to-end-latency", "agent-sre-checks"
QUICK = dashboards.build_spec_dashboards(SPEC.read_bytes())
# The prober's are those of this repository; the others read what the quick spec records.
BOARDS = {
    **dashboards.build_repository_dashboards(),
    **{name: QUICK[name] for name in ("slo-overview", "slo-detail")},
}
CASES = [
    *((query, LATENCY) for board in BOARDS.values() for query in dashboards.list_queries(board)),
    *(
        (query, GROUPED)
        for query in dashboards.list_queries(BOARDS["slo-detail"])
        if query.panel != 24
    ),
]
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class LiveDashboards:
    """A Prometheus behind the dashboards."""

    url: str
    process: ChildProcess

    def query_rows(self, query: PanelQuery, slo: str) -> Rows:
        """The series of a query as Grafana would ask for it now; without those of no number."""
        now = time.time()
        expr = dashboards.fill_variables(query.expr, BOARDS[query.board], {"slo": slo}, now)
        if query.instant:
            found = self.ask("query", query=expr, time=now)
        else:
            found = self.ask("query_range", query=expr, start=now - 30, end=now, step=1)
        return [row for row in found if _list_numbers(row)]

    def ask(self, way: str, **parameters: object) -> Rows:
        answer = requests.get(f"{self.url}/api/v1/{way}", params=parameters, timeout=10).json()  # type: ignore[arg-type]
        assert answer["status"] == "success", answer["error"]
        result: Rows = answer["data"]["result"]
        return result

    def wait_for(self, look: Callable[[], Rows | bool]) -> Any:  # noqa: ANN401 - what it found
        return self.process.wait_for(look, timeout=60)


def _list_numbers(row: dict[str, Any]) -> list[float]:
    values = [float(value) for _, value in row.get("values", [row.get("value")])]
    return [value for value in values if math.isfinite(value)]


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDashboards]:
    """Simulator, prober and Prometheus, and the page of what happens"""
    folder = tmp_path_factory.mktemp("dashboards")
    with ExitStack() as opened:

        def up(name: str, *command: str | Path) -> ChildProcess:
            child = stack.start_process(name, command, folder=folder)
            opened.callback(child.stop)
            return child

        probe = _start_prober(up, folder)
        beside = opened.enter_context(serve_metrics(dashboards.SLOS))
        port = find_free_port()
        config = write_prometheus_config(folder, [probe, beside], _render_rules())
        program = find_binary("prometheus")
        assert program, "Prometheus is missing; run: make tools"
        child = up(
            "prometheus", program, f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}", f"--web.listen-address=127.0.0.1:{port}",
        )  # fmt: skip
        found = LiveDashboards(f"http://127.0.0.1:{port}", child)
        child.wait_for(lambda: requests.get(f"{found.url}/-/ready", timeout=2).ok)
        found.wait_for(lambda: len(_query_firing(found)) > 1)
        yield found


def _render_rules() -> str:
    plans = build_plans(SPEC.read_bytes()).plans
    return render_file(plans, "prometheus", BuildSettings(), path=plans[0].path).text


def _start_prober(up: Callable[..., ChildProcess], folder: Path) -> str:
    """The address of a prober that sends to a simulated agent-sre once a second."""
    canary = find_free_port()
    agent = up(
        "simulator", BIN / "slo-probe", "simulate", "--listen", "127.0.0.1:0",
        "--function-url", f"http://127.0.0.1:{canary}/",
    )  # fmt: skip
    config = write_probe_config(folder, wait_for_line(agent, "listening on "), canary, SPEC)
    child = up("slo-probe", BIN / "slo-probe", "run", "--config", config)
    return wait_for_line(child, "web listening on ").removeprefix("http://")


def _query_firing(live: LiveDashboards) -> Rows:
    """Firing pages and more, of both SLOs."""
    firing = live.ask("query", query='ALERTS{alertstate="firing"}')
    found = {row["metric"]["sloth_id"] for row in firing}
    pages = [row for row in firing if row["metric"].get("sloth_severity") == "page"]
    return firing if found == {LATENCY, GROUPED} and pages else []


@pytest.mark.parametrize(("query", "slo"), CASES, ids=[f"{q}-{slo}" for q, slo in CASES])
def test_a_query_has_data_and_labels(live: LiveDashboards, query: PanelQuery, slo: str) -> None:
    try:
        rows = live.wait_for(lambda: live.query_rows(query, slo))
    except NotReadyError:
        pytest.fail(f"no data: {query.expr}")
    wanted = query.labels - (set() if slo == GROUPED else {"criterion"})
    if query.board == "slo-prober":
        wanted = query.labels
    seen = {label for row in rows for label in row["metric"]}
    assert wanted <= seen


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_every_column_of_a_table_is_there(live: LiveDashboards, board: dashboards.Board) -> None:
    tables = [
        panel for panel in dashboards.list_panels(board) if panel["type"] in ("table", "barchart")
    ]
    for panel in tables:
        of_panel = [query for query in dashboards.list_queries(board) if query.panel == panel["id"]]
        seen = {
            label
            for query in of_panel
            for row in live.wait_for(partial(live.query_rows, query, LATENCY))
            for label in row["metric"]
        }
        values = {f"Value #{query.ref}" for query in of_panel} | {"Value"}
        (kept,) = [
            step["options"]["include"]["names"]
            for step in panel["transformations"]
            if step["id"] == "filterFieldsByName"
        ]
        assert set(kept) <= seen | values


def _query_cell(live: LiveDashboards, board: str, panel: int, ref: str) -> Rows:
    (query,) = [
        each
        for each in dashboards.list_queries(BOARDS[board])
        if (each.panel, each.ref) == (panel, ref)
    ]
    rows: Rows = live.wait_for(lambda: live.query_rows(query, LATENCY))
    return rows


def test_the_verdicts_are_those_of_the_prober_that_runs(live: LiveDashboards) -> None:
    runs = {
        row["metric"]["verdict"]: max(_list_numbers(row))
        for row in _query_cell(live, "slo-prober", 10, "A")
    }
    assert set(runs) == set(Verdict)
    assert runs[Verdict.OK] + runs[Verdict.LATE] > 1


def test_firing_alerts_link_to_their_runbooks(live: LiveDashboards) -> None:
    told = {
        row["metric"]["alertname"]: row["metric"]["runbook_url"]
        for row in _query_cell(live, "slo-overview", 10, "A")
    }
    alerts = requests.get(f"{live.url}/api/v1/alerts", timeout=5).json()["data"]["alerts"]
    firing = [alert for alert in alerts if alert["state"] == "firing"]
    expected = {
        alert["labels"]["alertname"]: alert["annotations"]["runbook_url"] for alert in firing
    }
    assert expected.items() >= {
        ("QuickEndToEndSlow", "https://runbooks.example/agent-sre/quick-end-to-end-slow.md")
    }
    assert {name: told.get(name) for name in expected} == expected


def test_thresholds_are_drawn_where_alerts_fire_and_lead_to_their_runbooks(
    live: LiveDashboards,
) -> None:
    lines = {
        (row["metric"]["alertname"], row["metric"]["sloth_window"]): (
            row["values"][-1][1],
            row["metric"]["runbook_url"],
        )
        for row in _query_cell(live, "slo-detail", 21, "B")
    }
    page = "https://runbooks.example/agent-sre/quick-end-to-end-slow.md"
    # 2 % of an hour's budget in 20 s, 5 % in a minute; half of the events, of 5 % allowed.
    assert lines["QuickEndToEndSlow", "20s"] == ("3.6", page)
    assert lines["QuickEndToEndSlow", "1m"] == ("3", page)
    assert lines["QuickEndToEndVerySlow", "5s"][0] == "10"


def test_what_hurts_most_comes_first(live: LiveDashboards) -> None:
    """Everything of the latency fails: a page, other alerts, the highest burn, budget spent."""
    # Budgets come from a slower group than alerts.
    budget = f'{names.BUDGET_REMAINING}{{sloth_id="{LATENCY}"}}'
    live.wait_for(lambda: live.ask("query", query=budget))
    scores = {
        row["metric"]["sloth_id"]: float(row["value"][1])
        for row in _query_cell(live, "slo-overview", 11, "A")
    }
    # The budget of a period that has just begun is spent in part: 9 is what a spent one adds.
    assert 1000 + 100 + 90 < scores[LATENCY] <= 1000 + 100 + 90 + 9


def test_the_links_of_alerts_lead_to_panels_that_are_there(live: LiveDashboards) -> None:
    alerts = requests.get(f"{live.url}/api/v1/alerts", timeout=5).json()["data"]["alerts"]
    assert alerts
    for alert in alerts:
        url = alert["annotations"]["dashboard_url"]
        found = re.fullmatch(
            r"https://grafana.example/d/([\w-]+)\?var-slo=([\w-]+)(&var-criterion=[^&{}]+)?"
            r"&viewPanel=(\d+)",
            url,
        )
        assert found, url
        assert found[2] == alert["labels"]["sloth_id"]
        assert int(found[4]) in {panel["id"] for panel in dashboards.list_panels(BOARDS[found[1]])}
        assert bool(found[3]) == ("criterion" in alert["labels"])
