"""Burn-rate arithmetic: windows of a period, thresholds, and burn rates that can be reached."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.model import Window, Windows
from generator.slo.burn_rate import choose_windows, compute_burn_factor, limit_burn_factor
from slos.schema.units import Duration

SCRAPE = Duration.from_parts(seconds=30)
DAY = Duration.from_parts(days=1)


def list_windows(windows: Windows) -> list[Window]:
    return [*windows.page, *windows.ticket]


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("7d", ["13.44", "3.5", "1.4", "0.98"]),
        ("28d", ["13.44", "5.6", "2.8", "0.9333"]),
        ("30d", ["14.4", "6", "3", "1"]),
    ],
)
def test_factors_of_the_usual_periods_are_exact(period: str, expected: list[str]) -> None:
    length = Duration.parse(period)
    found = [
        compute_burn_factor(window, length)
        for window in list_windows(choose_windows(length, SCRAPE))
    ]
    assert [round(each, 4) for each in found] == [Decimal(each) for each in expected]
    exact = [each for each in found if each * 10_000 == int(each * 10_000)]
    assert len(exact) == 4 - expected.count("0.9333")


@pytest.mark.parametrize("period", ["7d", "28d", "30d"])
def test_the_usual_periods_look_at_the_workbooks_windows(period: str) -> None:
    windows = list_windows(choose_windows(Duration.parse(period), SCRAPE))
    assert [(str(window.short), str(window.long)) for window in windows] == [
        ("5m", "1h"),
        ("30m", "6h"),
        ("2h", "1d"),
        ("6h", "3d"),
    ]


def test_a_factor_is_the_share_of_the_budget_times_period_over_window() -> None:
    window = Window(Decimal(50), DAY, DAY * 5)
    assert compute_burn_factor(window, DAY * 10) == 1
    assert compute_burn_factor(window, DAY * 20) == 2


@settings(deadline=None, max_examples=150)
@given(st.integers(min_value=4 * 60, max_value=400 * 86_400), st.integers(1, 300))
def test_scaled_windows_hold_two_scrapes_and_short_is_shorter(seconds: int, scrape: int) -> None:
    interval = Duration.from_parts(seconds=scrape)
    for window in list_windows(choose_windows(Duration.from_parts(seconds=seconds), interval)):
        assert window.short < window.long
        if seconds not in (7 * 86_400, 28 * 86_400, 30 * 86_400):
            assert window.short >= interval * 2


@pytest.mark.parametrize("days", [1, 3, 14, 90, 365])
def test_other_periods_scale_the_windows_and_keep_the_factors(days: int) -> None:
    windows = list_windows(choose_windows(DAY * days, Duration.from_parts(seconds=1)))
    for window, usual in zip(windows, ["14.4", "6", "3", "1"], strict=True):
        assert abs(compute_burn_factor(window, DAY * days) - Decimal(usual)) < Decimal("0.1")


BUDGETS = st.decimals(min_value="0.0001", max_value="0.9999", places=4)
FACTORS = st.decimals(min_value="0.01", max_value=100, places=3)


@settings(deadline=None, max_examples=300)
@given(FACTORS, BUDGETS)
def test_a_reachable_factor_leaves_its_threshold_below_one(
    wanted: Decimal, budget: Decimal
) -> None:
    assert limit_burn_factor(wanted, budget) * budget < 1


@settings(deadline=None, max_examples=300)
@given(FACTORS, BUDGETS)
def test_a_factor_moves_only_when_it_must_and_then_as_little_as_a_tenth_allows(
    wanted: Decimal, budget: Decimal
) -> None:
    moved = limit_burn_factor(wanted, budget)
    if wanted * budget < 1:
        assert moved == wanted
    else:
        assert moved <= wanted
        assert moved == round(moved, 1)
        assert (moved + Decimal("0.1")) * budget >= 1


@pytest.mark.parametrize(
    ("wanted", "budget", "moved"),
    [
        ("14.4", "0.1", "9.9"),
        ("14.4", "0.05", "14.4"),
        ("6", "0.2", "4.9"),
        ("20", "0.05", "19.9"),
        ("3", "0.5", "1.9"),
        ("14.4", "0.3", "3.3"),
    ],
)
def test_known_thresholds_move_to_the_highest_tenth_that_can_fire(
    wanted: str, budget: str, moved: str
) -> None:
    assert limit_burn_factor(Decimal(wanted), Decimal(budget)) == Decimal(moved)
