"""Open-loop scheduler: starts runs at their slots, counts missed slots, detects stalls."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Protocol

from exporter.schedule.clock import Clock
from exporter.schedule.open_loop import Slot
from exporter.schedule.timetable import Timetable

HEARTBEAT_INTERVAL = 1.0
"""Seconds: the loop wakes at least this often, so that a stuck one can be detected."""
_LATE_TOLERANCE = 0.25
"""Seconds by which a slot may be late and is still used, however short the interval. A slot that
is left out hides what it would have measured; one that is used late counts from its time."""

_SHORTEST_STALL = 0.1
"""Seconds; a busy machine wakes a process that much late, which delays no measurement by much."""

_MAX_GAPS = 1000
"""Stalls that are kept: even if every second has one, those of a run of several minutes."""

_log = logging.getLogger(__name__)


class Heartbeat:
    """Records when the loop last woke, and how long it recently stalled."""

    def __init__(self, now: float, *, period: float) -> None:
        self.period = period
        """Longest regular time between two beats, in seconds; a longer time is a stall."""
        self.last_beat = now
        self._gaps: deque[tuple[float, float]] = deque(maxlen=_MAX_GAPS)

    def beat(self, now: float) -> None:
        """Record that the loop is awake."""
        if now - self.last_beat - self.period >= _SHORTEST_STALL:
            self._gaps.append((self.last_beat, now))
        self.last_beat = now

    def get_age(self, now: float) -> float:
        """Return the seconds since the last beat."""
        return now - self.last_beat

    def measure_stall(self, since: float, until: float, *, window: float) -> float:
        """Return the most seconds of stalls within a window of time; short ones add up.

        Only stalls that touch the span from `since` to `until` count. Without the window, rare
        short stalls would add up to any number of seconds in a long run.
        """
        recent: deque[tuple[float, float]] = deque()
        most = total = 0.0
        for start, end in (*self._gaps, (self.last_beat, until)):
            stall = end - start - self.period
            if end <= since or start >= until or stall < _SHORTEST_STALL:
                continue
            recent.append((end, stall))
            total += stall
            while recent[0][0] <= end - window:
                total -= recent.popleft()[1]
            most = max(most, total)
        return most


class ScheduleMetrics(Protocol):
    """Metrics of the schedule."""

    def count_missed_slot(self, probe: str) -> None:
        """Count a slot that was not used."""

    def set_in_flight(self, probe: str, count: int) -> None:
        """Set the number of runs under way."""


class _TimetableCursor:
    """Position in one timetable, on the monotonic clock."""

    def __init__(self, timetable: Timetable, *, wall: float, offset: float, early: float) -> None:
        self.timetable = timetable
        self._offset = offset
        self._early = min(early, timetable.slack)
        self._slot = timetable.find_slot_after(wall)
        self._intended_at = timetable.get_slot_time(self._slot)
        self.running_tasks: set[asyncio.Task[None]] = set()

    @property
    def due(self) -> float:
        """Monotonic seconds at which the run of the next slot is to be started."""
        return self._intended_at - self._offset - self._early

    def take_slot(self) -> Slot:
        """Return the slot that is due, and move on to the next."""
        intended_at = self._intended_at
        self._slot += 1
        self._intended_at = self.timetable.get_slot_time(self._slot)
        return Slot(intended_at - self._offset, intended_at)


class Scheduler:
    """Starts the run of every slot at its time or a little early; the run waits for its time."""

    def __init__(
        self,
        timetables: list[Timetable],
        start_run: Callable[[str, Slot], Coroutine[None, None, None]],
        *,
        clock: Clock,
        heartbeat: Heartbeat,
        metrics: ScheduleMetrics,
        early: float = 0.0,
    ) -> None:
        self._start_run = start_run
        self._clock = clock
        self._heartbeat = heartbeat
        self._metrics = metrics
        wall = clock.steady()
        offset = wall - clock.now()
        self._cursors = [
            _TimetableCursor(timetable, wall=wall, offset=offset, early=early)
            for timetable in timetables
        ]

    async def run(self) -> None:
        """Start runs until cancelled; runs under way go on."""
        while True:
            now = self._clock.now()
            self._heartbeat.beat(now)
            for cursor in self._cursors:
                self._start_due(cursor, now)
            wait = min(cursor.due for cursor in self._cursors) - self._clock.now()
            await self._clock.sleep(min(max(wait, 0.0), HEARTBEAT_INTERVAL))

    @property
    def running_tasks(self) -> set[asyncio.Task[None]]:
        """Tasks of the runs under way."""
        return {task for cursor in self._cursors for task in cursor.running_tasks}

    def _start_due(self, cursor: _TimetableCursor, now: float) -> None:
        """Start the runs that are due; a slot that is long past, or finds no room, is missed."""
        stale = full = 0
        while cursor.due <= now:
            slot = cursor.take_slot()
            if now - slot.intended > max(cursor.timetable.interval, _LATE_TOLERANCE):
                stale += 1
            elif len(cursor.running_tasks) >= cursor.timetable.max_in_flight:
                full += 1
            else:
                self._start(cursor, slot)
        if stale or full:
            self._count_missed(cursor.timetable.probe, stale=stale, full=full)

    def _count_missed(self, probe: str, *, stale: int, full: int) -> None:
        for _ in range(stale + full):
            self._metrics.count_missed_slot(probe)
        text = "%s: %d slots missed: %d too late, %d above max_in_flight"
        _log.warning(text, probe, stale + full, stale, full)

    def _start(self, cursor: _TimetableCursor, slot: Slot) -> None:
        probe = cursor.timetable.probe
        task = asyncio.create_task(self._start_run(probe, slot), name=f"run {probe}")
        cursor.running_tasks.add(task)
        task.add_done_callback(lambda finished: self._forget_task(cursor, finished))
        self._metrics.set_in_flight(probe, len(cursor.running_tasks))

    def _forget_task(self, cursor: _TimetableCursor, task: asyncio.Task[None]) -> None:
        cursor.running_tasks.discard(task)
        self._metrics.set_in_flight(cursor.timetable.probe, len(cursor.running_tasks))
        if not task.cancelled() and task.exception():
            _log.error("%s: a run failed", cursor.timetable.probe, exc_info=task.exception())


async def run_heartbeat(heartbeat: Heartbeat, clock: Clock) -> None:
    """Update the heartbeat until cancelled."""
    while True:
        heartbeat.beat(clock.now())
        await clock.sleep(HEARTBEAT_INTERVAL)
