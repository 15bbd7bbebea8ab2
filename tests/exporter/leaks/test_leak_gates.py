"""Gates, kinds of growth, leaks put into an agent, and families of series."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from exporter.probes.leak.baseline import Floor
from exporter.probes.leak.detector import Evidence, Finding, Findings, closed_gate, judge
from exporter.probes.leak.policy import CONFIRMED, FAST, SLOW, STEEP, SUSPECT, Grade, Reason, Signal
from exporter.probes.leak.series import Life, Samples, Series, cut
from exporter.probes.leak.statistics import Growth, trend
from slos.schema.contract import LeakVerdict
from tests.exporter.leaks.agents import DAY, HOUR, KB, MB, START, Agent, in_shifts, judged, series

_GRADES = [SUSPECT, CONFIRMED, STEEP]


def _evidence(values: np.ndarray, signal: Signal = Signal.RSS) -> Evidence:
    """Evidence of floors that are half an hour apart."""
    floors = Floor(np.arange(values.size) * HOUR / 2, values, HOUR / 2)
    found = trend(floors.hours, values, level=0.01)
    (epoch,) = cut(series(values, signal))
    return Evidence(epoch.series, floors, found, p=found.p, per_event=None)


def _line(share: float, floors: int = 48) -> np.ndarray:
    """100 MB, and so much of it more every hour."""
    return 100 * MB * (1 + share * np.arange(floors) / 2)


_HALF_HOURS = np.arange(48) / 2


def _bent(kept: float) -> Evidence:
    """Rises by 1 MB an hour for half of the time, and then by so much of it."""
    rise = np.minimum(_HALF_HOURS, 12) + kept * np.maximum(_HALF_HOURS - 12, 0)
    return _evidence((100 + rise) * MB)


STEADY, FILES = _evidence(_line(0.01)), _evidence(13 + np.arange(48.0), Signal.OPEN_FILES)
# Half of all pairs are on both sides of the step, but each half hardly rises.
STEP = _evidence((100 + 0.01 * _HALF_HOURS + 30 * (_HALF_HOURS >= 12)) * MB)


@pytest.mark.parametrize(
    ("evidence", "grade", "closed"),
    [
        *((_evidence(_line(grade.size * 1.01)), grade, None) for grade in _GRADES),
        *((_evidence(_line(grade.size * 0.99)), grade, Reason.TOO_SLOW) for grade in _GRADES),
        *((_evidence(_line(-0.005)), grade, Reason.NO_TREND) for grade in _GRADES),
        (replace(STEADY, p=0.011), CONFIRMED, Reason.NO_TREND),  # as chance explains in a family
        (replace(STEADY, p=0.009), CONFIRMED, None),
        (replace(STEADY, trend=replace(STEADY.trend, low=0.0)), CONFIRMED, Reason.NO_TREND),
        (replace(STEADY, per_event=None), CONFIRMED, None),
        (replace(STEADY, per_event=65.0), CONFIRMED, None),
        (replace(STEADY, per_event=64.0), CONFIRMED, Reason.TOO_LITTLE_PER_EVENT),
        (replace(FILES, per_event=0.001), CONFIRMED, None),
        (_bent(0.35), SUSPECT, Reason.SLOWED_DOWN),
        (_bent(0.45), SUSPECT, None),
        (_bent(0.65), CONFIRMED, Reason.SLOWED_DOWN),
        (_bent(0.75), CONFIRMED, None),
        (STEP, SUSPECT, Reason.SLOWED_DOWN),
        (STEP, CONFIRMED, Reason.SLOWED_DOWN),
        (_evidence((100 + _HALF_HOURS**2 / 20) * MB), CONFIRMED, None),  # it gets faster
    ],
)
def test_growth_passes_every_gate_or_is_stopped_by_one(
    evidence: Evidence, grade: Grade, closed: Reason | None
) -> None:
    assert closed_gate(evidence, grade) is closed
    assert STEP.relative > 0.01


@pytest.mark.parametrize(("rise", "closed"), [(4, Reason.TOO_FEW_MORE), (5, None)])
def test_a_count_must_rise_by_five(rise: int, closed: Reason | None) -> None:
    # The middles of the thirds are 32 of the 48 floors apart.
    evidence = _evidence(np.floor(13.5 + rise * np.arange(48) / 32), Signal.OPEN_FILES)
    assert evidence.floor.rise() == rise
    assert closed_gate(evidence, CONFIRMED) is closed


def test_a_count_of_none_may_begin_to_leak() -> None:
    found = judged(series(np.floor(np.arange(1_440) / 60), Signal.OPEN_TICKETS))
    assert found.verdict is LeakVerdict.LEAK
    assert found.measured
    assert found.measured.relative == pytest.approx(0.5, rel=0.05)  # of the 2 when it was warm


def test_bytes_are_measured_for_each_event_even_if_they_come_in_shifts() -> None:
    agent = Agent(rate=in_shifts)
    found = judged(agent.series(agent.memory(per_event=4 * KB)))
    assert found.verdict is LeakVerdict.LEAK
    assert found.measured
    assert found.measured.per_event == pytest.approx(4 * KB, rel=0.15)


def _growth(series: Series) -> Growth | None:
    found = judged(series)
    assert found.verdict is LeakVerdict.LEAK
    assert found.measured
    return found.measured.growth


def _by_day(hours: np.ndarray) -> np.ndarray:
    """Events come by day and hardly by night."""
    return np.asarray(1 - 0.9 * np.cos(2 * np.pi * hours / 24))


SHIFTS, EVEN = Agent(rate=in_shifts), Agent()
STARTED = Agent(rate=lambda hours: np.where(hours < 2, 1.0, 0.0))  # 7,200 events, and then none


@pytest.mark.parametrize(
    ("series", "growth"),
    [
        *((each.series(each.memory(per_event=4 * KB)), Growth.PER_EVENT)
          for each in (Agent(48, rate=in_shifts), Agent(48, rate=_by_day))),
        *((each.series(each.memory(per_hour=3 * MB)), Growth.TIME)
          for each in (Agent(48, rate=in_shifts), Agent(48, rate=_by_day), STARTED)),
        # Events that come evenly cannot be told from the clock, nor those that nobody counts.
        (EVEN.series(EVEN.memory(per_event=4 * KB)), Growth.UNDETERMINED),
        (EVEN.series(1e8 + 1_000 / 3 * EVEN.events), Growth.UNDETERMINED),
        (SHIFTS.series(SHIFTS.memory(per_event=4 * KB), life=Life([START])), Growth.UNDETERMINED),
        (SHIFTS.series(SHIFTS.minutes // 600, Signal.QUEUE_DEPTH), Growth.QUEUE),
    ],
)  # fmt: skip
def test_growth_follows_events_time_or_a_queue(series: Series, growth: Growth) -> None:
    assert _growth(series) is growth


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


def test_work_in_flight_that_was_hardly_ever_read_makes_no_queue() -> None:
    agent = Agent(rate=in_shifts)
    ends = [float(agent.times[0]), float(agent.times[-1])]
    life = Life([agent.start], agent.life().events, in_flight=Samples.of(ends, [1, 9]))
    assert _growth(agent.series(agent.memory(per_event=4 * KB), life=life)) is Growth.PER_EVENT


BUSY = Agent(rate=lambda hours: 20 * np.ones_like(hours))
TEETH = 60 * MB * (EVEN.minutes / (45 * 60) % 1)


@pytest.mark.parametrize(
    ("series", "verdict", "reason"),
    [
        (EVEN.series(EVEN.memory()), LeakVerdict.PASS, Reason.NO_TREND),
        (EVEN.series(EVEN.memory() + TEETH), LeakVerdict.PASS, Reason.NO_TREND),
        (EVEN.series(EVEN.memory(per_hour=0.24 * MB)), LeakVerdict.SUSPECT, Reason.TOO_SLOW),
        (BUSY.series(BUSY.memory(per_event=50)), LeakVerdict.PASS, Reason.TOO_LITTLE_PER_EVENT),
        (
            EVEN.series(13 + EVEN.events // 100, Signal.OPEN_FILES),
            LeakVerdict.LEAK,
            Reason.ALL_GATES,
        ),
    ],
)
def test_an_agent_gets_its_verdict(series: Series, verdict: LeakVerdict, reason: Reason) -> None:
    found = judged(series)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert found.measured
    assert verdict is not LeakVerdict.PASS or found.measured.growth is None
    if series.signal is Signal.OPEN_FILES:
        assert found.measured.per_event == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize("size", [1, 4, 64])
def test_kilobytes_lost_with_each_event_are_a_leak(size: int) -> None:
    agent = Agent()
    found = judged(agent.series(agent.memory(per_event=size * KB)))
    assert (found.verdict, found.reason) == (LeakVerdict.LEAK, Reason.ALL_GATES)
    assert found.measured
    assert found.measured.per_event == pytest.approx(size * KB, rel=0.02)
    assert found.measured.trend.slope == pytest.approx(size * KB * 3_600, rel=0.02)
    assert found.measured.trend.low < found.measured.trend.slope < found.measured.trend.high


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


_LEAKING = Agent()


def _leaking(signal: Signal = Signal.RSS, instance: str = "agent-0") -> Series:
    return replace(_LEAKING.series(_LEAKING.memory(per_event=4 * KB), signal), instance=instance)


def _sound(seed: int, signal: Signal = Signal.RSS) -> Series:
    agent = Agent(seed=seed)
    return replace(agent.series(agent.memory(), signal), instance=f"agent-{seed}")


def test_nothing_is_said_of_nobody() -> None:
    assert judge([]) == Findings(())
    assert not judge([]).pages


def test_there_is_one_current_finding_for_each_series_in_their_order() -> None:
    found = judge([_leaking(), _sound(1), _sound(2, Signal.WORKING_SET)])
    assert [(one.signal, one.instance, one.verdict) for one in found.current] == [
        (Signal.RSS, "agent-0", LeakVerdict.LEAK),
        (Signal.RSS, "agent-1", LeakVerdict.PASS),
        (Signal.WORKING_SET, "agent-2", LeakVerdict.PASS),
    ]


def test_a_trend_is_worth_less_the_more_are_tried() -> None:
    alone, among = judge([_leaking()]).all[0], judge([_leaking(), *map(_sound, range(1, 5))]).all[0]
    assert alone.measured
    assert among.measured
    assert alone.measured.p == pytest.approx(2 * alone.measured.trend.p)  # two tiers
    assert among.measured.p > alone.measured.p
    assert among.verdict is LeakVerdict.LEAK


def test_what_cannot_be_tested_does_not_enlarge_the_family() -> None:
    short = Agent(1)
    alone = judge([_leaking()]).all[0]
    among = judge([_leaking(), short.series(short.memory())])
    assert among.all[0] == alone
    assert among.all[1].reason is Reason.WARMING_UP


def test_a_leak_wakes_someone_only_with_a_second_witness() -> None:
    found = judge([_leaking(), _sound(1)])
    assert (found.current[0].verdict, found.pages) == (LeakVerdict.LEAK, False)
    assert judge([_leaking(), _leaking(Signal.WORKING_SET)]).pages
    assert judge([_leaking(), _leaking(instance="agent-1")]).pages


def _finding(signal: Signal, verdict: LeakVerdict, *, current: bool) -> Finding:
    return Finding(
        signal=signal,
        instance="agent-0",
        started=START,
        age=1.0,
        current=current,
        verdict=verdict,
        reason=Reason.ALL_GATES,
        measured=None,
    )


_LEAK, _SUSPECT = LeakVerdict.LEAK, LeakVerdict.SUSPECT


@pytest.mark.parametrize(
    ("earlier", "now", "wakes"),
    [
        ((Signal.RSS, _LEAK), (Signal.RSS, _LEAK), True),
        ((Signal.RSS, _SUSPECT), (Signal.RSS, _LEAK), False),
        ((Signal.THREADS, _LEAK), (Signal.RSS, _LEAK), False),
        ((Signal.RSS, _LEAK), (Signal.RSS, LeakVerdict.PASS), False),
        ((Signal.RSS, _LEAK), (Signal.RSS, LeakVerdict.INSUFFICIENT), False),
    ],
)
def test_a_leak_of_two_lives(
    earlier: tuple[Signal, LeakVerdict], now: tuple[Signal, LeakVerdict], *, wakes: bool
) -> None:
    findings = Findings((_finding(*earlier, current=False), _finding(*now, current=True)))
    assert findings.pages is wakes


def test_leaks_that_were_repaired_wake_nobody() -> None:
    earlier = [
        _finding(signal, _LEAK, current=False) for signal in (Signal.RSS, Signal.WORKING_SET)
    ]
    now = _finding(Signal.RSS, LeakVerdict.PASS, current=True)
    assert not Findings((*earlier, now)).pages


def test_the_tiers_can_be_set_for_an_agent_with_few_events() -> None:
    agent = Agent(rate=lambda hours: np.full_like(hours, 1 / 60))  # 1,440 a day
    series = agent.series(agent.memory(per_hour=3e6))
    assert judge([series]).all[0].reason is Reason.WARMING_UP
    slow, fast = (replace(tier, warm_up_events=60) for tier in (SLOW, FAST))
    assert judge([series], slow=slow, fast=fast).all[0].verdict is LeakVerdict.LEAK


def test_a_process_that_has_just_restarted_says_so() -> None:
    life = Life([START, float(_LEAKING.times[-30])], events=_LEAKING.life().events)
    found = judge([replace(_leaking(), life=life)])
    assert [one.verdict for one in found.all] == [_LEAK, LeakVerdict.INSUFFICIENT]
    assert found.current[0].reason is Reason.WARMING_UP
    assert found.current[0].age == pytest.approx(29 * 60)
