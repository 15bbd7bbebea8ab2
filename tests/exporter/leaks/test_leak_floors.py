"""Floors: what is dropped as warm-up, what a bucket needs, and when there is too little."""

import math
from dataclasses import replace

import numpy as np
import pytest

from exporter.leaks.epochs import Epoch, cut
from exporter.leaks.floors import Floor, floor, warm_since
from exporter.leaks.reasons import Reason
from exporter.leaks.series import Life, Samples, Series
from exporter.leaks.signals import Signal
from exporter.leaks.tiers import FAST, SLOW
from slos.schema.contract import LeakVerdict
from tests.exporter.leaks.agents import Agent, judged, series
from tests.exporter.leaks.shapes import DAY, HOUR, MINUTE

_DAY = np.arange(0, DAY, MINUTE)


def _until(end: float) -> np.ndarray:
    return _DAY[: math.ceil(end / MINUTE)]


def _epoch(times: np.ndarray = _DAY, values: np.ndarray | None = None, **known: object) -> Epoch:
    samples = Samples.of(times, np.ones(times.size) if values is None else values)
    one = Series(Signal.RSS, "pod", samples)
    return cut(replace(one, **known))[-1]  # type: ignore[arg-type]


def _floor(epoch: Epoch) -> Floor:
    found = floor(epoch, SLOW)
    assert isinstance(found, Floor)
    return found


def test_two_hours_are_warm_up_in_the_slow_tier_and_one_in_the_fast() -> None:
    assert warm_since(_epoch(), SLOW) == 2 * HOUR
    assert warm_since(_epoch(), FAST) == HOUR
    assert _floor(_epoch()).begins[0] == 2 * HOUR


def test_warm_up_counts_from_the_start_even_if_that_was_not_watched() -> None:
    assert _floor(_epoch(life=Life(starts=[-HOUR]))).begins[0] == HOUR
    assert _floor(_epoch(life=Life(starts=[-DAY]))).begins[0] == 0


def test_warm_up_lasts_until_enough_events_have_come_too() -> None:
    one_a_second = Samples.of(_DAY, _DAY)
    two_a_minute = Samples.of(_DAY, _DAY / 30)
    assert warm_since(_epoch(life=Life(events=one_a_second)), SLOW) == 2 * HOUR  # 6,000 at 1:40
    assert warm_since(_epoch(life=Life(events=two_a_minute)), SLOW) == float("inf")
    half_hourly = replace(SLOW, warm_up_events=60)
    assert warm_since(_epoch(life=Life(events=two_a_minute)), half_hourly) == 2 * HOUR
    slower = replace(SLOW, warm_up_events=600)
    assert warm_since(_epoch(life=Life(events=two_a_minute)), slower) == 5 * HOUR


def test_events_of_an_earlier_life_do_not_warm_the_next() -> None:
    events = Samples.of(_DAY, np.minimum(_DAY, 12 * HOUR))  # and then none
    second = _epoch(life=Life(starts=[0, 12 * HOUR], events=events))
    assert floor(second, SLOW) is Reason.WARMING_UP


def test_a_floor_is_the_tenth_percentile_of_its_half_hour() -> None:
    values = np.tile(np.arange(30.0), 48)
    found = _floor(_epoch(values=values))
    assert len(found) == 44
    assert set(found.values) == {2.0}


def test_one_misreading_of_zero_is_not_the_floor() -> None:
    values = np.full(_DAY.size, 100.0)
    values[600] = 0
    assert _floor(_epoch(values=values)).lowest == 100


def test_the_fast_tier_sees_the_last_six_hours_in_quarters() -> None:
    found = floor(_epoch(), FAST)
    assert isinstance(found, Floor)
    assert (len(found), found.begins[0]) == (24, 18 * HOUR)


def test_the_slow_tier_sees_a_week_at_most() -> None:
    month = np.arange(0, 30 * DAY, 5 * MINUTE)
    assert len(_floor(_epoch(month))) == pytest.approx(7 * 48, abs=1)


def test_eight_floors_are_needed() -> None:
    long_enough = 6 * HOUR  # two of warm-up, and eight half hours
    assert len(_floor(_epoch(_until(long_enough)))) == 8
    short = floor(_epoch(_until(long_enough - HOUR / 2)), SLOW)
    assert short is Reason.TOO_FEW_BUCKETS


def test_samples_missed_at_random_leave_a_floor() -> None:
    seen = np.random.default_rng(1).uniform(size=_DAY.size) < 0.6
    assert len(_floor(_epoch(_DAY[seen], interval=MINUTE))) == pytest.approx(40, abs=4)


def test_a_scrape_that_is_broken_most_of_the_time_is_not_silence() -> None:
    seen = np.random.default_rng(1).uniform(size=_DAY.size) < 0.1
    assert floor(_epoch(_DAY[seen]), SLOW) is Reason.SCRAPE_GAPS


def test_even_scraping_that_misses_every_third_is_told_only_by_its_interval() -> None:
    third = _DAY[::3]
    assert floor(_epoch(third, interval=MINUTE), SLOW) is Reason.SCRAPE_GAPS
    assert len(_floor(_epoch(third))) == 44


def test_a_gap_of_hours_is_too_much_and_one_of_an_hour_is_not() -> None:
    def without(hours: float) -> np.ndarray:
        noon = 12 * HOUR
        return np.concatenate([_until(noon), _DAY[_until(noon + hours * HOUR).size :]])

    assert len(_floor(_epoch(without(1)))) == 42
    assert floor(_epoch(without(7)), SLOW) is Reason.SCRAPE_GAPS


def test_a_bucket_that_has_just_begun_is_not_missed() -> None:
    assert len(_floor(_epoch(_until(6 * HOUR + 3 * MINUTE)))) == 8


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.array([]), Reason.NO_SAMPLES),
        (np.full(1_440, np.nan), Reason.NO_SAMPLES),
        (np.full(1_440, -1.0), Reason.NO_SAMPLES),
        (np.ones(1), Reason.WARMING_UP),
        (np.ones(60), Reason.WARMING_UP),
        (np.ones(200), Reason.TOO_FEW_BUCKETS),
    ],
)
def test_too_little_to_judge_is_said_and_why(values: np.ndarray, reason: Reason) -> None:
    found = judged(series(values))
    assert (found.verdict, found.reason) == (LeakVerdict.INSUFFICIENT, reason)
    assert found.measured is None


def test_a_series_that_ended_is_stale() -> None:
    agent = Agent()
    one = agent.series(agent.memory(per_event=4_096))
    end = float(agent.times[-1])
    assert judged(one, at=end + 10 * MINUTE).verdict is LeakVerdict.LEAK
    stale = judged(one, at=end + HOUR)
    assert (stale.verdict, stale.reason) == (LeakVerdict.INSUFFICIENT, Reason.STALE)
