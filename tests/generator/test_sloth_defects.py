"""Known defects of Sloth's rules are absent from the exact profile.

The numbers are those of the list of Sloth's defects; each test says what must hold instead.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from generator import names
from generator.model import AlertingRule, RecordingRule
from generator.pipeline import BuildSettings, render_file
from tests.generator.promtool import PromtoolEvaluation
from tests.generator.spec_pipeline import build_plans, build_rules, build_single_plan
from tests.schema.specs import EVENTS, build_slo, build_spec

WINDOWS: dict[str, Any] = {
    "page": {
        "quick": {"error_budget_percent": 10, "short_window": "5m", "long_window": "1h"},
        "slow": {"error_budget_percent": 20, "short_window": "30m", "long_window": "2h"},
    },
    "ticket": {
        "quick": {"error_budget_percent": 20, "short_window": "1h", "long_window": "4h"},
        "slow": {"error_budget_percent": 30, "short_window": "2h", "long_window": "8h"},
    },
}
ERRORS = 'http_requests_total{code="500"}'
FINE = 'http_requests_total{code="200"}'


def build_day_spec(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever YAML holds
    """An SLO over one day, so that a whole period can be played."""
    alerting = {"name": "TooManyErrors", "windows": WINDOWS}
    return build_spec(build_slo(**{"period": "1d", "alerting": alerting, **changes}))


def build_closeness_query(series: str, value: float) -> str:
    """An expression that is 1 where a series is within a hundredth of a value.

    promtool evaluates every group at the same steps, so the edges of a window are not exact.
    """
    return f"sum(abs({series} / {value} - 1) <= bool 0.01)"


def test_1_the_period_weighs_events_and_not_minutes(tmp_path: Path) -> None:
    """Half a day of 6000 a minute without errors, half a day of 6 a minute with a tenth bad."""
    series = {
        FINE: "0+3000x1440 4320002.7+2.7x1469",
        ERRORS: "0x1440 0.3+0.3x1469",
    }
    truth = (0.3 * 1440) / (3000 * 1440 + 3 * 1440)
    checked = build_closeness_query("slo:sli_error:ratio_rate1d", truth)
    # The last step of the day is recorded at 24h4m. The groups of one evaluation have no order, so
    # what reads it may see it a minute later.
    PromtoolEvaluation(build_day_spec(), series).expect_value("24h8m", checked, 1).run_promtool(
        tmp_path
    )


def test_2_quiet_minutes_leave_no_nan_behind(tmp_path: Path) -> None:
    """A quarter of an hour without any traffic, then traffic with one percent errors."""
    series = {
        FINE: "0+99x120 11880x30 11979+99x600",
        ERRORS: "0+1x120 120x30 121+1x600",
    }
    evaluation = PromtoolEvaluation(build_day_spec(), series)
    evaluation.expect_value("5h", build_closeness_query("slo:sli_error:ratio_rate1d", 0.01), 1)
    evaluation.expect_nothing("74m", "slo:sli_error:ratio_rate5m")
    for record in ("slo:sli_error:ratio_rate5m", "slo:period_burn_rate:ratio"):
        evaluation.expect_nothing("5h", f"count_over_time(({record} != {record})[5h:1m])")
    evaluation.run_promtool(tmp_path)


def test_4_a_changed_label_touches_no_history() -> None:
    """Sums over the period have no user labels, and no expression names one."""
    before, after = (
        [
            rule
            for rule in build_rules(build_spec(labels={"owner": owner}))
            if isinstance(rule, RecordingRule)
        ]
        for owner in ("me", "you")
    )
    assert [rule.expr for rule in before] == [rule.expr for rule in after]
    tiers = [rule for rule in before if ":sum" in rule.record]
    assert tiers
    for rule in tiers:
        assert set(rule.labels) == set(names.IDENTITY)


def test_5_one_id_in_several_clusters_and_namespaces_can_be_divided(tmp_path: Path) -> None:
    """Burn rates divide by a number, so no other series can be in their way."""
    shape = 'sum by (cluster) (rate(http_requests_total{code=~"%s"}[{{.window}}]))'
    grouped = {"events": {"error_query": shape % "5..", "total_query": shape % ".*"}}
    series = {
        'http_requests_total{code="200", cluster="a"}': "0+99x600",
        'http_requests_total{code="500", cluster="a"}': "0+1x600",
        'http_requests_total{code="200", cluster="b"}': "0+98x600",
        'http_requests_total{code="500", cluster="b"}': "0+2x600",
        f'{names.ERROR_BUDGET}{{sloth_id="shop-requests", namespace="x"}}': "0.1x600",
        f'{names.ERROR_BUDGET}{{sloth_id="shop-requests", namespace="y"}}': "0.2x600",
    }
    evaluation = PromtoolEvaluation(build_day_spec(sli=grouped), series)
    evaluation.expect_value(
        "4h", build_closeness_query('slo:period_burn_rate:ratio{cluster="a"}', 10), 1
    )
    evaluation.expect_value(
        "4h", build_closeness_query('slo:period_burn_rate:ratio{cluster="b"}', 20), 1
    )
    evaluation.expect_value("4h", "count(slo:current_burn_rate:ratio)", 2)
    evaluation.run_promtool(tmp_path)


def test_6_a_page_can_fire_at_a_low_objective(tmp_path: Path) -> None:
    """Two hours of nothing but errors at an objective of 90; and the build says what it did."""
    document = build_spec(build_slo(objective=90))
    assert any("cannot fire" in problem.message for problem in build_plans(document).problems)
    series = {FINE: "0x300", ERRORS: "0+10x300"}
    firing = 'ALERTS{alertname="TooManyErrors", alertstate="firing", sloth_severity="page"}'
    PromtoolEvaluation(document, series).expect_value("2h", f"count({firing})", 1).run_promtool(
        tmp_path
    )


def test_8_data_that_is_gone_is_told_and_missing_errors_are_no_errors(tmp_path: Path) -> None:
    series = {FINE: "0+100x120 _x120"}
    gone = 'ALERTS{alertname="TooManyErrorsNoData", alertstate="firing"}'
    evaluation = PromtoolEvaluation(build_day_spec(), series)
    evaluation.expect_value("30m", "sum(slo:sli_error:ratio_rate5m)", 0)
    evaluation.expect_nothing("30m", gone)
    evaluation.expect_value("110m", f"count({gone})", 1)
    evaluation.run_promtool(tmp_path)


@pytest.mark.parametrize("format_", ["prometheus", "operator"])
def test_9_alerts_wait_as_long_as_they_are_told_in_every_format(format_: str) -> None:
    told = {"for": "3m", "keep_firing_for": "7m"}
    document = build_spec(build_slo(alerting={"name": "Slow", "page_alert": told}))
    plans = build_plans(document).plans
    built = yaml.safe_load(
        render_file(plans, format_, BuildSettings(), path=plans[0].path).text,
    )
    groups = built.get("spec", built)["groups"]
    (page,) = [rule for group in groups for rule in group["rules"] if rule.get("alert") == "Slow"]
    assert {key: page[key] for key in told} == told


@pytest.mark.parametrize("profile", ["exact", "sloth"])
def test_10_every_group_has_a_name_of_its_own(profile: str) -> None:
    plans = build_plans(
        build_spec(build_slo(), build_slo(name="other")), settings=BuildSettings(profile=profile)
    ).plans
    found = [group.name for plan in plans for group in plan.groups]
    assert all(found)
    assert len(set(found)) == len(found)


def test_14_a_vanished_metric_is_neither_health_nor_a_count(tmp_path: Path) -> None:
    """Without error series the ratio is 0; without any series there is none."""
    series = {FINE: "0+100x120 _x120"}
    evaluation = PromtoolEvaluation(build_day_spec(), series)
    evaluation.expect_value("30m", "sum(slo:sli_error:ratio_rate5m)", 0)
    evaluation.expect_nothing("100m", "slo:sli_error:ratio_rate5m")
    evaluation.expect_nothing("100m", "slo:current_burn_rate:ratio")
    evaluation.run_promtool(tmp_path)


@pytest.mark.parametrize("sli", [EVENTS, {"latency": {"metric": "m", "threshold": "1s"}}])
def test_16_burn_rates_stand_behind_the_series_they_read_in_the_same_group(
    sli: dict[str, Any],
) -> None:
    read_by = {
        names.CURRENT_BURN_RATE: "slo:sli_error:ratio_rate5m",
        names.PERIOD_BURN_RATE: "slo:sli_error:ratio_rate30d",
        names.BUDGET_REMAINING: names.PERIOD_BURN_RATE,
    }
    groups = [
        [rule.alert if isinstance(rule, AlertingRule) else rule.record for rule in group.rules]
        for group in build_single_plan(build_spec(build_slo(sli=sli))).groups
    ]
    for reader, read in read_by.items():
        (group,) = [records for records in groups if reader in records]
        assert group.index(read) < group.index(reader)
