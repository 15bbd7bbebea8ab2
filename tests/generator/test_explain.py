"""What `slo-rules explain` says, and the arithmetic behind it."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator import budget, cost, explain
from generator.groups import groups_of
from generator.model import RecordingRule
from slos.schema.units import Duration
from tests.generator.command_line import call, write_specs
from tests.generator.resolved import one_slo
from tests.schema.specs import as_yaml, slo, spec

RAW = {"raw": {"error_ratio_query": "job:errors:ratio_rate{window='{{.window}}'}"}}


@given(share=st.decimals("0.001", "1", places=3), objective=st.sampled_from([90, 99, 99.9]))
def test_an_alert_comes_when_its_long_window_holds_the_threshold(
    share: Decimal, objective: float
) -> None:
    one = one_slo(objective=objective)
    for burn in one.burn_alerts:
        for condition in burn.conditions:
            threshold = condition.factor * one.budget
            after = budget.detection(one, condition, share)
            if after is None:
                assert share <= threshold
            else:
                in_window = share * after.ms / condition.long.ms
                assert float(in_window) == pytest.approx(float(threshold), abs=1e-6)
                assert after <= condition.long


def test_the_budget_gone_at_a_page_is_what_its_windows_were_made_for() -> None:
    shares = [
        round(budget.spent(one_slo(period="30d"), condition), 6)
        for burn in one_slo(period="30d").burn_alerts
        for condition in burn.conditions
    ]
    assert shares == [Decimal("0.02"), Decimal("0.05"), Decimal("0.1"), Decimal("0.1")]


def test_a_range_holds_as_many_samples_as_its_series_has_steps() -> None:
    one = one_slo(period="30d")
    step = one.steps.coarse
    tier = f'slo:sli_total:sum{step}{{sloth_id="{one.id}"}}'

    def read(expr: str) -> cost.Cost:
        return cost.of_rule(one, RecordingRule("a", expr, {}))

    assert read(f"sum_over_time({tier}[{Duration.of(days=30)}])") == cost.Cost(recorded=4320)
    assert read("sum(rate(http_total[5m])) / up") == cost.Cost(raw=11)
    assert read("slo:period_events:total * 2") == cost.Cost(recorded=1)
    assert read("vector(1)") == cost.Cost()


def test_the_hourly_cost_is_that_of_all_groups() -> None:
    one = one_slo()
    groups = [module.group(one) for module in groups_of("exact")]
    said = explain.text(one)
    raw = sum(cost.of_group(one, group).raw * cost.an_hour(group) for group in groups)
    assert f"in an hour {raw:,} samples" in said
    for group in groups:
        assert group.name in said


def test_counts_that_are_absent_are_explained() -> None:
    assert "slo:period_events:remaining" in explain.text(one_slo())
    timed = explain.text(one_slo(sli=RAW))
    assert "slo:period_events" not in timed
    assert "each slice of time weighs the same" in timed
    assert "a slice of time is 1m" in timed


def test_a_query_that_cannot_be_added_up_is_explained_with_the_reason() -> None:
    queries = {
        "error_query": "max(rate(e_total[{{.window}}]))",
        "total_query": "max(rate(t_total[{{.window}}]))",
    }
    said = explain.text(one_slo(sli={"events": queries})).partition("Alerts\n")[0]
    assert "not counted in events" in said
    assert "max() over series cannot be added up over time" in said


def test_an_unreachable_burn_rate_is_said_to_be_lowered() -> None:
    assert "could never be exceeded" in explain.text(one_slo(objective=90, period="30d"))
    assert "could never be exceeded" not in explain.text(one_slo(objective=99))


def test_every_alert_is_named_with_its_conditions() -> None:
    said = explain.text(
        one_slo(
            alerting={
                "name": "Failing",
                "page_alert": {"min_events": 10, "for": "2m"},
                "ticket_alert": {"disable": True},
                "threshold_alerts": [{"name": "High", "above": "5%", "over": "5m"}],
            }
        )
    )
    assert "page is Failing, at 10 events or more, for 2m" in said
    assert "FailingTicket" not in said
    assert "High: above 5 % over 5m" in said
    assert "FailingNoData" in said


def test_an_slo_is_found_by_id_and_by_name(tmp_path: Path) -> None:
    write_specs(tmp_path)
    name = call("explain", "bank-requests", "-i", tmp_path)
    assert name.exit_code == 0, name.output
    assert name.output.startswith("bank-requests: 95 % of events good over 30 days")
    every = call("explain", "-i", tmp_path)
    assert "shop-requests:" in every.output
    assert "bank-requests:" in every.output


def test_an_unknown_slo_is_an_error_that_names_the_others(tmp_path: Path) -> None:
    write_specs(tmp_path)
    result = call("explain", "requests-of-nobody", "-i", tmp_path)
    assert result.exit_code == 1
    assert "no SLO is called 'requests-of-nobody'" in result.output
    assert "bank-requests" in result.output


def test_a_broken_spec_is_reported_and_nothing_explained(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(as_yaml(spec(slo(objective=101))))
    result = call("explain", "-i", tmp_path)
    assert result.exit_code == 1
    assert "Error budget" not in result.output


def test_the_time_to_an_alert_contains_its_for() -> None:
    def page(**alert: str) -> str:
        said = explain.text(one_slo(alerting={"name": "Failing", "page_alert": alert}))
        return next(line for line in said.splitlines() if line.strip().startswith("page "))

    assert re.split(r"  +", page().strip())[4] == "1m"
    assert re.split(r"  +", page(**{"for": "10m"}).strip())[4] == "11m"


def test_the_budget_is_told_in_the_events_that_are_expected() -> None:
    assert "1,000 events of a million may fail" in explain.text(one_slo())
    said = explain.text(one_slo(expected_events=250_000))
    assert "250 of the 250,000 events expected in a period may fail" in said
