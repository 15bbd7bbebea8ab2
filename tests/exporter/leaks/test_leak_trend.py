"""Trend statistics of the leak detector: epochs, floors and slopes."""

import math
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest
import scipy

from exporter.leakdetection.baseline import Baseline, compute_baseline, find_warm_time
from exporter.leakdetection.multiple_tests import adjust_p_values
from exporter.leakdetection.policy import (
    FAST_POLICY,
    SLOW_POLICY,
    LeakPolicy,
    LeakReason,
    LeakSignal,
)
from exporter.leakdetection.series import (
    Epoch,
    ProcessLife,
    Samples,
    SignalSeries,
    count_events_since,
    find_change_times,
    list_start_times,
    merge_starts,
    split_epochs,
)
from exporter.leakdetection.statistics import (
    compute_misfit,
    compute_slope,
    fit_trend,
)
from slos.schema.contract import LeakVerdict
from tests.exporter.leaks.agent_memory import (
    DAY,
    HOUR,
    MINUTE,
    SimulatedAgent,
    build_series,
    correlated,
    judge_series,
)

_TIMES = np.arange(0.0, 1_000.0, 10.0)


@pytest.fixture(scope="module")
def pymannkendall() -> ModuleType:
    """The module; it takes a second to import, in each process that only collects the tests."""
    return import_module("pymannkendall")


def _build_series(*begins: float, times: np.ndarray = _TIMES) -> SignalSeries:
    return SignalSeries(
        LeakSignal.RSS, "pod", Samples.from_readings(times, times), ProcessLife(starts=begins)
    )


@pytest.mark.parametrize(
    ("series", "started", "age"),
    [
        (_build_series(times=_TIMES + 5), 5.0, 990.0),
        (_build_series(-500.0), -500.0, 1_490.0),
        (_build_series(times=np.array([])), np.inf, 0.0),
    ],
)
def test_an_epoch_begins_with_its_start_or_its_first_sample(
    series: SignalSeries, started: float, age: float
) -> None:
    (only,) = split_epochs(series)
    assert (only.started, only.age, only.current) == (started, age, True)


def test_no_sample_is_in_two_epochs_and_none_is_lost() -> None:
    epochs = split_epochs(_build_series(700.0, 300.0, 500.5))
    assert [epoch.started for epoch in epochs] == [0.0, 300.0, 500.5, 700.0]
    assert np.concatenate([epoch.samples.times for epoch in epochs]).tolist() == _TIMES.tolist()
    assert [epoch.samples.times[0] for epoch in epochs] == [0, 300, 510, 700]
    assert [epoch.current for epoch in epochs] == [False, False, False, True]


def test_a_life_that_left_no_sample_is_left_out_but_for_the_current_one() -> None:
    epochs = split_epochs(_build_series(-900.0, -500.0, 2_000.0))
    assert [(epoch.started, len(epoch.samples)) for epoch in epochs] == [(-500, 100), (2_000, 0)]


def test_starts_come_from_start_times_and_from_changes() -> None:
    wobbling = list_start_times(
        Samples.from_readings([0, 10, 20, 30], [100.0, 100.9, 100.4, 5_000.0])
    )
    assert merge_starts(wobbling) == [100.9, 5_000.0]
    assert merge_starts([1_000.0, 970.0, float("nan"), 4_000.0]) == [1_000.0, 4_000.0]
    (only,) = find_change_times([0, 10, 20, 30], [2, 2, 3, 3])
    assert 10 < only < 10.001
    found = find_change_times([0, 30, 10, 20, 40], ["a", "a", "a", "b", None])
    assert found == pytest.approx([10, 20])
    assert find_change_times([0, 10, 20, 30], [1, float("nan"), None, 1]) == []


@pytest.mark.parametrize(
    ("times", "values", "since", "counts"),
    [
        ([0, 10, 20, 30, 40], [100, 150, 20, 30, 30], 0.0, [0, 50, 70, 80, 80]),  # a reset
        ([0, 10, 20, 30], [100, 150, 200, 250], 15.0, [0, 50, 100]),
        ([50, 60], [1_000, 1_010], 0.0, [0, 10]),
        ([], [], 0.0, []),
    ],
)
def test_events_are_counted_since_a_moment(
    times: list[float], values: list[float], since: float, counts: list[float]
) -> None:
    found = count_events_since(Samples.from_readings(times, values), since)
    assert (found.times.tolist(), found.values.tolist()) == (times[-len(counts) :], counts)


def test_samples_are_put_in_order_and_the_impossible_ones_dropped() -> None:
    inf, nan = float("inf"), float("nan")
    times = [30.0, 10.0, 10.0, nan, 40.0, 50.0, inf, 60.0, 20.0]
    values = [3.0, 1.0, 7.0, 1.0, -1.0, nan, 1.0, inf, 2.0]
    samples = Samples.from_readings(times, values)
    assert samples.times.tolist() == [10, 20, 30]
    assert samples.values.tolist() == [7, 2, 3]  # of two at one moment, the later


def test_values_without_times_are_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="2 times for 3 values"):
        Samples.from_readings([1, 2], [1, 2, 3])


_DAY = np.arange(0, DAY, MINUTE)


def _build_times(end: float) -> np.ndarray:
    return _DAY[: math.ceil(end / MINUTE)]


def _build_epoch(
    times: np.ndarray = _DAY, values: np.ndarray | None = None, **known: object
) -> Epoch:
    samples = Samples.from_readings(times, np.ones(times.size) if values is None else values)
    one = SignalSeries(LeakSignal.RSS, "pod", samples)
    return split_epochs(replace(one, **known))[-1]  # type: ignore[arg-type]


def _compute_floors(epoch: Epoch) -> Baseline:
    found = compute_baseline(epoch, SLOW_POLICY)
    assert isinstance(found, Baseline)
    return found


ONE_A_SECOND = ProcessLife(events=Samples.from_readings(_DAY, _DAY))
TWO_A_MINUTE = ProcessLife(events=Samples.from_readings(_DAY, _DAY / 30))


@pytest.mark.parametrize(
    ("life", "tier", "since"),
    [
        (ProcessLife(), SLOW_POLICY, 2 * HOUR),
        (ProcessLife(), FAST_POLICY, HOUR),
        (ProcessLife(starts=[-HOUR]), SLOW_POLICY, HOUR),  # not watched from the start
        (ProcessLife(starts=[-DAY]), SLOW_POLICY, -DAY + 2 * HOUR),
        (ONE_A_SECOND, SLOW_POLICY, 2 * HOUR),  # 6,000 events had come at 1:40
        (TWO_A_MINUTE, SLOW_POLICY, float("inf")),
        (TWO_A_MINUTE, replace(SLOW_POLICY, warm_up_events=60), 2 * HOUR),
        (TWO_A_MINUTE, replace(SLOW_POLICY, warm_up_events=600), 5 * HOUR),
    ],
)
def test_warm_up_lasts_for_hours_and_until_enough_events_have_come(
    life: ProcessLife, tier: LeakPolicy, since: float
) -> None:
    epoch = _build_epoch(life=life)
    assert find_warm_time(epoch, tier) == since
    if tier is SLOW_POLICY and since < DAY:
        assert _compute_floors(epoch).starts[0] == max(since, 0)


def test_events_of_an_earlier_life_do_not_warm_the_next() -> None:
    events = Samples.from_readings(_DAY, np.minimum(_DAY, 12 * HOUR))  # and then none
    second = _build_epoch(life=ProcessLife(starts=[0, 12 * HOUR], events=events))
    assert compute_baseline(second, SLOW_POLICY) is LeakReason.WARMING_UP


def test_a_floor_is_the_tenth_percentile_of_its_half_hour() -> None:
    found = _compute_floors(_build_epoch(values=np.tile(np.arange(30.0), 48)))
    assert (len(found), set(found.values)) == (44, {2.0})
    values = np.full(_DAY.size, 100.0)
    values[600] = 0
    assert _compute_floors(_build_epoch(values=values)).lowest == 100, (
        "one misreading is not the floor"
    )


def test_the_fast_tier_sees_six_hours_in_quarters_and_the_slow_one_a_week() -> None:
    found = compute_baseline(_build_epoch(), FAST_POLICY)
    assert isinstance(found, Baseline)
    assert (len(found), found.starts[0]) == (24, 18 * HOUR)
    month = np.arange(0, 30 * DAY, 5 * MINUTE)
    assert len(_compute_floors(_build_epoch(month))) == pytest.approx(7 * 48, abs=1)


def test_missed_samples_leave_a_floor_unless_they_are_too_many() -> None:
    chance = np.random.default_rng(1).uniform(size=_DAY.size)
    assert len(_compute_floors(_build_epoch(_DAY[chance < 0.6], interval=MINUTE))) == pytest.approx(
        40, abs=4
    )
    assert compute_baseline(_build_epoch(_DAY[chance < 0.1]), SLOW_POLICY) is LeakReason.SCRAPE_GAPS
    third = _DAY[::3]  # told only by the interval
    assert (
        compute_baseline(_build_epoch(third, interval=MINUTE), SLOW_POLICY)
        is LeakReason.SCRAPE_GAPS
    )
    assert len(_compute_floors(_build_epoch(third))) == 44
    assert len(_compute_floors(_build_epoch(_build_times(6 * HOUR + 3 * MINUTE)))) == 8, (
        "the last has just begun"
    )


def test_eight_floors_are_needed() -> None:
    long_enough = 6 * HOUR  # two of warm-up, and eight half hours
    assert len(_compute_floors(_build_epoch(_build_times(long_enough)))) == 8
    short = compute_baseline(_build_epoch(_build_times(long_enough - HOUR / 2)), SLOW_POLICY)
    assert short is LeakReason.TOO_FEW_BUCKETS


def test_a_gap_of_hours_is_too_much_and_one_of_an_hour_is_not() -> None:
    def remove_hours(hours: float) -> np.ndarray:
        noon = 12 * HOUR
        return np.concatenate([_build_times(noon), _DAY[_build_times(noon + hours * HOUR).size :]])

    assert len(_compute_floors(_build_epoch(remove_hours(1)))) == 42
    assert compute_baseline(_build_epoch(remove_hours(7)), SLOW_POLICY) is LeakReason.SCRAPE_GAPS


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.array([]), LeakReason.NO_SAMPLES),
        (np.full(1_440, np.nan), LeakReason.NO_SAMPLES),
        (np.full(1_440, -1.0), LeakReason.NO_SAMPLES),
        (np.ones(1), LeakReason.WARMING_UP),
        (np.ones(60), LeakReason.WARMING_UP),
        (np.ones(200), LeakReason.TOO_FEW_BUCKETS),
    ],
)
def test_too_little_to_judge_is_said_and_why(values: np.ndarray, reason: LeakReason) -> None:
    found = judge_series(build_series(values))
    assert (found.verdict, found.reason) == (LeakVerdict.INSUFFICIENT, reason)
    assert found.measurement is None


def test_a_series_that_ended_is_stale() -> None:
    agent = SimulatedAgent()
    one = agent.build_series(agent.simulate_memory(per_event=4_096))
    end = float(agent.times[-1])
    assert judge_series(one, time=end + 10 * MINUTE).verdict is LeakVerdict.LEAK
    stale = judge_series(one, time=end + HOUR)
    assert (stale.verdict, stale.reason) == (LeakVerdict.INSUFFICIENT, LeakReason.STALE)


_HOURS = np.arange(48) / 2


def _generate_noise(seed: int = 0) -> np.ndarray:
    return 100 + np.random.default_rng(seed).standard_normal(48)


def _generate_correlated_noise(seed: int) -> np.ndarray:
    return correlated(np.random.default_rng(seed), 60 * _HOURS)


def test_lines_and_noise_have_their_trend() -> None:
    found = fit_trend(_HOURS, 5 + 3 * _HOURS, level=0.01)
    assert [found.slope, found.low, found.n] == pytest.approx([3, 3, 48])
    assert found.p < 1e-15
    assert fit_trend(_HOURS, 1.5e8 + 1.1e6 / 3 * _HOURS, level=0.01).p < 1e-15, "rounding errors"
    flat = fit_trend(_HOURS, np.full(48, 7.0), level=0.01)
    assert (flat.slope, flat.low, flat.high, flat.p) == (0, 0, 0, 1)
    assert fit_trend(_HOURS, _generate_noise() - _HOURS, level=0.01).p > 0.999, (
        "the test is one-sided"
    )
    for count in range(3):
        assert fit_trend(_HOURS[:count], np.arange(1.0, count + 1), level=0.01).p == 1


def test_alternating_floors_make_the_test_no_surer_than_the_plain_one(
    pymannkendall: ModuleType,
) -> None:
    values = 100 + 0.1 * _HOURS + 3 * (-1.0) ** np.arange(48)
    plain = pymannkendall.original_test(values)
    assert pymannkendall.hamed_rao_modification_test(values).var_s < plain.var_s
    assert fit_trend(_HOURS, values, level=0.01).p == pytest.approx(scipy.stats.norm.sf(plain.z))


def test_a_variance_below_zero_is_none(pymannkendall: ModuleType) -> None:
    values = np.array([3.0, 2.9, 3.4, 3.2, 3.7, 3.2, 3.7, 3.7, 3.9, 3.7, 4.1, 4.4])
    with np.errstate(invalid="ignore"):
        assert pymannkendall.hamed_rao_modification_test(values).var_s < 0
    plain = pymannkendall.original_test(values)
    assert fit_trend(_HOURS[:12], values, level=0.01).p == pytest.approx(
        scipy.stats.norm.sf(plain.z)
    )


def test_floors_alike_their_neighbours_make_the_test_less_sure_and_the_bounds_wider(
    pymannkendall: ModuleType,
) -> None:
    values = next(
        values
        for values in map(_generate_correlated_noise, range(100))
        if pymannkendall.hamed_rao_modification_test(values).var_s
        > 2 * pymannkendall.original_test(values).var_s
    )
    found = fit_trend(_HOURS, values, level=0.01)
    plain = scipy.stats.theilslopes(values, _HOURS, alpha=0.98)
    assert found.slope == plain.slope
    assert found.low < plain.low_slope
    assert found.high > plain.high_slope
    wide = pymannkendall.hamed_rao_modification_test(values)
    assert found.p == pytest.approx(scipy.stats.norm.sf(wide.z))


def test_the_slope_is_that_of_the_times_even_across_a_gap() -> None:
    seen = np.r_[0:10, 30:48]
    assert fit_trend(_HOURS[seen], 3 * _HOURS[seen], level=0.01).slope == pytest.approx(3)
    assert compute_slope(_HOURS[seen], 3 * _HOURS[seen]) == pytest.approx(3)


def test_a_misfit_is_the_mean_distance_from_the_line() -> None:
    around = np.tile([1.0, -1.0, -1.0, 1.0], 12)
    assert compute_misfit(_HOURS, 5 + 3 * _HOURS + around) == pytest.approx(1, abs=0.05)
    assert compute_misfit(_HOURS, 5 + 3 * _HOURS) == pytest.approx(0, abs=1e-9)


def test_many_tests_are_worth_less_each_by_holm() -> None:
    assert adjust_p_values([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert adjust_p_values([0.5, 0.6]) == [1.0, 1.0]
    assert adjust_p_values([0.02]) == [0.02]
    assert adjust_p_values([]) == []


def test_importing_the_package_does_not_import_scipy() -> None:
    asks = "import sys, exporter.leakdetection.detector; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asks], check=False).returncode == 0
