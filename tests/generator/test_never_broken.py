"""Whatever a person writes, it is refused with a place, or Prometheus loads what comes out."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.generator.command_line import call
from tests.generator.promtool import check_rules
from tests.generator.resolved import alert, planned, resolved
from tests.schema.specs import as_yaml, slo, spec

Json = dict[str, Any]


def events(
    error: str = "sum(rate(e[{{.window}}]))", total: str = "sum(rate(t[{{.window}}]))"
) -> Json:
    return {"events": {"error_query": error, "total_query": total}}


def raw(query: str) -> Json:
    return {"raw": {"error_ratio_query": query}}


def threshold(query: str, value: object = 1) -> Json:
    return {"threshold": {"query": query, "comparison": "<", "value": value}}


def alerting(**changes: object) -> Json:
    return {"name": "A", **changes}


def windows(longest: str, percent: object = 10) -> Json:
    quick = {"error_budget_percent": percent, "short_window": "5m", "long_window": "1h"}
    slow = {"error_budget_percent": percent, "short_window": "30m", "long_window": longest}
    return {"page": {"quick": quick, "slow": slow}, "ticket": {"quick": quick, "slow": slow}}


LOADABLE: dict[str, Json] = {
    "a backslash in a selector": {
        "sli": events(total=r'sum(rate(t{path=~"/a\\.b"}[{{.window}}]))')
    },
    "a quote in a selector": {"sli": events(total=r'sum(rate(t{path="a\"b"}[{{.window}}]))')},
    "a comment after a raw query": {"sli": raw("rate(up[{{.window}}]) # ratio")},
    "a comment after a threshold query": {"sli": threshold("up # x")},
    "a threshold query without series": {"sli": threshold("vector(1)")},
    "template braces in a description": {"description": "rate of {{things}}"},
    "a control character in a label": {"alerting": alerting(labels={"a": "q\x7fz"})},
    "a byte order mark in a label": {"labels": {"a": "\ufeffx"}},
    "a huge threshold": {"sli": threshold("up", 10**17)},
    "a huge number of events": {"alerting": alerting(page_alert={"min_events": 10**20})},
    "a huge latency": {"sli": {"latency": {"metric": "x", "threshold": 10**40}}},
    "a tiny limit": {
        "alerting": alerting(threshold_alerts=[{"name": "T", "above": "1e-15", "over": "5m"}])
    },
}

WARNED: dict[str, tuple[Json, str]] = {
    "queries whose labels nobody knows": (
        events("rate(e[{{.window}}])", "rate(t[{{.window}}])"),
        "wrap both in sum",
    ),
    "queries that cannot be added up": (
        events("max(rate(e[{{.window}}]))", "max(rate(t[{{.window}}]))"),
        "weighted by time",
    ),
    "a subquery of Sloth's examples": (
        events("sum_over_time((up < 0.75)[{{.window}}:])", "count_over_time(up[{{.window}}])"),
        "weighted by time",
    ),
}

REFUSED: dict[str, tuple[Json, str]] = {
    "a raw range vector": ({"sli": raw("up[{{.window}}]")}, "expected type vector"),
    "a raw scalar": ({"sli": raw("scalar(rate(up[{{.window}}]))")}, "expected type vector"),
    "a threshold range vector": ({"sli": threshold("up[5m]")}, "expected type vector"),
    "a threshold string": ({"sli": threshold('"abc"')}, "expected type vector"),
    "'or' between matchers": ({"sli": threshold('up{a="b" or c="d"}')}, "not PromQL"),
    "a quoted metric name": ({"sli": threshold('{"my.metric"}')}, "Prometheus 3"),
    "a selector that leaves its braces": (
        {"sli": {"latency": {"metric": "x", "threshold": "5s", "selector": 'a="b"} or up{c="d"'}}},
        "not a selector",
    ),
    "an open action in an annotation": (
        {"alerting": alerting(annotations={"summary": "{{ $labels.x"})},
        "not closed",
    ),
    "an unknown function in a label": ({"alerting": alerting(labels={"a": "{{x}}"})}, "names x"),
    "an annotation that is no name": (
        {"alerting": alerting(annotations={"my-key": "x"})},
        "not a label name",
    ),
    "a period of ages": ({"period": "999999999y"}, "longer than a century"),
    "a limit of 100 %": (
        {"alerting": alerting(threshold_alerts=[{"name": "T", "above": "100%", "over": "5m"}])},
        "less than 1",
    ),
    "a window shorter than two scrapes": (
        {"alerting": alerting(threshold_alerts=[{"name": "T", "above": "5%", "over": "10s"}])},
        "shorter than two scrapes",
    ),
    "errors split otherwise than the total": (
        {"sli": events("sum by (code) (rate(e[{{.window}}]))")},
        "sum by (code)",
    ),
    "a label of the SLO that also splits it": (
        {
            "labels": {"cluster": "x"},
            "sli": events(
                "sum by (cluster) (rate(e[{{.window}}]))", "sum by (cluster) (rate(t[{{.window}}]))"
            ),
        },
        "'cluster'",
    ),
    "a threshold query that compares by itself": (
        {"sli": threshold("(up > 5)")},
        "a comparison of its own",
    ),
    "windows longer than the period": (
        {"period": "1d", "alerting": alerting(windows=windows("2d"))},
        "longer than the period",
    ),
    "a number of events that is true": (
        {"alerting": alerting(page_alert={"min_events": True})},
        "whole number",
    ),
    "the name of a field instead of its key": (
        {"alerting": alerting(page_alert={"for_": "5m"})},
        "unknown key",
    ),
}


@pytest.mark.parametrize("case", LOADABLE)
def test_prometheus_loads(tmp_path: Path, case: str) -> None:
    path, out = tmp_path / "spec.yaml", tmp_path / "rules.yaml"
    path.write_bytes(as_yaml(spec(slo(**LOADABLE[case]))))
    result = call("build", path, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert "SUCCESS" in check_rules(out)


@pytest.mark.parametrize("case", WARNED)
def test_what_sloth_takes_is_built_and_what_is_approximated_is_said(
    tmp_path: Path, case: str
) -> None:
    sli, said = WARNED[case]
    path, out = tmp_path / "spec.yaml", tmp_path / "rules.yaml"
    path.write_bytes(as_yaml(spec(slo(sli=sli))))
    result = call("build", path, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert "warning" in result.stderr
    assert said in result.stderr
    assert "SUCCESS" in check_rules(out)


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_with_a_place_and_a_reason(tmp_path: Path, case: str) -> None:
    changes, reason = REFUSED[case]
    path, out = tmp_path / "spec.yaml", tmp_path / "rules.yaml"
    path.write_bytes(as_yaml(spec(slo(**changes))))
    result = call("build", path, "-o", out)
    assert result.exit_code == 1
    assert "spec.yaml:" in result.stderr
    assert reason in result.stderr
    assert not out.exists()


def test_a_budget_too_small_for_a_float_still_prints_exactly() -> None:
    data = as_yaml(spec(slo(objective=0))).replace(b"objective: 0", b"objective: 99.99999999999999")
    (plan,) = planned(data).plans
    exprs = {rule.expr for group in plan.groups for rule in group.rules}
    assert "vector(0.0000000000000001)" in exprs


def test_slow_rules_stay_within_the_lookback_at_slow_scrapes() -> None:
    slos, _ = resolved(spec(scrape_interval="2m"))
    assert str(slos[0].steps.slow) == "4m"


def test_an_alert_about_missing_data_does_not_speak_of_a_burning_budget() -> None:
    document = spec(slo(alerting=alerting(annotations={"summary": "High error rate"})))
    assert alert(document, "A").annotations["summary"] == "High error rate"
    assert "High error" not in alert(document, "ANoData").annotations["summary"]


def test_alert_labels_cannot_pass_an_slo_off_as_another() -> None:
    document = spec(slo(alerting=alerting(labels={"sloth_id": "evil"})))
    assert "sloth_id" not in alert(document, "A").labels
    assert any("sloth_id" in problem.message for problem in planned(document).problems)


def test_an_alert_about_the_agent_must_not_make_the_agent_act() -> None:
    document = spec(slo(alerting=alerting(annotations={"lambda_function": "restart"})))
    assert planned({**document, "service": "agent-sre"}).broken
    assert planned({**document, "service": "slo-probe"}).broken


def test_a_page_that_fires_while_the_objective_is_met_is_told() -> None:
    document = spec(slo(period="7d", alerting=alerting(windows=windows("6h", percent=1))))
    assert any("while the objective is met" in p.message for p in planned(document).problems)


def test_short_periods_keep_the_burn_rates_of_the_workbook() -> None:
    for period in ("1h", "6h", "1d"):
        slos, _ = resolved(spec(slo(period=period, objective=99.9)))
        factors = [c.factor for a in slos[0].burn_alerts for c in a.conditions]
        assert factors == [Decimal("14.4"), 6, 3, 1]


def test_two_slos_with_one_alert_name_are_told() -> None:
    document = spec(slo(alerting=alerting()), slo(name="other", alerting=alerting()))
    told = [
        p
        for p in planned(document).problems
        if "'A' is also one of the SLO 'shop-requests'" in p.message
    ]
    assert len(told) == 1
