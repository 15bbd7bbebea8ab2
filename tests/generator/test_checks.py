"""Checks of `slo-rules check` that query Prometheus, and the page of each check."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from generator import lint
from generator.lint import _run
from generator.model import SLO, MetricFacts
from generator.pipeline import BuildSettings
from generator.settings import RunSettings
from slos.schema.problem import Problem
from tests.generator.spec_pipeline import build_plans, resolve_single_slo
from tests.schema.specs import build_slo, build_spec
from tests.schema.test_standalone_alerts import RECORDING, build_alert

PAGES = Path(__file__).parents[2] / "docs" / "checks"
RUNBOOKS = {"runbook_url_prefix": "https://runbooks.example"}


@dataclass(frozen=True)
class UniformPrometheus:
    """A Prometheus that says the same of everything."""

    facts: MetricFacts

    def read_slo_facts(self, _: SLO) -> MetricFacts:
        return self.facts

    def read_query_facts(self, _: str) -> MetricFacts:
        return self.facts


class ExportingPrometheus:
    """A Prometheus with some metrics, each of one series."""

    def __init__(self, **types: str) -> None:
        self.types = types

    def read_slo_facts(self, one: SLO) -> MetricFacts:
        there = {each: 1 for each in one.signal.sources if each.partition("{")[0] in self.types}
        return MetricFacts(self.types, there)

    def read_query_facts(self, _: str) -> MetricFacts:
        return MetricFacts(self.types)


def find_problems(
    *documents: object, facts: UniformPrometheus | ExportingPrometheus
) -> list[Problem]:
    settings = BuildSettings(run_settings=RunSettings(review=True, metrics_source=facts))
    return list(build_plans(*documents, settings=settings).problems)


@pytest.mark.parametrize(
    ("facts", "check"),
    [
        (MetricFacts(), "no-such-metric"),
        (MetricFacts(metrics={"http_requests_total": 3}), "no-such-metric"),
        (MetricFacts(types={"http_requests_total": "gauge"}), "not-a-counter"),
        (MetricFacts(samples=2_000_000), "many-samples"),
        (MetricFacts(series={"http_requests_total": 20_000}), "many-groups"),
        (MetricFacts(events=500), "tight-objective"),
    ],
)
def test_a_prometheus_that_is_asked_shows_more(facts: MetricFacts, check: str) -> None:
    found = find_problems(build_spec(**RUNBOOKS), facts=UniformPrometheus(facts))
    assert check in {problem.check for problem in found}


def test_a_prometheus_with_all_in_order_shows_nothing() -> None:
    series = dict.fromkeys(resolve_single_slo().signal.sources, 3)
    types = {"http_requests_total": "counter"}
    facts = MetricFacts(types, series, samples=100, events=10_000_000)
    assert find_problems(build_spec(**RUNBOOKS), facts=UniformPrometheus(facts)) == []


def build_error_slo(metric: str) -> dict[str, Any]:
    error = f'sum(rate({metric}{{code="500"}}[{{{{.window}}}}]))'
    total = "sum(rate(hits_total[{{.window}}]))"
    return build_slo(sli={"events": {"error_query": error, "total_query": total}})


def test_a_typo_in_an_error_query_is_found_in_a_prometheus() -> None:
    live = ExportingPrometheus(hits_total="counter")
    assert find_problems(build_spec(build_error_slo("hits_total"), **RUNBOOKS), facts=live) == []
    (problem,) = find_problems(build_spec(build_error_slo("hist_total"), **RUNBOOKS), facts=live)
    assert problem.check == "no-such-metric"
    assert "no metric hist_total" in problem.message


@pytest.mark.parametrize(
    ("query", "checks"),
    [("up", []), ("upp", ["no-such-metric"]), ("rate(rooms_total[5m])", ["not-a-counter"])],
)
@pytest.mark.parametrize("key", ["alerts", "recordings"])
def test_queries_beside_slos_are_checked_in_a_prometheus(
    key: str, query: str, checks: list[str]
) -> None:
    live = ExportingPrometheus(http_requests_total="counter", up="gauge", rooms_total="gauge")
    entry = build_alert(query=query) if key == "alerts" else {**RECORDING, "query": query}
    found = find_problems(build_spec(**{key: [entry]}, **RUNBOOKS), facts=live)
    assert [problem.check for problem in found] == checks


def test_what_the_build_records_need_not_be_there_yet() -> None:
    live = ExportingPrometheus(http_requests_total="counter", cpu_used="gauge", cpu_limit="gauge")
    reads = build_spec(
        alerts=[build_alert(query="cpu:used:ratio")], service="other", slos=[], **RUNBOOKS
    )
    (missing,) = find_problems(reads, facts=live)
    assert missing.check == "no-such-metric"
    records = build_spec(recordings=[RECORDING], **RUNBOOKS)
    assert find_problems(reads, records, facts=live) == []
    budget = build_alert(query="max(slo:period_burn_rate:ratio)")
    assert find_problems(build_spec(alerts=[budget], **RUNBOOKS), facts=live) == []


@pytest.mark.parametrize(
    ("metric", "is_reported"),
    [
        ("nginx_ingress_controller_requests", False),
        ("envoy_cluster_upstream_rq_xx", False),
        ("envoy_cluster_upstream_rq_active", True),
        ("queue_size", True),
    ],
)
def test_counters_of_exporters_without_a_suffix_are_known(
    metric: str,
    is_reported: bool,  # noqa: FBT001 - a case
) -> None:
    total = f"sum(rate({metric}[{{{{.window}}}}]))"
    errors = f'sum(rate({metric}{{code="500"}}[{{{{.window}}}}]))'
    sli = {"events": {"error_query": errors, "total_query": total}}
    settings = BuildSettings(run_settings=RunSettings(review=True))
    found = build_plans(build_spec(build_slo(sli=sli), **RUNBOOKS), settings=settings).problems
    assert ("metric-names" in {problem.check for problem in found}) is is_reported


def test_every_check_has_a_page_and_every_page_a_check() -> None:
    named = {*lint.load_checks(), _run.UNUSED_SILENCE}
    assert {page.stem for page in PAGES.glob("*.md")} == {*named, "README"}
    for name in named:
        assert (PAGES / f"{name}.md").read_text().startswith(f"# {name}\n")
        assert f"[{name}]({name}.md)" in (PAGES / "README.md").read_text()


@pytest.mark.parametrize(
    ("metric", "threshold", "meant"),
    [
        ("request_duration_seconds", 300, "300ms"),
        ("request_duration_milliseconds", Decimal("0.3"), "300ms"),
        ("request_duration_ms", 250_000, "250ms"),
        ("request_duration_seconds", Decimal("0.3"), None),
        ("request_duration_seconds", 60, None),
        ("request_duration_seconds", "5m", None),
        ("request_duration_ms", 5, None),
        ("request_duration_ms", "300s", None),
        ("request_duration", 300, None),
    ],
)
def test_a_number_far_from_usual_latencies_is_asked_about(
    metric: str, threshold: object, meant: str | None
) -> None:
    written = float(threshold) if isinstance(threshold, Decimal) else threshold
    sli = {"latency": {"metric": metric, "threshold": written}}
    problems = build_plans(build_spec(build_slo(sli=sli))).problems
    hints = [each.hint for each in problems if each.check == "odd-threshold"]
    assert [f"did you mean {meant}?" in hint for hint in hints] == ([True] if meant else [])
