"""Epochs: where a process began anew, and what is counted since."""

import numpy as np
import pytest

from exporter.leaks import starts
from exporter.leaks.epochs import counted, cut
from exporter.leaks.series import Life, Samples, Series
from exporter.leaks.signals import Signal

_TIMES = np.arange(0.0, 1_000.0, 10.0)


def _series(*begins: float, times: np.ndarray = _TIMES) -> Series:
    return Series(Signal.RSS, "pod", Samples.of(times, times), Life(starts=begins))


def test_without_any_start_life_begins_with_the_first_sample() -> None:
    (only,) = cut(_series(times=_TIMES + 5))
    assert (only.started, only.age, only.current) == (5.0, 990.0, True)


def test_a_start_before_the_first_sample_makes_the_epoch_older_than_its_samples() -> None:
    (only,) = cut(_series(-500.0))
    assert (only.started, only.age) == (-500.0, 1_490.0)


def test_no_sample_is_in_two_epochs_and_none_is_lost() -> None:
    epochs = cut(_series(700.0, 300.0, 500.5))
    assert [epoch.started for epoch in epochs] == [0.0, 300.0, 500.5, 700.0]
    assert np.concatenate([epoch.samples.times for epoch in epochs]).tolist() == _TIMES.tolist()
    assert [epoch.samples.times[0] for epoch in epochs] == [0, 300, 510, 700]
    assert [epoch.current for epoch in epochs] == [False, False, False, True]


def test_a_life_that_left_no_sample_is_left_out_but_for_the_current_one() -> None:
    epochs = cut(_series(-900.0, -500.0, 2_000.0))
    assert [(epoch.started, len(epoch.samples)) for epoch in epochs] == [(-500, 100), (2_000, 0)]


def test_a_series_without_samples_is_one_epoch_without_samples() -> None:
    (only,) = cut(_series(times=np.array([])))
    assert (only.current, only.age, len(only.samples)) == (True, 0.0, 0)


def test_a_start_time_that_the_clock_corrects_is_one_start() -> None:
    wobbling = starts.of_start_times(Samples.of([0, 10, 20, 30], [100.0, 100.9, 100.4, 5_000.0]))
    assert starts.merged(wobbling) == [100.9, 5_000.0]


def test_starts_seen_by_two_sources_are_one() -> None:
    assert starts.merged([1_000.0, 970.0, float("nan"), 4_000.0]) == [1_000.0, 4_000.0]


def test_a_restart_is_put_right_after_the_last_reading_that_did_not_show_it() -> None:
    (only,) = starts.of_changes([0, 10, 20, 30], [2, 2, 3, 3])
    assert 10 < only < 10.001


def test_pods_and_images_that_change_and_change_back_are_starts() -> None:
    found = starts.of_changes([0, 30, 10, 20, 40], ["a", "a", "a", "b", None])
    assert found == pytest.approx([10, 20])


def test_a_mark_that_is_missing_now_and_then_has_not_changed() -> None:
    assert starts.of_changes([0, 10, 20, 30], [1, float("nan"), None, 1]) == []


def test_a_counter_that_is_reset_goes_on_counting() -> None:
    events = Samples.of([0, 10, 20, 30, 40], [100, 150, 20, 30, 30])
    assert counted(events, 0.0).values.tolist() == [0, 50, 70, 80, 80]


def test_events_before_the_moment_are_not_counted() -> None:
    events = Samples.of([0, 10, 20, 30], [100, 150, 200, 250])
    found = counted(events, 15.0)
    assert (found.times.tolist(), found.values.tolist()) == ([10, 20, 30], [0, 50, 100])


def test_events_before_the_first_reading_are_not_known() -> None:
    assert counted(Samples.of([50, 60], [1_000, 1_010]), 0.0).values.tolist() == [0, 10]
    assert len(counted(Samples.of([], []), 0.0)) == 0


def test_samples_are_put_in_order_and_the_impossible_ones_dropped() -> None:
    inf, nan = float("inf"), float("nan")
    times = [30.0, 10.0, 10.0, nan, 40.0, 50.0, inf, 60.0, 20.0]
    values = [3.0, 1.0, 7.0, 1.0, -1.0, nan, 1.0, inf, 2.0]
    samples = Samples.of(times, values)
    assert samples.times.tolist() == [10, 20, 30]
    assert samples.values.tolist() == [7, 2, 3]  # of two at one moment, the later


def test_values_without_times_are_a_bug_of_the_caller() -> None:
    with pytest.raises(ValueError, match="2 times for 3 values"):
        Samples.of([1, 2], [1, 2, 3])
