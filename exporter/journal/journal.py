"""The journal: every run is written before its event is sent, and again at each step afterwards.

It never stops a run. A failed write is counted, kept in memory and retried with the next one. Runs
left open by an earlier process are judged unknown, exactly once. Runs that change at the same time
are written together, so that a burst takes a few transactions only.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from exporter.journal.rows import BacklogRow, Row, RunState, VerdictCount
from exporter.journal.sqlite import JournalError, SqliteStore
from exporter.model.run import Leftover, Run
from exporter.model.verdict import Reason
from exporter.schedule.clock import Clock
from slos.schema.contract import JournalOperation, Verdict

_LOG_EVERY = 60.0
_WRITE_INTERVAL = 0.01
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
        on_failure: Callable[[JournalOperation], None],
        clock: Clock,
    ) -> None:
        self._store = SqliteStore(path, keep_runs=keep_runs)
        self._keep_runs = keep_runs
        self._on_failure = on_failure
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._unwritten: dict[str, Row] = {}
        """Runs that are not yet on disk."""
        self._writing = asyncio.Lock()
        self._next_write: asyncio.Task[None] | None = None
        self._next_write_at = 0.0
        """Earliest time of the next write, by the clock of the event loop."""
        self._recovered = False
        self._left_open: list[Run] = []
        self._uncounted: list[Run] = []
        self._damaged_logged = 0
        self._replacements_counted = 0
        self._logged_at: float | None = None
        self._unlogged_failures = 0
        self.failing_since: float | None = None
        """Monotonic seconds of the first of the last writes, if these all failed."""

    async def start(self) -> list[Run]:
        """Open the file, judge the runs that an earlier process left open, and return those runs.

        Raises:
            JournalError: the file cannot be a journal of this process.
        """
        try:
            await self._run_in_thread(self._store.open)
        except sqlite3.Error as error:
            self._report_failure(JournalOperation.OPEN_RUN, error)
            return []
        except JournalError:
            await self._run_in_thread(self._store.release)
            self._thread.shutdown(wait=False)
            raise
        await self._write_batch(JournalOperation.CLOSE_RUN)
        return self.pop_interrupted_runs()

    def pop_interrupted_runs(self) -> list[Run]:
        """Return the runs of an earlier process found since the last call.

        They are found at the start, or as soon as a disk that could not be read is readable again.
        """
        left_open, self._left_open = self._left_open, []
        return left_open

    def pop_uncounted_runs(self) -> list[Run]:
        """Return the runs found since the last call that an earlier process judged, not counted.

        It ended before a scrape could see the count.
        """
        uncounted, self._uncounted = self._uncounted, []
        return uncounted

    async def mark_counted(self, ids: Sequence[str]) -> bool:
        """Record that the count of runs of an earlier process is being scraped.

        Returns:
            Whether it is recorded.
        """
        marked = await self._run_operation(
            JournalOperation.CLOSE_RUN, lambda: self._store.mark_counted(ids), fallback=None
        )
        return marked is not None

    async def write_run(self, state: RunState, run: Run) -> None:
        """Write the state of a run; `planned` before its event is sent."""
        self._add_unwritten(state, run)
        opening = state in (RunState.PLANNED, RunState.SENT)
        operation = JournalOperation.OPEN_RUN if opening else JournalOperation.CLOSE_RUN
        if self._next_write is None:
            self._next_write = asyncio.create_task(self._write_batch(operation), name="journal")
        await asyncio.shield(self._next_write)

    def is_open_on_disk(self, run_id: str) -> bool:
        """Return whether the next process would find a run open, and so judge and count it."""
        return self._store.is_open(run_id)

    async def find_probe(self, run_id: str) -> str | None:
        """Find the probe of a recorded run; None if unknown or unreadable."""
        return await self._run_read(lambda: self._store.find_probe(run_id), fallback=None)

    async def list_recent(self, limit: int, *, failures: bool = False) -> list[Run]:
        """List the last judged runs except those of a load, newest first; none if unreadable.

        Args:
            limit: most runs to list.
            failures: whether to list only runs with another verdict than `ok`.
        """
        return await self._run_read(
            lambda: self._store.list_recent(limit, failures=failures), fallback=[]
        )

    async def count_verdicts(self, seconds: float) -> list[VerdictCount]:
        """Count the judged runs except those of a load, minute by minute; none if unreadable.

        Args:
            seconds: seconds before the newest run.
        """
        return await self._run_read(lambda: self._store.count_verdicts(seconds), fallback=[])

    async def list_judged(self) -> list[Run]:
        """List judged runs about which more may be learned."""
        return await self._run_read(self._store.list_judged, fallback=[])

    async def list_backlog(self) -> list[BacklogRow]:
        """List observed runs that have leftovers."""
        return await self._run_read(self._store.list_backlog, fallback=[])

    async def load_runs(self, ids: Sequence[str]) -> dict[str, Run] | None:
        """Load some runs in their newest state; None if the file is unreadable."""
        unwritten = {each: self._unwritten[each][1] for each in ids if each in self._unwritten}
        runs = await self._run_read(lambda: self._store.load_runs(ids), fallback=None)
        return None if runs is None else {run.id: run for run in runs} | unwritten

    @property
    def damaged_files(self) -> list[Path]:
        """Files to which damaged journals were moved since the start."""
        return list(self._store.damaged_files)

    async def close(self) -> None:
        """Write the unwritten runs, if that is possible, and release the file."""
        if self._unwritten:
            await self._write_batch(JournalOperation.CLOSE_RUN)
        await self._run_in_thread(self._store.release)
        self._thread.shutdown(wait=False)

    async def _write_batch(self, operation: JournalOperation) -> None:
        """Write all unwritten runs as one batch; later changes belong to the next batch."""
        async with self._writing:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(max(self._next_write_at - loop.time(), 0.0))
            self._next_write_at = loop.time() + _WRITE_INTERVAL
            self._next_write = None
            if await self._write_unwritten(operation):
                self.failing_since = None
            elif self.failing_since is None:
                self.failing_since = self._clock.now()

    async def _write_unwritten(self, operation: JournalOperation) -> bool:
        """Write what is unwritten by now; return whether that worked."""
        if not self._recovered:
            found = await self._run_operation(
                operation, self._store.pop_interrupted_runs, fallback=None
            )
            if found is None:
                return False
            self._judge_left_open(*found)
        batch = dict(self._unwritten)
        if not batch:
            return True
        changed = list(batch.values())
        if not await self._run_operation(operation, lambda: self._store.write(changed), fallback=0):
            return False
        for run_id, row in batch.items():
            if self._unwritten.get(run_id) is row:
                del self._unwritten[run_id]
        return True

    async def _run_read(self, action: Callable[[], Found], *, fallback: Found) -> Found:
        return await self._run_operation(JournalOperation.READ, action, fallback=fallback)

    async def _run_operation(
        self, operation: JournalOperation, action: Callable[[], Found], *, fallback: Other
    ) -> Found | Other:
        """Run an operation on the thread; a failure is counted and gives the fallback."""

        def open_and_work() -> Found:
            self._store.open()
            return action()

        try:
            found = await self._run_in_thread(open_and_work)
        except (sqlite3.Error, JournalError) as error:
            self._report_failure(operation, error)
            await self._run_in_thread(self._disconnect)
            return fallback
        self._log_damaged_files()
        self._count_replacements(operation)
        return found

    async def _run_in_thread(self, action: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._thread, action)

    def _judge_left_open(self, left_open: list[Run], uncounted: list[Run]) -> None:
        """Judge the runs that an earlier process left open, once the file can be read."""
        self._uncounted += uncounted
        for run in left_open:
            if run.id not in self._unwritten:
                self._add_unwritten(RunState.JUDGED, run)
                self._left_open.append(run)
        self._recovered = True

    def _add_unwritten(self, state: RunState, run: Run) -> None:
        self._unwritten[run.id] = (state, run)
        if len(self._unwritten) > self._keep_runs:
            del self._unwritten[next(iter(self._unwritten))]

    def _disconnect(self) -> None:
        try:
            self._store.disconnect()
        except (sqlite3.Error, OSError) as error:
            _log.debug("journal: closing after a failure failed too: %s", error)

    def _log_damaged_files(self) -> None:
        for path in self._store.damaged_files[self._damaged_logged :]:
            _log.error(
                "journal: the file was damaged and renamed to %s; a new one was created", path
            )
            self._damaged_logged += 1

    def _count_replacements(self, operation: JournalOperation) -> None:
        if self._store.replacements > self._replacements_counted:
            self._replacements_counted = self._store.replacements
            self._on_failure(operation)
            _log.error(
                "journal: the file was removed, replaced or moved; "
                "the unfinished runs known from it were written to the one that is at its path now"
            )

    def _report_failure(self, operation: JournalOperation, error: Exception) -> None:
        self._on_failure(operation)
        self._unlogged_failures += 1
        now = self._clock.now()
        if self._logged_at is None or now - self._logged_at >= _LOG_EVERY:
            _log.error(
                "journal: %s failed (%s); probing continues, %d failures since the last message",
                operation,
                error,
                self._unlogged_failures,
            )
            self._logged_at, self._unlogged_failures = now, 0


def create_open_run(
    probe: str,
    path: str,
    run_id: str,
    intended_at: float,
    leftovers: tuple[Leftover, ...] = (),
) -> Run:
    """Create a run before it is sent, with the verdict that it keeps if it is never finished."""
    return Run(
        probe,
        path,
        run_id,
        Verdict.UNKNOWN,
        Reason.PROBER_RESTARTED,
        {},
        intended_at,
        leftovers=leftovers,
    )
