"""The journal: every run is written before its event is sent, and again at each step afterwards.

It never stops a run. A failed write is counted, kept in memory and retried with the next one. Runs
left open by an earlier process are judged unknown, exactly once. Runs that change at the same time
are written together, so that a burst takes a few transactions only.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from exporter.journal.sqlite import JournalError, Row, State, Store
from exporter.model.run import Leaving, ProbeResult
from exporter.model.verdict import Reason
from exporter.schedule.clock import Clock
from slos.schema.contract import JournalOperation, Verdict

_LOG_EVERY = 60.0
_APART = 0.01
"""Seconds from one write to the next; runs that change meanwhile are written together. At
hundreds of runs a second, a write for each would slow down the rest of the program."""
_log = logging.getLogger(__name__)
Found = TypeVar("Found")
Other = TypeVar("Other")


class Journal:
    """Asynchronous interface of the store, which works on a thread of its own."""

    def __init__(
        self,
        path: Path,
        *,
        keep_runs: int,
        failed: Callable[[JournalOperation], None],
        clock: Clock,
    ) -> None:
        self._store = Store(path, keep_runs=keep_runs)
        self._keep_runs = keep_runs
        self._failed = failed
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._owed: dict[str, Row] = {}
        """Runs that are not yet on disk."""
        self._writing = asyncio.Lock()
        self._next_write: asyncio.Task[None] | None = None
        self._not_before = 0.0
        """Earliest time of the next write, by the clock of the event loop."""
        self._recovered = False
        self._orphans: list[ProbeResult] = []
        self._told_aside = 0
        self._logged_at: float | None = None
        self._failures = 0

    async def start(self) -> list[ProbeResult]:
        """Open the file, judge the runs that an earlier process left open, and return those runs.

        Raises:
            JournalError: the file cannot be a journal of this process.
        """
        try:
            await self._in_thread(self._store.open)
        except sqlite3.Error as error:
            self._report(JournalOperation.OPEN_RUN, error)
            return []
        except JournalError:
            await self._in_thread(self._store.release)
            self._thread.shutdown(wait=False)
            raise
        await self._write(JournalOperation.CLOSE_RUN)
        return self.take_orphans()

    def take_orphans(self) -> list[ProbeResult]:
        """Return the runs of an earlier process found since the last call.

        They are found at the start, or as soon as a disk that could not be read is readable again.
        """
        orphans, self._orphans = self._orphans, []
        return orphans

    async def put(self, state: State, run: ProbeResult) -> None:
        """Write the state of a run; `planned` before its event is sent."""
        self._owe(state, run)
        opening = state in (State.PLANNED, State.SENT)
        operation = JournalOperation.OPEN_RUN if opening else JournalOperation.CLOSE_RUN
        if self._next_write is None:
            self._next_write = asyncio.create_task(self._write(operation), name="journal")
        await asyncio.shield(self._next_write)

    async def probe_of(self, run_id: str) -> str | None:
        """Find the probe of a recorded run; None if unknown or unreadable."""
        return await self._read(lambda: self._store.probe_of(run_id), otherwise=None)

    async def recent(self, limit: int) -> list[ProbeResult]:
        """List the last judged runs except those of a load, newest first; none if unreadable."""
        return await self._read(lambda: self._store.recent(limit), otherwise=[])

    async def unfinished(self) -> list[Row]:
        """List judged runs about which more may be learned, or which have leftovers."""
        return await self._read(self._store.unfinished, otherwise=[])

    @property
    def set_aside(self) -> list[Path]:
        """Files to which damaged journals were moved since the start."""
        return list(self._store.set_aside)

    async def close(self) -> None:
        """Write the unwritten runs, if that is possible, and release the file."""
        if self._owed:
            await self._write(JournalOperation.CLOSE_RUN)
        await self._in_thread(self._store.release)
        self._thread.shutdown(wait=False)

    async def _write(self, operation: JournalOperation) -> None:
        """Write all unwritten runs as one batch; later changes belong to the next batch."""
        async with self._writing:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(self._not_before - loop.time(), 0.0))
            self._not_before = loop.time() + _APART
            self._next_write = None
            if not self._recovered:
                found = await self._attempt(operation, self._store.unjudged, otherwise=None)
                if found is None:
                    return
                self._adopt(found)
            batch = dict(self._owed)
            if not batch:
                return
            changed = list(batch.values())
            if await self._attempt(operation, lambda: self._store.write(changed), otherwise=0):
                for run_id, row in batch.items():
                    if self._owed.get(run_id) is row:
                        del self._owed[run_id]

    async def _read(self, work: Callable[[], Found], *, otherwise: Found) -> Found:
        return await self._attempt(JournalOperation.READ, work, otherwise=otherwise)

    async def _attempt(
        self, operation: JournalOperation, work: Callable[[], Found], *, otherwise: Other
    ) -> Found | Other:
        """Run an operation on the thread; a failure is counted and gives the fallback."""

        def attempt() -> Found:
            self._store.open()
            return work()

        try:
            found = await self._in_thread(attempt)
        except (sqlite3.Error, JournalError) as error:
            self._report(operation, error)
            await self._in_thread(self._disconnect)
            return otherwise
        self._tell_set_aside()
        return found

    async def _in_thread(self, work: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _adopt(self, left_open: list[ProbeResult]) -> None:
        """Judge the runs that an earlier process left open, once the file can be read."""
        for run in left_open:
            if run.id not in self._owed:
                self._owe(State.JUDGED, run)
                self._orphans.append(run)
        self._recovered = True

    def _owe(self, state: State, run: ProbeResult) -> None:
        self._owed[run.id] = (state, run)
        if len(self._owed) > self._keep_runs:
            del self._owed[next(iter(self._owed))]

    def _disconnect(self) -> None:
        try:
            self._store.disconnect()
        except sqlite3.Error as error:
            _log.debug("journal: closing after a failure failed too: %s", error)

    def _tell_set_aside(self) -> None:
        for path in self._store.set_aside[self._told_aside :]:
            _log.error("journal: the file was damaged; set aside as %s, a new one begun", path)
            self._told_aside += 1

    def _report(self, operation: JournalOperation, error: Exception) -> None:
        self._failed(operation)
        self._failures += 1
        now = self._clock.now()
        if self._logged_at is None or now - self._logged_at >= _LOG_EVERY:
            _log.error(
                "journal: %s failed (%s); probing goes on, %d failures since the last line",
                operation,
                error,
                self._failures,
            )
            self._logged_at, self._failures = now, 0


def opened(
    probe: str,
    path: str,
    run_id: str,
    intended_at: float,
    leavings: tuple[Leaving, ...] = (),
) -> ProbeResult:
    """Create a run before it is sent, with the verdict that it keeps if it is never finished."""
    return ProbeResult(
        probe,
        path,
        run_id,
        Verdict.UNKNOWN,
        Reason.PROBER_RESTARTED,
        {},
        intended_at,
        leavings=leavings,
    )
