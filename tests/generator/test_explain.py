"""`slo-rules explain`: its text and its arithmetic."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.model import RecordingRule
from generator.reference import explain
from generator.rules import cost
from generator.rules.groups import load_groups
from generator.slo import burn_rate
from slos.schema.units import Duration
from tests.generator.spec_pipeline import resolve_single_slo


@settings(deadline=None)
@given(share=st.decimals("0.001", "1", places=3), objective=st.sampled_from([90, 99, 99.9]))
def test_an_alert_comes_when_its_long_window_holds_the_threshold(
    share: Decimal, objective: float
) -> None:
    one = resolve_single_slo(objective=objective)
    for burn in one.burn_alerts:
        for condition in burn.conditions:
            threshold = condition.factor * one.budget
            after = burn_rate.compute_detection_time(one, condition, share)
            if after is None:
                assert share <= threshold
            else:
                in_window = share * after.ms / condition.long.ms
                assert float(in_window) == pytest.approx(float(threshold), abs=1e-6)
                assert after <= condition.long


def test_the_budget_gone_at_a_page_is_what_its_windows_were_made_for() -> None:
    shares = [
        round(burn_rate.compute_budget_spent(resolve_single_slo(period="30d"), condition), 6)
        for burn in resolve_single_slo(period="30d").burn_alerts
        for condition in burn.conditions
    ]
    assert shares == [Decimal("0.02"), Decimal("0.05"), Decimal("0.1"), Decimal("0.1")]


def test_a_range_holds_as_many_samples_as_its_series_has_steps() -> None:
    one = resolve_single_slo(period="30d")
    step = one.steps.coarse
    tier = f'slo:sli_total:sum{step}{{sloth_id="{one.id}"}}'

    def read(expr: str) -> cost.Cost:
        return cost.compute_rule_cost(one, RecordingRule("a", expr, {}))

    assert read(f"sum_over_time({tier}[{Duration.from_parts(days=30)}])") == cost.Cost(
        recorded=4320
    )
    assert read("sum(rate(http_total[5m])) / up") == cost.Cost(raw=11)
    assert read("slo:period_events:total * 2") == cost.Cost(recorded=1)
    assert read("vector(1)") == cost.Cost()


def test_the_hourly_cost_is_that_of_all_groups() -> None:
    one = resolve_single_slo()
    groups = [module.build_group(one) for module in load_groups()]
    said = explain.render_slo_explanation(one)
    raw = sum(
        cost.compute_group_cost(one, group).raw * cost.count_hourly_evaluations(group)
        for group in groups
    )
    assert f"per hour: {raw:,} samples" in said
    for group in groups:
        assert group.name in said


def test_a_delay_is_explained() -> None:
    delayed = explain.render_slo_explanation(resolve_single_slo({"delay": "4m"}))
    assert "samples are read 4m late, so every alert is 4m later" in delayed
    assert "read" not in explain.render_slo_explanation(resolve_single_slo()).partition("Approx")[2]
