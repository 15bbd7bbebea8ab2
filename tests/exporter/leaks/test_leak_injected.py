"""Leaks put into an agent are found; what looks like one is not."""

import numpy as np
import pytest

from exporter.leaks.growth import Growth
from exporter.leaks.judge import judge
from exporter.leaks.reasons import Reason
from exporter.leaks.series import Life, Samples, Series
from exporter.leaks.signals import Signal
from slos.schema.contract import LeakVerdict
from tests.exporter.leaks.agents import KB, MB, START, Agent, in_shifts, judged
from tests.exporter.leaks.shapes import DAY, HOUR


def test_an_agent_whose_lists_fill_does_not_leak() -> None:
    agent = Agent()
    found = judged(agent.series(agent.memory()))
    assert (found.verdict, found.reason) == (LeakVerdict.PASS, Reason.NO_TREND)


@pytest.mark.parametrize("size", [1, 4, 64])
def test_kilobytes_lost_with_each_event_are_a_leak(size: int) -> None:
    agent = Agent()
    found = judged(agent.series(agent.memory(per_event=size * KB)))
    assert (found.verdict, found.reason) == (LeakVerdict.LEAK, Reason.ALL_GATES)
    assert found.measured
    assert found.measured.per_event == pytest.approx(size * KB, rel=0.02)
    assert found.measured.trend.slope == pytest.approx(size * KB * 3_600, rel=0.02)
    assert found.measured.trend.low < found.measured.trend.slope < found.measured.trend.high


def test_a_file_for_every_hundred_events_is_a_leak() -> None:
    agent = Agent()
    found = judged(agent.series(13 + agent.events // 100, Signal.OPEN_FILES))
    assert found.verdict is LeakVerdict.LEAK
    assert found.measured
    assert found.measured.per_event == pytest.approx(0.01, rel=0.02)


def test_tasks_that_a_timer_starts_and_nobody_ends_are_a_leak_in_time() -> None:
    agent = Agent(rate=in_shifts)  # a task a minute, of 30 kB
    found = judged(agent.series(agent.memory(per_hour=60 * 30 * KB)))
    assert found.verdict is LeakVerdict.LEAK
    assert found.measured
    assert found.measured.growth is Growth.TIME


def test_a_sawtooth_does_not_leak_however_large_its_teeth() -> None:
    agent = Agent()
    teeth = 60 * MB * (agent.minutes / (45 * 60) % 1)
    assert judged(agent.series(agent.memory() + teeth)).verdict is LeakVerdict.PASS


@pytest.mark.parametrize("hour", range(1, 24))
def test_a_step_is_not_a_leak_whenever_it_comes(hour: int) -> None:
    agent = Agent()
    found = judged(agent.series(agent.memory() + 20 * MB * (agent.minutes > hour * HOUR)))
    assert found.verdict is LeakVerdict.PASS


def test_a_leak_of_each_of_two_lives_is_seen_in_both_and_measured_in_each() -> None:
    before, after = Agent(12), Agent(12, start=START + DAY / 2, seed=1)
    found = judge([_two_lives(before, after, per_event=4 * KB)])
    assert [finding.verdict for finding in found.all] == [LeakVerdict.LEAK] * 2
    assert [finding.started for finding in found.all] == [before.start, after.start]
    for finding in found.all:
        assert finding.measured
        assert finding.measured.per_event == pytest.approx(4 * KB, rel=0.03)
    assert found.pages


def test_a_second_life_that_holds_more_than_the_first_is_no_growth() -> None:
    before, after = Agent(12), Agent(12, start=START + DAY / 2, base=180 * MB, seed=1)
    found = judge([_two_lives(before, after)])
    assert [finding.verdict for finding in found.all] == [LeakVerdict.PASS] * 2


def test_a_leak_so_fast_that_it_cannot_wait_is_found_by_the_fast_tier() -> None:
    agent = Agent(5)  # an hour of warm-up, and the events come faster than they have to
    found = judged(agent.series(agent.memory(per_event=4 * KB)))
    assert (found.verdict, found.reason) == (LeakVerdict.LEAK, Reason.STEEP)
    assert found.measured
    assert found.measured.tier == "fast"


def _two_lives(before: Agent, after: Agent, *, per_event: float = 0.0) -> Series:
    """Both in one series; the counter of events starts again with the second."""
    lives = (before, after)
    times = np.concatenate([life.times for life in lives])
    memory = np.concatenate([life.memory(per_event=per_event) for life in lives])
    events = Samples.of(times, np.concatenate([life.events for life in lives]))
    return Series(
        Signal.RSS,
        "agent-0",
        Samples.of(times, memory),
        Life(starts=[life.start for life in lives], events=events),
    )
