"""The journal: every run is written down before its event is sent, and closed afterwards.

It never stops a run. What cannot be written is counted, kept in memory and written with the
next success; runs left open by an earlier process are closed as unknown, exactly once.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from exporter.clock import Clock
from exporter.judge import Reason
from exporter.result import ProbeResult
from exporter.store import JournalError, Row, Store
from slos.schema.contract import JournalOperation, Verdict

_LOG_EVERY = 60.0
_log = logging.getLogger(__name__)
Found = TypeVar("Found")

__all__ = ["Journal", "JournalError"]


class Journal:
    """The asynchronous face of the store, on one thread of its own."""

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
        """What is not yet on disk; touched only by the journal's thread."""
        self._recovered = False
        self._orphans: list[ProbeResult] = []
        self._logged_at: float | None = None
        self._failures = 0

    async def start(self) -> list[ProbeResult]:
        """Open the file and close what an earlier process left open; gives those runs.

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
        await self._attempt(JournalOperation.CLOSE_RUN, self._settle, None)
        return self.take_orphans()

    def take_orphans(self) -> list[ProbeResult]:
        """Runs of an earlier process found since the last call.

        They show at start, or as soon as a disk that could not be read can.
        """
        orphans, self._orphans = self._orphans, []
        return orphans

    async def open_run(self, run: ProbeResult) -> None:
        """Write a run down, before its event is sent."""
        await self._put(JournalOperation.OPEN_RUN, "planned", run)

    async def mark_sent(self, run: ProbeResult) -> None:
        """Note that the event of a run is on its way."""
        await self._put(JournalOperation.OPEN_RUN, "sent", run)

    async def close_run(self, result: ProbeResult) -> None:
        """Write down what became of a run."""
        await self._put(JournalOperation.CLOSE_RUN, "done", result)

    async def was_issued(self, run_id: str) -> bool:
        """Whether a run of this id was ever written down; False when that cannot be read."""
        return await self._attempt(
            JournalOperation.READ, lambda: self._store.knows(run_id), otherwise=False
        )

    async def recent(self, limit: int) -> list[ProbeResult]:
        """The last finished runs, newest first; none when they cannot be read."""
        return await self._attempt(
            JournalOperation.READ, lambda: self._store.recent(limit), otherwise=[]
        )

    async def close(self) -> None:
        """Write what is owed, if that is possible by now, and give the file up."""
        if self._owed:
            await self._attempt(JournalOperation.CLOSE_RUN, self._settle, None)
        await self._in_thread(self._store.release)
        self._thread.shutdown(wait=False)

    async def _put(self, operation: JournalOperation, state: str, run: ProbeResult) -> None:
        await self._in_thread(lambda: self._owe(state, run))  # first, or a failure forgets it
        await self._attempt(operation, self._settle, None)

    async def _attempt(
        self, operation: JournalOperation, work: Callable[[], Found], otherwise: Found
    ) -> Found:
        """Do it on the thread; a failure is counted and gives the other value."""

        def attempt() -> Found:
            self._ready()
            return work()

        try:
            return await self._in_thread(attempt)
        except (sqlite3.Error, JournalError) as error:
            self._report(operation, error)
            await self._in_thread(self._disconnect)
            return otherwise

    async def _in_thread(self, work: Callable[[], Found]) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _ready(self) -> None:
        """Connect, and see what an earlier process left open, the first time that works."""
        self._store.open()
        if not self._recovered:
            for run in self._store.open_runs():
                if run.id not in self._owed:
                    self._owe("done", run)
                    self._orphans.append(run)
            self._recovered = True

    def _owe(self, state: str, run: ProbeResult) -> None:
        self._owed[run.id] = (state, run)
        if len(self._owed) > self._keep_runs:
            del self._owed[next(iter(self._owed))]

    def _settle(self) -> None:
        if self._owed:
            self._store.write(list(self._owed.values()))
            self._owed.clear()

    def _disconnect(self) -> None:
        try:
            self._store.disconnect()
        except sqlite3.Error as error:
            _log.debug("journal: closing after a failure failed too: %s", error)

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


def opened(probe: str, path: str, run_id: str, intended_at: float) -> ProbeResult:
    """A run before it is sent, with the verdict it gets if nobody ever closes it."""
    return ProbeResult(
        probe, path, run_id, Verdict.UNKNOWN, Reason.PROBER_RESTARTED, {}, intended_at
    )
