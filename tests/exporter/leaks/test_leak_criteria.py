"""Criteria of the leak detector: minimum data, kinds of growth, groups of series."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from exporter.leakdetection.baseline import Baseline
from exporter.leakdetection.detector import (
    GrowthEvidence,
    LeakFinding,
    LeakFindings,
    detect_leaks,
    find_failed_criterion,
)
from exporter.leakdetection.policy import (
    CONFIRMED_CRITERIA,
    FAST_POLICY,
    SLOW_POLICY,
    STEEP_CRITERIA,
    SUSPECT_CRITERIA,
    LeakCriteria,
    LeakReason,
    LeakSignal,
)
from exporter.leakdetection.series import ProcessLife, Samples, SignalSeries, split_epochs
from exporter.leakdetection.statistics import GrowthCause, fit_trend
from slos.schema.contract import LeakVerdict
from tests.exporter.leaks.agent_memory import (
    DAY,
    HOUR,
    KB,
    MB,
    START,
    SimulatedAgent,
    build_series,
    compute_shift_rate,
    judge_series,
)

_GRADES = [SUSPECT_CRITERIA, CONFIRMED_CRITERIA, STEEP_CRITERIA]


def _build_evidence(values: np.ndarray, signal: LeakSignal = LeakSignal.RSS) -> GrowthEvidence:
    """Evidence of floors that are half an hour apart."""
    floors = Baseline(np.arange(values.size) * HOUR / 2, values, HOUR / 2)
    found = fit_trend(floors.hours, values, level=0.01)
    (epoch,) = split_epochs(build_series(values, signal))
    return GrowthEvidence(epoch.series, floors, found, p=found.p, per_event=None)


def _build_line(share: float, floors: int = 48) -> np.ndarray:
    """100 MB, and so much of it more every hour."""
    return 100 * MB * (1 + share * np.arange(floors) / 2)


_HALF_HOURS = np.arange(48) / 2


def _build_bent_evidence(kept: float) -> GrowthEvidence:
    """Rises by 1 MB an hour for half of the time, and then by so much of it."""
    rise = np.minimum(_HALF_HOURS, 12) + kept * np.maximum(_HALF_HOURS - 12, 0)
    return _build_evidence((100 + rise) * MB)


STEADY, FILES = (
    _build_evidence(_build_line(0.01)),
    _build_evidence(13 + np.arange(48.0), LeakSignal.OPEN_FILES),
)
# Half of all pairs are on both sides of the step, but each half hardly rises.
STEP = _build_evidence((100 + 0.01 * _HALF_HOURS + 30 * (_HALF_HOURS >= 12)) * MB)


@pytest.mark.parametrize(
    ("evidence", "grade", "closed"),
    [
        *(
            (_build_evidence(_build_line(grade.min_growth * 1.01)), grade, None)
            for grade in _GRADES
        ),
        *(
            (_build_evidence(_build_line(grade.min_growth * 0.99)), grade, LeakReason.TOO_SLOW)
            for grade in _GRADES
        ),
        *((_build_evidence(_build_line(-0.005)), grade, LeakReason.NO_TREND) for grade in _GRADES),
        (
            replace(STEADY, p=0.011),
            CONFIRMED_CRITERIA,
            LeakReason.NO_TREND,
        ),  # as chance explains in a family
        (replace(STEADY, p=0.009), CONFIRMED_CRITERIA, None),
        (
            replace(STEADY, trend=replace(STEADY.trend, low=0.0)),
            CONFIRMED_CRITERIA,
            LeakReason.NO_TREND,
        ),
        (replace(STEADY, per_event=None), CONFIRMED_CRITERIA, None),
        (replace(STEADY, per_event=65.0), CONFIRMED_CRITERIA, None),
        (replace(STEADY, per_event=64.0), CONFIRMED_CRITERIA, LeakReason.TOO_LITTLE_PER_EVENT),
        (replace(FILES, per_event=0.001), CONFIRMED_CRITERIA, None),
        (_build_bent_evidence(0.35), SUSPECT_CRITERIA, LeakReason.SLOWED_DOWN),
        (_build_bent_evidence(0.45), SUSPECT_CRITERIA, None),
        (_build_bent_evidence(0.65), CONFIRMED_CRITERIA, LeakReason.SLOWED_DOWN),
        (_build_bent_evidence(0.75), CONFIRMED_CRITERIA, None),
        (STEP, SUSPECT_CRITERIA, LeakReason.SLOWED_DOWN),
        (STEP, CONFIRMED_CRITERIA, LeakReason.SLOWED_DOWN),
        (
            _build_evidence((100 + _HALF_HOURS**2 / 20) * MB),
            CONFIRMED_CRITERIA,
            None,
        ),  # it gets faster
    ],
)
def test_growth_passes_every_gate_or_is_stopped_by_one(
    evidence: GrowthEvidence, grade: LeakCriteria, closed: LeakReason | None
) -> None:
    assert find_failed_criterion(evidence, grade) is closed
    assert STEP.relative > 0.01


@pytest.mark.parametrize(("rise", "closed"), [(4, LeakReason.TOO_SMALL_RISE), (5, None)])
def test_a_count_must_rise_by_five(rise: int, closed: LeakReason | None) -> None:
    # The middles of the thirds are 32 of the 48 floors apart.
    evidence = _build_evidence(np.floor(13.5 + rise * np.arange(48) / 32), LeakSignal.OPEN_FILES)
    assert evidence.baseline.compute_rise() == rise
    assert find_failed_criterion(evidence, CONFIRMED_CRITERIA) is closed


def test_a_count_of_none_may_begin_to_leak() -> None:
    found = judge_series(build_series(np.floor(np.arange(1_440) / 60), LeakSignal.OPEN_TICKETS))
    assert found.verdict is LeakVerdict.LEAK
    assert found.measurement
    assert found.measurement.relative == pytest.approx(0.5, rel=0.05)  # of the 2 when it was warm


def test_bytes_are_measured_for_each_event_even_if_they_come_in_shifts() -> None:
    agent = SimulatedAgent(rate=compute_shift_rate)
    found = judge_series(agent.build_series(agent.simulate_memory(per_event=4 * KB)))
    assert found.verdict is LeakVerdict.LEAK
    assert found.measurement
    assert found.measurement.per_event == pytest.approx(4 * KB, rel=0.15)


def _judge_growth(series: SignalSeries) -> GrowthCause | None:
    found = judge_series(series)
    assert found.verdict is LeakVerdict.LEAK
    assert found.measurement
    return found.measurement.growth


def _compute_daily_rate(hours: np.ndarray) -> np.ndarray:
    """Events come by day and hardly by night."""
    return np.asarray(1 - 0.9 * np.cos(2 * np.pi * hours / 24))


SHIFT_AGENT = SimulatedAgent(48, rate=compute_shift_rate)
DAY_AGENT = SimulatedAgent(48, rate=_compute_daily_rate)
SHIFTS, EVEN = SimulatedAgent(rate=compute_shift_rate), SimulatedAgent()
STARTED = SimulatedAgent(
    rate=lambda hours: np.where(hours < 2, 1.0, 0.0)
)  # 7,200 events, and then none


@pytest.mark.parametrize(
    ("series", "growth"),
    [
        *((each.build_series(each.simulate_memory(per_event=4 * KB)), GrowthCause.PER_EVENT)
          for each in (SHIFT_AGENT, DAY_AGENT)),
        *((each.build_series(each.simulate_memory(per_hour=3 * MB)), GrowthCause.TIME)
          for each in (SHIFT_AGENT, DAY_AGENT, STARTED)),
        # Events that come evenly cannot be told from the clock, nor those that nobody counts.
        (EVEN.build_series(EVEN.simulate_memory(per_event=4 * KB)), GrowthCause.UNDETERMINED),
        (EVEN.build_series(1e8 + 1_000 / 3 * EVEN.events), GrowthCause.UNDETERMINED),
        (
            SHIFTS.build_series(
                SHIFTS.simulate_memory(per_event=4 * KB), life=ProcessLife([START])
            ),
            GrowthCause.UNDETERMINED,
        ),
        (SHIFTS.build_series(SHIFTS.minutes // 600, LeakSignal.QUEUE_DEPTH), GrowthCause.QUEUE),
    ],
)  # fmt: skip
def test_growth_follows_events_time_or_a_queue(series: SignalSeries, growth: GrowthCause) -> None:
    assert _judge_growth(series) is growth


def test_events_that_were_counted_for_a_while_only_are_not_counted() -> None:
    agent = SimulatedAgent(rate=compute_shift_rate)
    half = agent.minutes < DAY / 2
    life = ProcessLife(
        [agent.start], events=Samples.from_readings(agent.times[half], agent.events[half])
    )
    found = judge_series(agent.build_series(agent.simulate_memory(per_event=4 * KB), life=life))
    assert found.verdict is LeakVerdict.LEAK
    assert found.measurement
    assert (found.measurement.per_event, found.measurement.growth) == (
        None,
        GrowthCause.UNDETERMINED,
    )


@pytest.mark.parametrize(
    ("in_flight", "growth"),
    [
        (lambda minutes: 2 + minutes / 600, GrowthCause.QUEUE),
        (lambda minutes: 2 + minutes % 5, GrowthCause.PER_EVENT),
        (lambda minutes: 0 * minutes, GrowthCause.PER_EVENT),
    ],
)
def test_work_in_flight(in_flight: Callable[[np.ndarray], np.ndarray], growth: GrowthCause) -> None:
    agent = SimulatedAgent(rate=compute_shift_rate)
    life = agent.build_life(in_flight=in_flight(agent.minutes / 60))
    assert (
        _judge_growth(agent.build_series(agent.simulate_memory(per_event=4 * KB), life=life))
        is growth
    )


def test_work_in_flight_that_was_hardly_ever_read_makes_no_queue() -> None:
    agent = SimulatedAgent(rate=compute_shift_rate)
    ends = [float(agent.times[0]), float(agent.times[-1])]
    life = ProcessLife(
        [agent.start], agent.build_life().events, in_flight=Samples.from_readings(ends, [1, 9])
    )
    assert (
        _judge_growth(agent.build_series(agent.simulate_memory(per_event=4 * KB), life=life))
        is GrowthCause.PER_EVENT
    )


BUSY = SimulatedAgent(rate=lambda hours: 20 * np.ones_like(hours))
TEETH = 60 * MB * (EVEN.minutes / (45 * 60) % 1)


@pytest.mark.parametrize(
    ("series", "verdict", "reason"),
    [
        (EVEN.build_series(EVEN.simulate_memory()), LeakVerdict.PASS, LeakReason.NO_TREND),
        (EVEN.build_series(EVEN.simulate_memory() + TEETH), LeakVerdict.PASS, LeakReason.NO_TREND),
        (
            EVEN.build_series(EVEN.simulate_memory(per_hour=0.24 * MB)),
            LeakVerdict.SUSPECT,
            LeakReason.TOO_SLOW,
        ),
        (
            BUSY.build_series(BUSY.simulate_memory(per_event=50)),
            LeakVerdict.PASS,
            LeakReason.TOO_LITTLE_PER_EVENT,
        ),
        (
            EVEN.build_series(13 + EVEN.events // 100, LeakSignal.OPEN_FILES),
            LeakVerdict.LEAK,
            LeakReason.ALL_CRITERIA_MET,
        ),
    ],
)
def test_an_agent_gets_its_verdict(
    series: SignalSeries, verdict: LeakVerdict, reason: LeakReason
) -> None:
    found = judge_series(series)
    assert (found.verdict, found.reason) == (verdict, reason)
    assert found.measurement
    assert verdict is not LeakVerdict.PASS or found.measurement.growth is None
    if series.signal is LeakSignal.OPEN_FILES:
        assert found.measurement.per_event == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize("size", [1, 4, 64])
def test_kilobytes_lost_with_each_event_are_a_leak(size: int) -> None:
    agent = SimulatedAgent()
    found = judge_series(agent.build_series(agent.simulate_memory(per_event=size * KB)))
    assert (found.verdict, found.reason) == (LeakVerdict.LEAK, LeakReason.ALL_CRITERIA_MET)
    assert found.measurement
    assert found.measurement.per_event == pytest.approx(size * KB, rel=0.02)
    assert found.measurement.trend.slope == pytest.approx(size * KB * 3_600, rel=0.02)
    assert (
        found.measurement.trend.low < found.measurement.trend.slope < found.measurement.trend.high
    )


@pytest.mark.parametrize("hour", range(1, 24))
def test_a_step_is_not_a_leak_whenever_it_comes(hour: int) -> None:
    agent = SimulatedAgent()
    found = judge_series(
        agent.build_series(agent.simulate_memory() + 20 * MB * (agent.minutes > hour * HOUR))
    )
    assert found.verdict is LeakVerdict.PASS


def test_a_leak_of_each_of_two_lives_is_seen_in_both_and_measured_in_each() -> None:
    before, after = SimulatedAgent(12), SimulatedAgent(12, start=START + DAY / 2, seed=1)
    found = detect_leaks([_build_two_lives(before, after, per_event=4 * KB)])
    assert [finding.verdict for finding in found.all] == [LeakVerdict.LEAK] * 2
    assert [finding.started for finding in found.all] == [before.start, after.start]
    for finding in found.all:
        assert finding.measurement
        assert finding.measurement.per_event == pytest.approx(4 * KB, rel=0.03)
    assert found.needs_page


def test_a_second_life_that_holds_more_than_the_first_is_no_growth() -> None:
    before, after = (
        SimulatedAgent(12),
        SimulatedAgent(12, start=START + DAY / 2, base=180 * MB, seed=1),
    )
    found = detect_leaks([_build_two_lives(before, after)])
    assert [finding.verdict for finding in found.all] == [LeakVerdict.PASS] * 2


def test_a_leak_so_fast_that_it_cannot_wait_is_found_by_the_fast_tier() -> None:
    agent = SimulatedAgent(5)  # an hour of warm-up, and the events come faster than they have to
    found = judge_series(agent.build_series(agent.simulate_memory(per_event=4 * KB)))
    assert (found.verdict, found.reason) == (LeakVerdict.LEAK, LeakReason.STEEP_GROWTH)
    assert found.measurement
    assert found.measurement.policy == "fast"


def _build_two_lives(
    before: SimulatedAgent, after: SimulatedAgent, *, per_event: float = 0.0
) -> SignalSeries:
    """Both in one series; the counter of events starts again with the second."""
    lives = (before, after)
    times = np.concatenate([life.times for life in lives])
    memory = np.concatenate([life.simulate_memory(per_event=per_event) for life in lives])
    events = Samples.from_readings(times, np.concatenate([life.events for life in lives]))
    return SignalSeries(
        LeakSignal.RSS,
        "agent-0",
        Samples.from_readings(times, memory),
        ProcessLife(starts=[life.start for life in lives], events=events),
    )


_LEAKING = SimulatedAgent()


def _build_leaking_series(
    signal: LeakSignal = LeakSignal.RSS, instance: str = "agent-0"
) -> SignalSeries:
    return replace(
        _LEAKING.build_series(_LEAKING.simulate_memory(per_event=4 * KB), signal), instance=instance
    )


def _build_sound_series(seed: int, signal: LeakSignal = LeakSignal.RSS) -> SignalSeries:
    agent = SimulatedAgent(seed=seed)
    return replace(agent.build_series(agent.simulate_memory(), signal), instance=f"agent-{seed}")


def test_nothing_is_said_of_nobody() -> None:
    assert detect_leaks([]) == LeakFindings(())
    assert not detect_leaks([]).needs_page


def test_there_is_one_current_finding_for_each_series_in_their_order() -> None:
    found = detect_leaks(
        [
            _build_leaking_series(),
            _build_sound_series(1),
            _build_sound_series(2, LeakSignal.WORKING_SET),
        ]
    )
    assert [(one.signal, one.instance, one.verdict) for one in found.current] == [
        (LeakSignal.RSS, "agent-0", LeakVerdict.LEAK),
        (LeakSignal.RSS, "agent-1", LeakVerdict.PASS),
        (LeakSignal.WORKING_SET, "agent-2", LeakVerdict.PASS),
    ]


def test_a_trend_is_worth_less_the_more_are_tried() -> None:
    alone, among = (
        detect_leaks([_build_leaking_series()]).all[0],
        detect_leaks([_build_leaking_series(), *map(_build_sound_series, range(1, 5))]).all[0],
    )
    assert alone.measurement
    assert among.measurement
    assert alone.measurement.p == pytest.approx(2 * alone.measurement.trend.p)  # two tiers
    assert among.measurement.p > alone.measurement.p
    assert among.verdict is LeakVerdict.LEAK


def test_what_cannot_be_tested_does_not_enlarge_the_family() -> None:
    short = SimulatedAgent(1)
    alone = detect_leaks([_build_leaking_series()]).all[0]
    among = detect_leaks([_build_leaking_series(), short.build_series(short.simulate_memory())])
    assert among.all[0] == alone
    assert among.all[1].reason is LeakReason.WARMING_UP


def test_a_leak_wakes_someone_only_with_a_second_witness() -> None:
    found = detect_leaks([_build_leaking_series(), _build_sound_series(1)])
    assert (found.current[0].verdict, found.needs_page) == (LeakVerdict.LEAK, False)
    assert detect_leaks(
        [_build_leaking_series(), _build_leaking_series(LeakSignal.WORKING_SET)]
    ).needs_page
    assert detect_leaks(
        [_build_leaking_series(), _build_leaking_series(instance="agent-1")]
    ).needs_page


def _build_finding(signal: LeakSignal, verdict: LeakVerdict, *, current: bool) -> LeakFinding:
    return LeakFinding(
        signal=signal,
        instance="agent-0",
        started=START,
        age=1.0,
        current=current,
        verdict=verdict,
        reason=LeakReason.ALL_CRITERIA_MET,
        measurement=None,
    )


_LEAK, _SUSPECT = LeakVerdict.LEAK, LeakVerdict.SUSPECT


@pytest.mark.parametrize(
    ("earlier", "now", "wakes"),
    [
        ((LeakSignal.RSS, _LEAK), (LeakSignal.RSS, _LEAK), True),
        ((LeakSignal.RSS, _SUSPECT), (LeakSignal.RSS, _LEAK), False),
        ((LeakSignal.THREADS, _LEAK), (LeakSignal.RSS, _LEAK), False),
        ((LeakSignal.RSS, _LEAK), (LeakSignal.RSS, LeakVerdict.PASS), False),
        ((LeakSignal.RSS, _LEAK), (LeakSignal.RSS, LeakVerdict.INSUFFICIENT), False),
    ],
)
def test_a_leak_of_two_lives(
    earlier: tuple[LeakSignal, LeakVerdict], now: tuple[LeakSignal, LeakVerdict], *, wakes: bool
) -> None:
    findings = LeakFindings(
        (_build_finding(*earlier, current=False), _build_finding(*now, current=True))
    )
    assert findings.needs_page is wakes


def test_repaired_leaks_do_not_page() -> None:
    earlier = [
        _build_finding(signal, _LEAK, current=False)
        for signal in (LeakSignal.RSS, LeakSignal.WORKING_SET)
    ]
    now = _build_finding(LeakSignal.RSS, LeakVerdict.PASS, current=True)
    assert not LeakFindings((*earlier, now)).needs_page


def test_the_tiers_can_be_set_for_an_agent_with_few_events() -> None:
    agent = SimulatedAgent(rate=lambda hours: np.full_like(hours, 1 / 60))  # 1,440 a day
    series = agent.build_series(agent.simulate_memory(per_hour=3e6))
    assert detect_leaks([series]).all[0].reason is LeakReason.WARMING_UP
    slow, fast = (replace(tier, warm_up_events=60) for tier in (SLOW_POLICY, FAST_POLICY))
    assert (
        detect_leaks([series], slow_policy=slow, fast_policy=fast).all[0].verdict
        is LeakVerdict.LEAK
    )


def test_a_process_that_has_just_restarted_says_so() -> None:
    life = ProcessLife([START, float(_LEAKING.times[-30])], events=_LEAKING.build_life().events)
    found = detect_leaks([replace(_build_leaking_series(), life=life)])
    assert [one.verdict for one in found.all] == [_LEAK, LeakVerdict.INSUFFICIENT]
    assert found.current[0].reason is LeakReason.WARMING_UP
    assert found.current[0].age == pytest.approx(29 * 60)
