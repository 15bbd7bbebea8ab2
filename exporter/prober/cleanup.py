"""Clean-up of leftovers, as fast as the systems that hold them permit.

Runs wait in the order in which they were observed. A few are in memory, the others in the journal.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import chain
from math import inf
from typing import Protocol

from exporter.journal.journal import Journal
from exporter.journal.rows import RunState
from exporter.metrics.gauges import Gauges
from exporter.model.run import Leftover
from exporter.observers import RemoteObserver
from exporter.prober.backlog import BacklogEntry, CleanupBacklog
from exporter.prober.pending import PendingRun
from exporter.schedule.clock import Clock
from exporter.schedule.tasks import cancel_tasks
from slos.schema.contract import LeftoverKind

MAX_LOADED = 200
"""Waiting runs in memory. Of the others the journal has all but the id."""
_PATIENCE = 1.0
"""Seconds that a step waits for the clean-up. A slower one goes on beside the next steps."""
_BATCH = 50
"""Runs that are cleaned up together, in a few requests that are sent at once."""
_KNOWN_BATCH = 500
"""Runs that are read from the journal at once."""
_SWEEP_INTERVAL = 600.0
"""Seconds between two sweeps."""
_ORPHAN_AGE = 3600.0
"""Seconds; younger leftovers may still belong to a run that is pending."""
_log = logging.getLogger(__name__)


class Cleaner(Protocol):
    """Cleans up one kind of leftover."""

    leftover_kind: LeftoverKind | None

    async def clean_up(self, leftovers: Sequence[Leftover]) -> Sequence[Leftover]:
        """Clean up leftovers; return those that could not be cleaned up."""


class Cleanup:
    """Clean-up of all runs that have leftovers.

    Args:
        journal: journal of the runs.
        gauges: gauges of leftovers.
        clock: clock of the runs.
        list_observed: lists the runs that are still observed; their known leftovers are cleaned up.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        gauges: Gauges,
        clock: Clock,
        list_observed: Callable[[], Iterable[PendingRun]],
    ) -> None:
        self._journal = journal
        self._gauges = gauges
        self._clock = clock
        self._list_observed = list_observed
        self._cleaners: Mapping[LeftoverKind, Cleaner] = {}
        self._cleaners_in_use: Mapping[LeftoverKind, Cleaner] = {}
        self._loaded: dict[str, PendingRun] = {}
        self._backlog = CleanupBacklog()
        self._task: asyncio.Task[None] | None = None
        self._sweep = OrphanSweep(gauges=gauges, clock=clock)

    def __len__(self) -> int:
        """Number of runs that wait."""
        return len(self._loaded) + len(self._backlog)

    def configure(self, cleaners: Mapping[LeftoverKind, Cleaner]) -> None:
        """Use these cleaners after the batch under way."""
        self._cleaners = cleaners

    def add(self, pending: PendingRun) -> None:
        """Add a run that is observed and has leftovers."""
        if len(self._backlog) or len(self._loaded) >= MAX_LOADED:
            self._backlog.add(pending.run.id, BacklogEntry.from_pending(pending))
        else:
            self._loaded[pending.run.id] = pending

    async def restore(self) -> None:
        """Add the runs that earlier processes left in the journal."""
        for run_id, intended_at, kinds in await self._journal.list_backlog():
            self._backlog.add(run_id, BacklogEntry(intended_at, kinds))

    async def close(self) -> None:
        """End the clean-up under way. The next process goes on with it."""
        if self._task is not None:
            await cancel_tasks(self._task)

    async def wait_for_old_cleaners(self) -> None:
        """Wait until replaced cleaners are no longer used."""
        if self._task is not None and self._cleaners_in_use is not self._cleaners:
            await asyncio.wait({self._task})

    async def advance(self, observers: Iterable[RemoteObserver]) -> None:
        """Start the clean-up unless it is under way, and wait for it a moment.

        Args:
            observers: observers that search for orphans.
        """
        if self._task is None or self._task.done():
            self._cleaners_in_use = self._cleaners
            self._task = asyncio.create_task(self._clean_up(list(observers)), name="clean-up")
        await asyncio.wait({self._task}, timeout=_PATIENCE)
        if self._task.done():
            self._task.result()

    async def _clean_up(self, observers: Sequence[RemoteObserver]) -> None:
        """Clean up batch by batch, until nothing more can be done or the cleaners are replaced."""
        cleaners = self._cleaners
        has_progress = True
        while has_progress and self._cleaners is cleaners:
            await self._load_waiting()
            now = self._clock.now()
            due = [pending for pending in self._iter_in_memory() if pending.next_try <= now]
            cleaned = await asyncio.gather(
                *(self._clean_up_kind(kind, cleaner, due) for kind, cleaner in cleaners.items())
            )
            await self._close_finished()
            has_progress = any(cleaned)
        await self._sweep.sweep_if_due(observers, list_known=self._list_known_leftovers)

    def _iter_in_memory(self) -> Iterable[PendingRun]:
        return chain(self._loaded.values(), self._list_observed())

    async def _load_waiting(self) -> None:
        """Load waiting runs from the journal into the places of those that are done."""
        now = self._clock.now()
        if len(self._backlog):  # others may have more luck than those that have to wait
            for pending in [pending for pending in self._loaded.values() if pending.next_try > now]:
                del self._loaded[pending.run.id]
                self._backlog.add(pending.run.id, BacklogEntry.from_pending(pending))
        ids = self._backlog.list_due(now, MAX_LOADED - len(self._loaded))
        runs = await self._journal.load_runs(ids) if ids else None
        if runs is None:
            return
        for run_id in ids:
            entry, run = self._backlog.take(run_id), runs.get(run_id)
            if run is not None:  # otherwise the sweep finds its leftovers
                self._loaded[run_id] = entry.to_pending(run, now)

    async def _clean_up_kind(
        self, kind: LeftoverKind, cleaner: Cleaner, candidates: Sequence[PendingRun]
    ) -> bool:
        """Clean up some leftovers of one kind; return whether any was cleaned up."""
        due = [pending for pending in candidates if pending.list_leftovers(kind)][:_BATCH]
        wanted = [leftover for pending in due for leftover in pending.list_leftovers(kind)]
        if not wanted:
            return False
        failed = set(await cleaner.clean_up(wanted))
        self._gauges.cleanup_failures.labels(kind).inc(len(failed))
        done, now = set(wanted) - failed, self._clock.now()
        changed = [pending for pending in due if pending.record_clean_up(done, failed, now)]
        await asyncio.gather(
            *(self._write(pending) for pending in changed if not pending.is_finished)
        )
        return bool(done)

    async def _write(self, pending: PendingRun) -> None:
        state = RunState.JUDGED if pending.is_awaiting_observers else RunState.OBSERVED
        await self._journal.write_run(state, pending.run)

    async def _close_finished(self) -> None:
        finished = [pending.run for pending in self._loaded.values() if pending.is_finished]
        for run in finished:
            del self._loaded[run.id]
        await asyncio.gather(*(self._journal.write_run(RunState.CLEANED, run) for run in finished))

    async def _list_known_leftovers(self) -> set[Leftover]:
        """List the leftovers of all runs that are not finished."""
        known = {
            leftover for pending in self._iter_in_memory() for leftover in pending.run.leftovers
        }
        ids = self._backlog.list_ids()
        for first in range(0, len(ids), _KNOWN_BATCH):
            runs = await self._journal.load_runs(ids[first : first + _KNOWN_BATCH]) or {}
            known.update(leftover for run in runs.values() for leftover in run.leftovers)
        return known

    def count_overdue(self) -> Counter[LeftoverKind]:
        """Count the leftovers whose clean-up is overdue, or that no cleaner is for."""
        now = self._clock.now()
        overdue = Counter(
            leftover.kind
            for pending in self._iter_in_memory()
            for leftover in pending.run.leftovers
            if pending.is_overdue(leftover, now) or leftover.kind not in self._cleaners
        )
        overdue.update(leftover.kind for leftover in self._sweep.uncleaned)
        return overdue + self._backlog.count_overdue(self._cleaners, now)

    def update_gauges(self) -> None:
        """Show how many runs wait, and how old the oldest is."""
        intended = [pending.run.intended_at for pending in self._loaded.values()]
        oldest = min((*intended, self._backlog.find_oldest()), default=inf)
        self._gauges.cleanup_backlog.set(len(self))
        self._gauges.cleanup_backlog_age.set(max(0.0, self._clock.steady() - oldest))


class OrphanSweep:
    """Searches for orphans periodically, and tries again those that could not be cleaned up."""

    def __init__(self, *, gauges: Gauges, clock: Clock) -> None:
        self._gauges = gauges
        self._clock = clock
        self._swept_at = clock.now()
        self.uncleaned: set[Leftover] = set()
        """Orphans that were found and could not be cleaned up."""

    async def sweep_if_due(
        self,
        observers: Iterable[RemoteObserver],
        *,
        list_known: Callable[[], Awaitable[set[Leftover]]],
    ) -> None:
        """Sweep, if the interval has passed.

        Args:
            observers: observers to search.
            list_known: lists the leftovers of runs that are not finished.
        """
        if self._clock.now() - self._swept_at < _SWEEP_INTERVAL:
            return
        self._swept_at = self._clock.now()
        sent_before = self._clock.steady() - _ORPHAN_AGE
        for observer in observers:
            if observer.leftover_kind is not None:
                orphans = set(await observer.find_orphans(sent_before))
                orphans -= await list_known() if orphans else set()
                await self._clean_up(observer, observer.leftover_kind, orphans)

    async def _clean_up(
        self, observer: RemoteObserver, kind: LeftoverKind, orphans: set[Leftover]
    ) -> None:
        """Clean up the orphans found now and those that could not be cleaned up before."""
        earlier = {leftover for leftover in self.uncleaned if leftover.kind is kind}
        leftovers = sorted(orphans | earlier, key=lambda leftover: leftover.handle)
        if not leftovers:
            return
        _log.warning("%d leftovers of earlier runs found; cleaning up", len(leftovers))
        failed = set(await observer.clean_up(leftovers))
        self._gauges.cleanup_failures.labels(kind).inc(len(failed))
        self.uncleaned = (self.uncleaned - set(leftovers)) | failed
