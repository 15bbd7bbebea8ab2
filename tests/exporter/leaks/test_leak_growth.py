"""What growth follows: events, the clock, or the work in flight."""

from collections.abc import Callable

import numpy as np
import pytest

from exporter.leaks import Growth, Life, Samples, Series, Signal
from slos.schema.contract import LeakVerdict
from tests.exporter.leaks.agents import KB, MB, Agent, Rate, in_shifts, judged
from tests.exporter.leaks.shapes import DAY


def _growth(series: Series) -> Growth | None:
    found = judged(series)
    assert found.verdict is LeakVerdict.LEAK
    assert found.measured
    return found.measured.growth


def _by_day(hours: np.ndarray) -> np.ndarray:
    """Events come by day and hardly by night."""
    return np.asarray(1 - 0.9 * np.cos(2 * np.pi * hours / 24))


@pytest.mark.parametrize("rate", [in_shifts, _by_day])
def test_growth_that_follows_the_event_rate_is_per_event(rate: Rate) -> None:
    agent = Agent(48, rate=rate)
    assert _growth(agent.series(agent.memory(per_event=4 * KB))) is Growth.PER_EVENT


@pytest.mark.parametrize("rate", [in_shifts, _by_day])
def test_growth_that_does_not_care_for_events_follows_time(rate: Rate) -> None:
    agent = Agent(48, rate=rate)
    assert _growth(agent.series(agent.memory(per_hour=3 * MB))) is Growth.TIME


def test_growth_while_no_event_comes_follows_time() -> None:
    agent = Agent(rate=lambda hours: np.where(hours < 2, 1.0, 0.0))  # 7,200, and then none
    assert _growth(agent.series(agent.memory(per_hour=3 * MB))) is Growth.TIME


def test_events_that_come_evenly_cannot_be_told_from_the_clock() -> None:
    agent = Agent()
    assert _growth(agent.series(agent.memory(per_event=4 * KB))) is Growth.UNDETERMINED


def test_nor_can_they_when_growth_is_so_even_that_only_rounding_is_left() -> None:
    agent = Agent()
    assert _growth(agent.series(1e8 + 1_000 / 3 * agent.events)) is Growth.UNDETERMINED


def test_events_that_nobody_counts_cannot_be_told_from_the_clock() -> None:
    agent = Agent(rate=in_shifts)
    unknown = agent.series(agent.memory(per_event=4 * KB), life=Life([agent.start]))
    assert _growth(unknown) is Growth.UNDETERMINED


def test_events_that_were_counted_for_a_while_only_are_not_counted() -> None:
    agent = Agent(rate=in_shifts)
    half = agent.minutes < DAY / 2
    life = Life([agent.start], events=Samples.of(agent.times[half], agent.events[half]))
    found = judged(agent.series(agent.memory(per_event=4 * KB), life=life))
    assert found.verdict is LeakVerdict.LEAK
    assert found.measured
    assert (found.measured.per_event, found.measured.growth) == (None, Growth.UNDETERMINED)


@pytest.mark.parametrize(
    ("in_flight", "growth"),
    [
        (lambda minutes: 2 + minutes / 600, Growth.QUEUE),
        (lambda minutes: 2 + minutes % 5, Growth.PER_EVENT),
        (lambda minutes: 0 * minutes, Growth.PER_EVENT),
    ],
)
def test_work_in_flight(in_flight: Callable[[np.ndarray], np.ndarray], growth: Growth) -> None:
    agent = Agent(rate=in_shifts)
    life = agent.life(in_flight=in_flight(agent.minutes / 60))
    assert _growth(agent.series(agent.memory(per_event=4 * KB), life=life)) is growth


def test_a_queue_that_gets_longer_is_a_queue() -> None:
    agent = Agent(rate=in_shifts)
    assert _growth(agent.series(agent.minutes // 600, Signal.QUEUE_DEPTH)) is Growth.QUEUE


def test_what_does_not_grow_follows_nothing() -> None:
    agent = Agent()
    found = judged(agent.series(agent.memory()))
    assert found.measured
    assert found.measured.growth is None


def test_work_in_flight_that_was_hardly_ever_read_makes_no_queue() -> None:
    agent = Agent(rate=in_shifts)
    ends = [float(agent.times[0]), float(agent.times[-1])]
    life = Life([agent.start], agent.life().events, in_flight=Samples.of(ends, [1, 9]))
    assert _growth(agent.series(agent.memory(per_event=4 * KB), life=life)) is Growth.PER_EVENT
