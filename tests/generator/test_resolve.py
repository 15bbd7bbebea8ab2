"""Defaults of an SLO, and the precedence of SLO, spec and run."""

from decimal import Decimal

import pytest

from generator.settings import RunSettings
from slos.schema.units import Duration
from tests.generator.spec_pipeline import list_factors, resolve_document, resolve_single_slo
from tests.schema.specs import build_slo, build_spec

SEVEN_DAYS = Duration.from_parts(days=7)


def test_the_period_is_the_slos_then_the_specs_then_the_runs() -> None:
    defaults = RunSettings(period=Duration.from_parts(days=28))
    slos, _ = resolve_document(
        build_spec(build_slo(period="7d"), build_slo(name="b"), period="30d"), defaults
    )
    assert [str(found.period) for found in slos] == ["1w", "30d"]
    (silent,), _ = resolve_document(build_spec(), defaults)
    assert str(silent.period) == "4w"
    assert str(resolve_single_slo().period) == "30d"


def test_the_scrape_interval_is_the_specs_then_the_runs() -> None:
    assert str(resolve_single_slo({"scrape_interval": "15s"}).steps.scrape) == "15s"
    (found,), _ = resolve_document(
        build_spec(), RunSettings(scrape_interval=Duration.from_parts(seconds=10))
    )
    assert str(found.steps.scrape) == "10s"
    assert str(resolve_single_slo().steps.scrape) == "30s"


def test_events_are_counted_every_minute_and_every_ten() -> None:
    steps = resolve_single_slo().steps
    assert (str(steps.fine), str(steps.coarse)) == ("1m", "10m")
    assert Duration.from_parts(minutes=2) <= steps.slow <= Duration.from_parts(minutes=4)


@pytest.mark.parametrize("scrape", ["5s", "30s", "1m"])
def test_slow_rules_stay_under_the_lookback_of_five_minutes(scrape: str) -> None:
    assert resolve_single_slo({"scrape_interval": scrape}).steps.slow < Duration.from_parts(
        minutes=5
    )


def test_a_fine_step_is_never_shorter_than_a_scrape() -> None:
    alerting = {"name": "X", "threshold_alerts": [{"name": "T", "above": "5%", "over": "1m"}]}
    steps = resolve_single_slo({"scrape_interval": "30s"}, alerting=alerting).steps
    assert steps.fine == steps.scrape
    faster = resolve_single_slo({"scrape_interval": "5s"}, alerting=alerting).steps
    assert str(faster.fine) == "12s"


def test_own_windows_replace_all_four() -> None:
    speed = {
        "quick": {"error_budget_percent": 1, "short_window": "10s", "long_window": "1m"},
        "slow": {"error_budget_percent": 50, "short_window": "20s", "long_window": "2m"},
    }
    windows = {"page": speed, "ticket": speed}
    found = resolve_single_slo({"period": "1h"}, alerting={"name": "X", "windows": windows})
    assert [str(window) for window in found.windows] == ["10s", "20s", "1m", "2m"]
    assert list_factors(found) == [Decimal("0.6"), 15, Decimal("0.6"), 15]


def test_the_period_of_the_windows_is_the_slos_own() -> None:
    seven = resolve_single_slo(period="7d", objective=95)
    assert seven.period == SEVEN_DAYS
    assert list_factors(seven) == [Decimal(each) for each in ("13.44", "3.5", "1.4", "0.98")]


def test_slow_rules_stay_within_the_lookback_at_slow_scrapes() -> None:
    assert str(resolve_single_slo({"scrape_interval": "2m"}).steps.slow) == "4m"


@pytest.mark.parametrize("period", ["1h", "6h", "1d"])
def test_short_periods_keep_the_burn_rates_of_the_workbook(period: str) -> None:
    assert list_factors(resolve_single_slo(period=period)) == [Decimal("14.4"), 6, 3, 1]
