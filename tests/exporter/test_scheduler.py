"""Open-loop scheduler: slots do not depend on the response times of the target."""

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.schedule.open_loop import Slot, send_open_loop
from exporter.schedule.scheduler import HEARTBEAT_INTERVAL, Heartbeat, Scheduler
from exporter.schedule.timetable import Schedule, Timetable
from slos.schema.units import Duration
from tests.exporter.fake_clock import FakeClock

NAMES = st.text(min_size=1, max_size=20)
WALL = st.floats(min_value=1e9, max_value=3e9)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    interval = draw(st.integers(min_value=10, max_value=600_000))
    return Schedule(
        interval=Duration(interval),
        timeout=Duration(draw(st.integers(min_value=1, max_value=interval - 1))),
        jitter=Decimal(draw(st.integers(min_value=0, max_value=100))) / 100,
    )


@given(name=NAMES, rhythm=schedules(), wall=WALL)
def test_the_first_slot_lies_after_now(name: str, rhythm: Schedule, wall: float) -> None:
    plan = Timetable(name, rhythm)
    first = plan.find_slot_after(wall)
    assert plan.get_slot_time(first) > wall
    assert plan.get_slot_time(first - 1) <= wall


@given(name=NAMES, rhythm=schedules(), slot=st.integers(min_value=0, max_value=10**9))
def test_jitter_is_bounded_and_repeatable(name: str, rhythm: Schedule, slot: int) -> None:
    plan = Timetable(name, rhythm)
    moved = plan.get_slot_time(slot) - plan.phase - slot * plan.interval
    assert -1e-4 <= moved <= float(rhythm.jitter) * plan.interval + 1e-4
    assert Timetable(name, rhythm).get_slot_time(slot) == plan.get_slot_time(slot)


@given(rhythm=schedules(), wall=WALL, later=st.floats(min_value=0, max_value=1e6))
def test_a_restart_goes_on_in_the_same_places(rhythm: Schedule, wall: float, later: float) -> None:
    before, after = Timetable("remediation", rhythm), Timetable("remediation", rhythm)
    slot = after.find_slot_after(wall + later)
    assert before.get_slot_time(slot) == after.get_slot_time(slot)
    assert before.find_slot_after(wall + later) == slot


def test_probes_have_phases_of_their_own() -> None:
    phases = {Timetable(name, Schedule()).phase for name in ("remediation", "burst", "resolved")}
    assert len(phases) == 3


class ReportRecorder:
    """Counts what the scheduler reports."""

    def __init__(self) -> None:
        self.missed_runs: Counter[str] = Counter()
        self.under_way: dict[str, int] = {}

    def count_missed_slot(self, probe: str) -> None:
        self.missed_runs[probe] += 1

    def set_in_flight(self, probe: str, count: int) -> None:
        self.under_way[probe] = count


class SchedulerHarness:
    """A scheduler on a fake clock, with runs that last as long as one likes."""

    def __init__(
        self, clock: FakeClock, rhythm: Schedule, *, lasts: float, early: float = 0.0
    ) -> None:
        self.clock, self.lasts = clock, lasts
        self.watch = ReportRecorder()
        self.pulse = Heartbeat(clock.now(), period=HEARTBEAT_INTERVAL)
        self.sent: list[tuple[float, Slot]] = []
        self.scheduler = Scheduler(
            [Timetable("p", rhythm)],
            self._launch,
            clock=clock,
            heartbeat=self.pulse,
            metrics=self.watch,
            early=early,
        )

    async def _launch(self, _: str, slot: Slot) -> None:
        self.sent.append((self.clock.now(), slot))
        await self.clock.sleep(self.lasts)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.scheduler.run())
        try:
            await self.clock.advance(0)
            yield
        finally:
            tasks = [task, *self.scheduler.running_tasks]
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


TEN_SECONDS = Schedule(
    interval=Duration.from_parts(seconds=10),
    timeout=Duration.from_parts(seconds=9),
    jitter=Decimal(0),
)


@pytest.mark.parametrize(
    ("lasts", "in_flight", "sent", "missed"), [(0.1, 1, 9, 0), (25, 1, 3, 6), (25, 3, 9, 0)]
)
async def test_a_slow_target_costs_slots_but_never_moves_the_plan(
    clock: FakeClock, lasts: float, in_flight: int, sent: int, *, missed: int
) -> None:
    rhythm = TEN_SECONDS.model_copy(update={"max_in_flight": in_flight})
    harness = SchedulerHarness(clock, rhythm, lasts=lasts)
    async with harness.running():
        await clock.advance(90)
        assert harness.watch.under_way["p"] <= in_flight
    assert (len(harness.sent), harness.watch.missed_runs["p"]) == (sent, missed)
    assert all(at == pytest.approx(slot.intended, abs=1e-5) for at, slot in harness.sent)


async def test_after_a_suspend_nothing_is_sent_as_a_burst(clock: FakeClock) -> None:
    harness = SchedulerHarness(clock, TEN_SECONDS, lasts=0.1)
    async with harness.running():
        await clock.advance(30)
        before = len(harness.sent)
        await clock.jump(605)
        late = harness.sent[before:]
        await clock.advance(10)
    assert len(late) <= 1
    assert harness.watch.missed_runs["p"] >= 59
    assert len(harness.sent) + harness.watch.missed_runs["p"] == 65


async def test_a_hiccup_costs_no_slot(clock: FakeClock) -> None:
    rhythm = Schedule(
        interval=Duration(10), timeout=Duration(500), max_in_flight=100, jitter=Decimal(0)
    )
    harness = SchedulerHarness(clock, rhythm, lasts=0.1)
    async with harness.running():
        await clock.advance(1)
        await clock.jump(0.2)
        await clock.advance(1)
        await clock.jump(5)
    assert 475 <= harness.watch.missed_runs["p"] <= 485
    intended = [slot.intended for _, slot in harness.sent]
    assert len(intended) == len(set(intended))


@given(rhythm=schedules(), wall=WALL)
def test_an_early_start_meets_no_other_run(rhythm: Schedule, wall: float) -> None:
    plan = Timetable("p", rhythm)
    times = [plan.get_slot_time(plan.find_slot_after(wall) + step) for step in range(20)]
    assert times == sorted(times)
    gaps = [later - plan.slack - earlier for earlier, later in itertools.pairwise(times)]
    assert all(gap > float(rhythm.timeout.seconds) - 1e-5 for gap in gaps)


async def test_a_run_is_started_a_little_before_its_time(clock: FakeClock) -> None:
    harness = SchedulerHarness(clock, TEN_SECONDS, lasts=0.1, early=0.05)
    async with harness.running():
        await clock.advance(35)
    ahead = [slot.intended - at for at, slot in harness.sent]
    assert ahead == pytest.approx([0.05] * len(ahead), abs=1e-5)


async def test_the_pulse_beats_at_least_every_second(clock: FakeClock) -> None:
    harness = SchedulerHarness(clock, TEN_SECONDS, lasts=25)
    async with harness.running():
        for _ in range(50):
            await clock.advance(0.7)
            assert harness.pulse.get_age(clock.now()) <= HEARTBEAT_INTERVAL


async def test_a_broken_run_is_logged(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    harness = SchedulerHarness(clock, TEN_SECONDS, lasts=0.1)
    original = harness.scheduler._start_run

    async def launch(probe: str, slot: Slot) -> None:
        await original(probe, slot)
        raise RuntimeError("boom")

    harness.scheduler._start_run = launch
    async with harness.running():
        await clock.advance(30)
    assert len(harness.sent) == 3
    assert "a run failed" in caplog.text


def test_a_standstill_of_the_loop_is_seen_while_it_lasts_and_afterwards() -> None:
    pulse = Heartbeat(0.0, period=1.0)
    pulse.beat(1.0)
    assert pulse.measure_stall(0.0, 1.5, window=5.0) == 0.0
    assert pulse.measure_stall(0.5, 6.0, window=5.0) == pytest.approx(4.0)
    pulse.beat(6.0)
    pulse.beat(7.0)
    assert pulse.measure_stall(5.0, 7.0, window=1.0) == pytest.approx(4.0)
    assert pulse.measure_stall(6.5, 7.5, window=5.0) == 0.0


def test_short_stalls_add_up() -> None:
    """A second in all, although none of them is as long as that; a late wake-up is none."""
    pulse = Heartbeat(0.0, period=1.0)
    for _ in range(6):
        pulse.beat(pulse.last_beat + 1.2)
    for _ in range(50):
        pulse.beat(pulse.last_beat + 1.05)
    assert pulse.measure_stall(0.0, pulse.last_beat, window=100.0) == pytest.approx(1.2)
    assert pulse.measure_stall(3.0, 4.0, window=100.0) == pytest.approx(0.4)


@given(st.lists(st.sampled_from([0.0, 0.0, 0.15, 0.4, 0.9]), min_size=1), st.floats(1, 20))
def test_stalls_count_together_within_the_window_only(stalls: list[float], window: float) -> None:
    pulse, ends = Heartbeat(0.0, period=1.0), []
    for stall in stalls:
        pulse.beat(pulse.last_beat + 1.0 + stall)
        ends.append(pulse.last_beat)
    most = max(
        sum(s for s, e in zip(stalls, ends, strict=True) if end - window < e <= end) for end in ends
    )
    found = pulse.measure_stall(0.0, pulse.last_beat, window=window)
    assert found == pytest.approx(most)


def test_chronic_short_stalls_spoil_a_long_run_no_more_than_a_short_one() -> None:
    pulse = Heartbeat(0.0, period=1.0)
    for _ in range(600):
        pulse.beat(pulse.last_beat + 1.1001)
    now = pulse.last_beat
    short, long = (pulse.measure_stall(now - run, now, window=5.0) for run in (5.0, 600.0))
    assert short == pytest.approx(long)
    assert long < 1.0


async def test_a_load_is_sent_at_its_times_however_long_its_runs_take(clock: FakeClock) -> None:
    started: list[float] = []
    left = itertools.count()

    async def run(slot: Slot) -> Slot:
        started.append(clock.now())
        await clock.sleep(100.0)
        return slot

    first = Slot(clock.now() + 1.0, clock.wall() + 1.0)
    sending = asyncio.create_task(
        send_open_loop(
            [0.0, 0.0, 0.5, 1.0, 2.0],
            first,
            run,
            clock=clock,
            early=0.25,
            take_next=lambda: next(left) < 4,
        )
    )
    await clock.advance(3.0)
    assert started == pytest.approx([first.intended + at - 0.25 for at in (0.0, 0.0, 0.5, 1.0)])
    await clock.advance(100.0)
    assert await sending == [first.shift(at) for at in (0.0, 0.0, 0.5, 1.0)]
