"""Steps divide the windows, and custom windows are rounded to steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.model import Windows
from generator.slo import burn_rate
from slos.schema.problem import ProblemSeverity
from slos.schema.units import Duration
from tests.generator.spec_pipeline import build_plans, build_rules, resolve_single_slo
from tests.schema.specs import build_slo, build_spec

SCRAPES = st.integers(5, 300).map(lambda s: Duration.from_parts(seconds=s))
PERIODS = st.integers(4, 24 * 400).map(lambda h: Duration.from_parts(hours=h))


def list_lengths(windows: Windows) -> set[Duration]:
    pairs = (*windows.page, *windows.ticket)
    return {length for pair in pairs for length in (pair.short, pair.long)}


def build_own_windows(short: str, long: str) -> dict[str, object]:
    quick = {"error_budget_percent": 2, "short_window": short, "long_window": long}
    pair = {"quick": quick, "slow": {**quick, "short_window": long, "long_window": "6h"}}
    return {"name": "A", "windows": {"page": pair, "ticket": pair}}


@given(PERIODS, SCRAPES)
def test_windows_of_our_choice_are_whole_numbers_of_steps_and_keep_their_burn_rates(
    period: Duration, scrape: Duration
) -> None:
    wanted = burn_rate.choose_windows(period, scrape)
    found = burn_rate.round_windows(wanted, scrape)
    step = burn_rate.choose_fine_step(scrape, sorted(list_lengths(found)))
    assert step >= scrape
    for length in list_lengths(found):
        assert length.ms % step.ms == 0
        assert length >= step * 2
    for before, after in zip(
        (*wanted.page, *wanted.ticket), (*found.page, *found.ticket), strict=True
    ):
        rate = burn_rate.compute_burn_factor(before, period)
        assert burn_rate.compute_burn_factor(after, period) == pytest.approx(
            rate, rel=type(rate)("1e-20")
        )


@pytest.mark.parametrize("scrape", ["5s", "15s", "30s", "1m", "2m"])
def test_windows_that_dashboards_know_stay_as_they_are(scrape: str) -> None:
    for period in ("7d", "28d", "30d", "90d"):
        known = burn_rate.choose_windows(Duration.parse(period), Duration.parse(scrape))
        assert burn_rate.round_windows(known, Duration.parse(scrape)) == known


@pytest.mark.parametrize(
    ("scrape", "short", "long", "step"),
    [
        ("30s", "5m", "1h", "1m"),
        ("70s", "5m", "1h", "1m15s"),
        ("2m", "5m", "1h", "2m30s"),
        ("1m", "5m", "7m", "1m"),
    ],
)
def test_a_step_divides_the_windows_of_the_user(
    scrape: str, short: str, long: str, step: str
) -> None:
    found = resolve_single_slo({"scrape_interval": scrape}, alerting=build_own_windows(short, long))
    assert str(found.steps.fine) == step
    assert Duration.parse(short) in found.windows


def test_a_window_that_is_no_whole_number_of_steps_is_said_with_how_long_it_is() -> None:
    (warning,) = build_plans(
        build_spec(build_slo(alerting=build_own_windows("2m20s", "28m")))
    ).problems
    assert warning.check == "uneven-window"
    assert "the window 2m20s is not a multiple of the step 30s" in warning.message
    assert warning.message.endswith("its alerts use 2m30s")


def test_a_window_of_the_user_that_cannot_hold_two_steps_is_an_error() -> None:
    problems = build_plans(
        build_spec(build_slo(alerting=build_own_windows("3m", "1h")), scrape_interval="2m")
    ).problems
    assert "short-window" in {p.check for p in problems if p.severity is ProblemSeverity.ERROR}


@pytest.mark.parametrize("scrape", ["10s", "30s", "1m", "2m"])
@pytest.mark.parametrize("period", ["4h", "14d", "30d"])
def test_every_rate_of_raw_series_reads_three_scrapes(scrape: str, period: str) -> None:
    latency = {"latency": {"metric": "m", "threshold": 1}}
    document = build_spec(build_slo(sli=latency, period=period), scrape_interval=scrape)
    least = Duration.parse(scrape) * 3
    ranges = [
        Duration.parse(part.partition("]")[0])
        for rule in build_rules(document)
        for part in rule.expr.replace("_bucket{", "_bucket").split("rate(m")[1:]
        for part in [part.partition("[")[2]]
    ]
    assert ranges
    assert min(ranges) >= least
