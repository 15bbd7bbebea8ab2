"""Scalability law, breakdown and Little's law on data whose truth is known."""

from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.analysis.breakdown import Part, break_down
from exporter.analysis.littles_law import check_littles_law
from exporter.analysis.measurements import Event, RunMeasurements, Series, Step
from exporter.analysis.scalability_law import FitRefusal, ScalabilityFit, fit_scalability_law
from exporter.model.bounds import Bounds


def build_step(events: list[Event], *, end: float = 10.0, sending: float = 10.0) -> Step:
    return Step("throughput", 1, "up", None, 0.0, sending, end, events, {}, len(events))


def build_run(step: Step, in_flight: Series) -> RunMeasurements:
    nothing = Series([], [])
    return RunMeasurements("throughput", [step], in_flight, nothing, nothing, [], nothing, {})


@given(
    rate=st.floats(1, 200),
    contention=st.floats(0, 0.4),
    coherency=st.floats(1e-4, 0.01),
)
@settings(max_examples=15, deadline=None)
def test_the_fit_finds_the_law_that_made_the_points(
    rate: float, contention: float, coherency: float
) -> None:
    points = [
        (n, rate * n / (1 + contention * (n - 1) + coherency * n * (n - 1)))
        for n in (1, 2, 4, 8, 16, 32)
    ]
    fit = fit_scalability_law(points)
    assert isinstance(fit, ScalabilityFit)
    assert fit.rate.value == pytest.approx(rate, rel=1e-3)
    assert fit.contention.value == pytest.approx(contention, abs=1e-3)
    assert fit.coherency.value == pytest.approx(coherency, rel=1e-2, abs=1e-5)
    assert fit.rate.low <= fit.rate.value <= fit.rate.high
    assert fit.r_squared > 0.999


@pytest.mark.parametrize("points", [[], [(1, 5.0)], [(n, 5.0 * n) for n in (1, 2, 3, 4)] * 3])
def test_the_fit_is_refused_with_too_few_sizes(points: list[tuple[float, float]]) -> None:
    refusal = fit_scalability_law(points)
    assert isinstance(refusal, FitRefusal)
    assert "and 5 are needed" in refusal.reason


@pytest.mark.parametrize(
    "throughputs",
    [
        [44, 3, 90, 12, 55, 7, 98, 20],
        [n**2 for n in range(1, 9)],
        [100 / n**3 for n in range(1, 9)],
    ],
)
def test_the_fit_is_refused_where_the_points_are_far_from_the_law(throughputs: list[float]) -> None:
    """At random, faster than linear, and falling faster than the law."""
    refusal = fit_scalability_law(list(enumerate(throughputs, 1)))
    assert isinstance(refusal, FitRefusal)
    assert "the points differ from the law by" in refusal.reason


def test_negative_throughputs_are_no_points() -> None:
    assert isinstance(fit_scalability_law([(n, -5.0 * n) for n in range(1, 9)]), FitRefusal)


def test_a_throughput_that_is_the_same_at_each_size_is_all_contention() -> None:
    fit = fit_scalability_law([(n, 20.0) for n in range(1, 7)])
    assert isinstance(fit, ScalabilityFit)
    assert fit.contention.value == pytest.approx(1.0)
    assert fit.peak.value == inf


def test_a_linear_target_has_no_peak() -> None:
    fit = fit_scalability_law([(n, 10.0 * n) for n in (1, 2, 3, 4, 5)])
    assert isinstance(fit, ScalabilityFit)
    assert fit.peak.value > 100
    assert fit.predict(10) == pytest.approx(100, rel=1e-3)


def test_a_part_between_times_within_bounds_is_an_interval() -> None:
    stages = {
        "linear_issue_creation": Bounds(0.2, 0.5),
        "remediation_selection": Bounds(0.6, 0.7),
        "lambda_execution": Bounds(0.3, 0.4),
        "end_to_end": Bounds(1.0, 1.0),
    }
    parts = {each.part: each for each in break_down(build_step([Event(0, "ok", stages)]))}
    assert parts[Part.UNTIL_ISSUE].bounds == Bounds(0.2, 0.5)
    between = parts[Part.ISSUE_TO_CONTACT].bounds
    assert (between.low, between.high) == pytest.approx((0.1, 0.5))
    assert parts[Part.FUNCTION].share == Bounds(0.3, 0.4)


def test_without_an_issue_the_first_two_parts_are_one() -> None:
    stages = {"remediation_selection": Bounds(0.6, 0.7), "end_to_end": Bounds(1.0, 1.0)}
    (part,) = break_down(build_step([Event(0, "ok", stages)]))
    assert part.part is Part.UNTIL_CONTACT


def test_the_share_of_a_part_is_that_of_the_events_that_show_it() -> None:
    slow = {"linear_issue_creation": Bounds(3.0, 3.0), "end_to_end": Bounds(4.0, 4.0)}
    fast = {"end_to_end": Bounds(0.1, 0.1)}
    events = [Event(0, "ok", slow), *[Event(n, "ok", fast) for n in range(1, 10)]]
    (part,) = break_down(build_step(events))
    assert (part.share, part.events) == (Bounds(0.75, 0.75), 1)


def test_a_step_without_an_executed_event_has_no_breakdown() -> None:
    assert break_down(build_step([Event(0, "lost", {})])) == []


@pytest.mark.parametrize(("read", "holds"), [(8.0, True), (2.0, False)])
def test_littles_law_compares_the_readings_with_rate_times_time(read: float, holds: bool) -> None:  # noqa: FBT001
    """Four events a second of two seconds each: eight are in flight."""
    events = [Event(n / 4, "ok", {"end_to_end": Bounds(2.0, 2.0)}) for n in range(40)]
    readings = Series([float(t) for t in range(11)], [read] * 11)
    (check,) = check_littles_law(build_run(build_step(events), readings))
    assert check.expected == pytest.approx(8.0)
    assert check.holds is holds


def test_a_difference_below_one_event_in_flight_is_no_agreement_and_no_fault() -> None:
    events = [Event(n / 4, "ok", {"end_to_end": Bounds(0.1, 0.1)}) for n in range(40)]
    readings = Series([float(t) for t in range(11)], [1.0] * 11)
    (check,) = check_littles_law(build_run(build_step(events), readings))
    assert check.difference > 0.5
    assert check.describe() == "differs by less than 1 event"


def test_littles_law_is_not_checked_with_too_few_readings() -> None:
    events = [Event(n / 4, "ok", {"end_to_end": Bounds(2.0, 2.0)}) for n in range(40)]
    assert check_littles_law(build_run(build_step(events), Series([1.0], [8.0]))) == []
