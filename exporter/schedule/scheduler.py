"""Open-loop scheduler, missed slots, heartbeat and stalls."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Protocol

from exporter.schedule.clock import Clock
from exporter.schedule.timetable import Plan

BEAT = 1.0
"""Seconds: the loop wakes at least this often, so that a stuck one can be detected."""
EARLY = 0.05
"""Seconds before its slot at which a run is started. Work that must be done before the event is
sent, above all writing the journal, does not delay the event."""
_HICCUP = 0.25
"""Seconds by which a slot may be late and is still used, however short the interval. A slot that
is left out hides what it would have measured; one that is used late counts from its time."""

_log = logging.getLogger(__name__)


class Pulse:
    """Records when the loop last woke, and how long it recently stalled."""

    def __init__(self, now: float, *, period: float) -> None:
        self.period = period
        """Longest regular time between two beats, in seconds; a longer time is a stall."""
        self.last_beat = now
        self._gaps: deque[tuple[float, float]] = deque(maxlen=100)

    def beat(self, now: float) -> None:
        """Record that the loop is awake."""
        if now - self.last_beat > self.period:
            self._gaps.append((self.last_beat, now))
        self.last_beat = now

    def age(self, now: float) -> float:
        """Return the seconds since the last beat."""
        return now - self.last_beat

    def stall(self, since: float, until: float) -> float:
        """Return the seconds of the longest stall that touches a span of time."""
        gaps = [*self._gaps, (self.last_beat, until)]
        touching = [end - start for start, end in gaps if end > since and start < until]
        return max(0.0, max(touching, default=0.0) - self.period)


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot of one probe."""

    probe: str
    intended: float
    """Monotonic seconds."""
    intended_at: float
    """Wall clock seconds."""


class Watcher(Protocol):
    """Metrics of the schedule."""

    def missed(self, probe: str) -> None:
        """Count a slot that was not used."""

    def in_flight(self, probe: str, count: int) -> None:
        """Set the number of runs under way."""


class _Line:
    """Position in one timetable, on the monotonic clock."""

    def __init__(self, plan: Plan, *, wall: float, offset: float, early: float) -> None:
        self.plan = plan
        self._offset = offset
        self._early = min(early, plan.slack)
        self._slot = plan.first_after(wall)
        self._intended_at = plan.intended(self._slot)
        self.running: set[asyncio.Task[None]] = set()

    @property
    def due(self) -> float:
        """Monotonic seconds at which the run of the next slot is to be started."""
        return self._intended_at - self._offset - self._early

    def take(self) -> Slot:
        """Return the slot that is due, and move on to the next."""
        intended_at = self._intended_at
        self._slot += 1
        self._intended_at = self.plan.intended(self._slot)
        return Slot(self.plan.probe, intended_at - self._offset, intended_at)


class Scheduler:
    """Starts the run of every slot at its time or a little early; the run waits for its time."""

    def __init__(
        self,
        plans: list[Plan],
        launch: Callable[[Slot], Coroutine[None, None, None]],
        *,
        clock: Clock,
        pulse: Pulse,
        watcher: Watcher,
        early: float = 0.0,
    ) -> None:
        self._launch = launch
        self._clock = clock
        self._pulse = pulse
        self._watcher = watcher
        wall = clock.steady()
        offset = wall - clock.now()
        self._lines = [_Line(plan, wall=wall, offset=offset, early=early) for plan in plans]

    async def run(self) -> None:
        """Start runs until cancelled; runs under way go on."""
        while True:
            now = self._clock.now()
            self._pulse.beat(now)
            for line in self._lines:
                self._start_due(line, now)
            wait = min(line.due for line in self._lines) - self._clock.now()
            await self._clock.sleep(min(max(wait, 0.0), BEAT))

    async def beat(self) -> None:
        """Keep only the heartbeat, while no more runs are started."""
        await keep_beating(self._pulse, self._clock)

    @property
    def running(self) -> set[asyncio.Task[None]]:
        """Tasks of the runs under way."""
        return {task for line in self._lines for task in line.running}

    def _start_due(self, line: _Line, now: float) -> None:
        """Start the runs that are due; a slot that is long past, or finds no room, is missed."""
        stale = full = 0
        while line.due <= now:
            slot = line.take()
            if now - slot.intended > max(line.plan.interval, _HICCUP):
                stale += 1
            elif len(line.running) >= line.plan.max_in_flight:
                full += 1
            else:
                self._start(line, slot)
        if stale or full:
            self._miss(line.plan.probe, stale=stale, full=full)

    def _miss(self, probe: str, *, stale: int, full: int) -> None:
        for _ in range(stale + full):
            self._watcher.missed(probe)
        text = "%s: %d slots missed: %d long past, %d without room"
        _log.warning(text, probe, stale + full, stale, full)

    def _start(self, line: _Line, slot: Slot) -> None:
        task = asyncio.create_task(self._launch(slot), name=f"run {slot.probe}")
        line.running.add(task)
        task.add_done_callback(lambda done: self._ended(line, done))
        self._watcher.in_flight(slot.probe, len(line.running))

    def _ended(self, line: _Line, task: asyncio.Task[None]) -> None:
        line.running.discard(task)
        self._watcher.in_flight(line.plan.probe, len(line.running))
        if not task.cancelled() and task.exception():
            _log.error("%s: a run broke", line.plan.probe, exc_info=task.exception())


async def every(seconds: float, work: Callable[[], Awaitable[None]], *, clock: Clock) -> None:
    """Call a function periodically until cancelled; an exception in it is logged."""
    while True:
        await clock.sleep(seconds)
        try:
            await work()
        except Exception:  # noqa: BLE001 - logged in full; the next call may succeed
            _log.exception("something that is done every %g s broke", seconds)


async def keep_beating(pulse: Pulse, clock: Clock) -> None:
    """Update the heartbeat until cancelled."""
    while True:
        pulse.beat(clock.now())
        await clock.sleep(BEAT)
