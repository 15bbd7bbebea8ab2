"""Scheduler and latencies after a clock step or a suspended machine."""

import time

import pytest

from exporter.model.bounds import Bounds
from exporter.model.evidence import Call, Evidence
from exporter.observers import observe_evidence
from exporter.prober.runner import AlertJob
from exporter.schedule.clock import SystemClock
from exporter.schedule.open_loop import Slot
from slos.schema.contract import DeliveryPath, Verdict
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.fake_clock import FakeClock
from tests.exporter.in_process_prober import PATIENT_SETTINGS, TARGETS, InProcessProber
from tests.exporter.test_scheduler import TEN_SECONDS, SchedulerHarness

HOUR = 3600.0


@pytest.mark.parametrize("step", [-HOUR, -5.0, 5.0, HOUR, 30 * 24 * HOUR])
async def test_clock_steps_keep_the_plan(clock: FakeClock, step: float) -> None:
    plans = SchedulerHarness(clock, TEN_SECONDS, lasts=0.1)
    async with plans.running():
        await clock.advance(100)
        before = len(plans.sent)
        clock._offset += step
        await clock.advance(100)
    assert (before, len(plans.sent)) == (10, 20)
    assert plans.watch.missed_runs["p"] == 0
    assert all(at - slot.intended == pytest.approx(0, abs=1e-5) for at, slot in plans.sent)


@pytest.mark.parametrize("monotonic_too", [False, True])
async def test_a_suspend_is_not_caught_up(clock: FakeClock, *, monotonic_too: bool) -> None:
    plans = SchedulerHarness(clock, TEN_SECONDS, lasts=0.1)
    async with plans.running():
        await clock.advance(100)
        before = len(plans.sent)
        if monotonic_too:  # as on systems where it counts a suspend
            await clock.jump(HOUR)
        else:
            clock._offset += HOUR
        at_once = len(plans.sent) - before
        await clock.advance(100)
    assert at_once <= 1
    assert len(plans.sent) - before <= 11
    assert all(at >= slot.intended - 1e-5 for at, slot in plans.sent)


@pytest.mark.parametrize("step", [-HOUR, HOUR])
async def test_a_run_during_which_the_clock_is_set_has_its_true_times(
    prober: InProcessProber, agent: FakeAgent, step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    agent.call_delay = 0.3
    clock = SystemClock()
    slot = Slot(clock.now(), clock.wall())
    monkeypatch.setattr(time, "time", lambda: real() + step)
    job = AlertJob(
        "remediation",
        prober.context.paths[DeliveryPath.DIRECT],
        PATIENT_SETTINGS.to_deadlines(TARGETS),
    )
    result = await prober.components.alert_runner.run(job, slot)
    assert result.verdict is Verdict.OK
    assert all(0 <= bounds.low <= bounds.high < 10 for bounds in result.stages.values())


def test_a_notification_that_is_told_late_makes_no_time_negative() -> None:
    call = Call(contact=Bounds.exactly(3.9), arrived_at=4.1, finished=Bounds.exactly(4.5))
    evidence = Evidence(
        1.0, 1.0, calls=(call,), started_at=Bounds(3.9, 4.0), is_synchronous=False, status=200
    )
    for times in observe_evidence(evidence).values():
        assert all(bounds.low >= 0 for bounds in times.values())
