"""Many signals, instances and lives together: what they are worth, and when to wake someone."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.leaks import Finding, Findings, Life, Reason, Series, Signal, judge
from exporter.leaks.tiers import FAST, SLOW
from slos.schema.contract import LeakVerdict
from tests.exporter.leaks.agents import KB, START, Agent

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


def test_a_leak_of_one_signal_in_one_life_wakes_nobody() -> None:
    found = judge([_leaking(), _sound(1)])
    assert found.current[0].verdict is LeakVerdict.LEAK
    assert not found.pages


def test_a_leak_of_two_signals_wakes_someone() -> None:
    assert judge([_leaking(), _leaking(Signal.WORKING_SET)]).pages


def test_a_leak_of_one_signal_in_two_instances_wakes_someone() -> None:
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
