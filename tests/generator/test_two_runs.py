"""Labels of a run: one spec built for two clusters gives separate SLOs."""

from pathlib import Path
from typing import Any

import promql_parser as ast
import pytest

from exporter.devstack.stack import find_binary
from generator import names
from generator.model import RecordingRule
from generator.pipeline import BuildSettings, render_folder
from generator.settings import RunSettings
from slos.schema import promql
from tests.generator.command_line import run_slo_rules
from tests.generator.promtool import check_rules_on_series
from tests.generator.spec_pipeline import build_plans
from tests.schema.specs import build_slo, build_spec, dump_yaml

ALERTING = {
    "name": "Failing",
    "page_alert": {"min_events": 5},
    "threshold_alerts": [{"name": "High", "above": "5%", "over": "5m"}],
}
LATENCY = {"latency": {"metric": "m", "threshold": 1}}
GAUGE = {"gauge": {"metric": "up"}}
OFF = {"disable": True}
FEW = {**ALERTING, "page_alert": OFF, "ticket_alert": OFF}
RECORDING = {
    "record": "shop:memory:ratio",
    "description": "Memory in use.",
    "query": "max(memory_used_bytes)",
    "labels": {"resource": "memory"},
    "example": [{"series": "memory_used_bytes", "times": 1}],
}
SPEC = build_spec(
    build_slo(objective=99, alerting=ALERTING),
    build_slo(name="latency", objective=90, sli=LATENCY),
    build_slo(name="gauge", objective=90, sli=GAUGE),
    labels={"owner": "web"},
)


def build_run_settings(cluster: str) -> BuildSettings:
    return BuildSettings(run_settings=RunSettings(extra_labels={"cluster": cluster}))


def list_rules(document: object, settings: BuildSettings) -> list[Any]:
    return [
        rule
        for plan in build_plans(document, settings=settings).plans
        for group in plan.groups
        for rule in group.rules
    ]


def test_every_recorded_series_has_the_labels_of_the_run_and_no_tier_those_of_the_spec() -> None:
    for rule in list_rules(SPEC, build_run_settings("a")):
        if isinstance(rule, RecordingRule):
            assert rule.labels["cluster"] == "a"
            assert ("owner" in rule.labels) is not rule.record.startswith("slo:sli_") or (
                rule.record.startswith(("slo:sli_error:", "slo:sli_latency:"))
            )


def test_every_selector_of_recorded_series_asks_for_the_labels_of_the_run() -> None:
    for rule in list_rules(SPEC, build_run_settings("a")):
        for node in promql.walk_nodes(promql.parse_query(rule.expr)):
            if isinstance(node, ast.VectorSelector) and (node.name or "").startswith("slo:"):
                asked = {matcher.name: matcher.value for matcher in node.matchers.matchers}
                assert asked["cluster"] == "a"
                assert names.ID in asked


def test_the_rules_of_two_runs_live_in_one_prometheus(tmp_path: Path) -> None:
    for cluster in ("a", "b"):
        plans = build_plans(SPEC, settings=build_run_settings(cluster)).plans
        (artifact, *_) = render_folder(plans, "prometheus", build_run_settings(cluster))
        (tmp_path / f"{cluster}.yaml").write_text(artifact.text)
    series = [
        {"series": 'http_requests_total{code="500"}', "values": "0+95x400"},
        {"series": 'http_requests_total{code="200"}', "values": "0+5x400"},
    ]
    checks = [
        {
            "expr": f'count(last_over_time({metric}{{sloth_slo="requests"}}[10m]))',
            "eval_time": "65m",
            "exp_samples": [{"labels": "{}", "value": 2}],
        }
        for metric in (
            "slo:sli_total:sum1m",
            "slo:sli_errors:sum1m",
            "slo:sli_errors:sum10m",
            "slo:sli_error:ratio_rate5m",
            "slo:period_events:remaining",
            "slo:period_error_budget_remaining:ratio",
        )
    ]
    fires = {"expr": 'count(ALERTS{alertname="Failing", cluster=~"a|b"})', "eval_time": "65m"}
    checks.append({**fires, "exp_samples": [{"labels": "{}", "value": 2}]})
    check_rules_on_series(tmp_path, series, checks, rule_files=("a.yaml", "b.yaml"))


@pytest.mark.parametrize("sli", [GAUGE, LATENCY])
def test_the_tests_that_come_with_the_rules_know_the_labels_of_the_run(
    sli: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "shop.yaml").write_bytes(
        dump_yaml(
            build_spec(
                build_slo(sli=sli, alerting=FEW), recordings=[RECORDING], labels={"owner": "web"}
            )
        )
    )
    built = run_slo_rules(
        "build", tmp_path / "shop.yaml", "-l", "cluster=a", "-o", tmp_path / "rules"
    )
    assert built.exit_code == 0, built.output
    program = find_binary("promtool")
    assert program, "promtool is missing; run 'make tools'"
    result = run_slo_rules("test", tmp_path / "rules" / "tests", "--promtool", program)
    assert result.exit_code == 0, result.output
