"""Reconciler: asks late observers, cleans up leftovers and sweeps orphans after the verdict."""

import asyncio
import contextlib
import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache

from exporter.journal.journal import Journal
from exporter.journal.sqlite import RunState
from exporter.metrics.gauges import Gauges
from exporter.metrics.runs import RunMetrics
from exporter.model.run import Leftover, Run
from exporter.observers import LateObserver, load_late_modules
from exporter.prober.cleanup import Cleaner, OrphanSweep
from exporter.prober.history import RunHistory
from exporter.prober.pending import PendingRun
from exporter.schedule.clock import Clock
from slos.schema.contract import IssueCount, LeftoverKind, Stage, is_load_probe

RECONCILE_INTERVAL = 2.0
"""Seconds between two reconcile steps."""
_MAX_CLEANED_PER_STEP = 20
"""Runs of one kind per step, so that a slow clean-up does not delay the other kinds."""
_MAX_RUNS = 20_000
"""Pending runs kept in memory. Leftovers of an older run are found by the orphan sweep."""


ObservedListener = Callable[[Run, IssueCount | None], None]
"""Gets a run about which nothing more can be learned, and how many Linear issues it opened."""


class Reconciler:
    """Reconciler of all runs that have a verdict and are not finished."""

    def __init__(
        self,
        *,
        journal: Journal,
        metrics: RunMetrics,
        gauges: Gauges,
        clock: Clock,
        history: RunHistory,
    ) -> None:
        self._journal = journal
        self._metrics = metrics
        self._gauges = gauges
        self._clock = clock
        self._history = history
        self._observers: Mapping[str, LateObserver] = {}
        self._cleaners: Mapping[LeftoverKind, Cleaner] = {}
        self._pending: dict[str, PendingRun] = {}
        self._asked_at: dict[str, float] = {}
        self._sweep = OrphanSweep(gauges=gauges, clock=clock)
        self._shown_kinds: set[LeftoverKind] = set()
        self._step_lock = asyncio.Lock()
        self._listeners: list[ObservedListener] = []

    def __len__(self) -> int:
        """Number of runs that are not finished."""
        return len(self._pending)

    @property
    def has_leftovers(self) -> bool:
        """Return whether a run has known leftovers."""
        return any(pending.run.leftovers for pending in self._pending.values())

    def configure(
        self,
        observers: Mapping[str, LateObserver],
        cleaners: Mapping[LeftoverKind, Cleaner],
    ) -> None:
        """Set the observers and cleaners; a run no longer waits for a removed observer.

        Runs of an earlier process were restored before there was any observer to ask about them.
        """
        added = set(observers) - set(self._observers)
        self._observers = observers
        self._cleaners = cleaners
        self._shown_kinds |= set(cleaners)
        for pending in self._pending.values():
            pending.waiting &= set(observers)
            pending.waiting |= (
                added & self._list_sources_for(pending.run) if pending.is_observed_late else set()
            )

    @contextlib.contextmanager
    def listen(self, listener: ObservedListener) -> Iterator[None]:
        """Call a function with each run that is observed, for as long as the block runs."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def add_judged(self, run: Run, *, sent: bool) -> tuple[RunState, Run]:
        """Add a run with its verdict; return its state, and the run with its due stages."""
        state = RunState.OBSERVED if run.leftovers else RunState.CLEANED
        if sent and self._observers:
            due = self._metrics.list_due_stages(run)
            state, run = RunState.JUDGED, dataclasses.replace(run, due_stages=due)
        self.restore(state, run)
        return state, run

    def restore(self, state: RunState, run: Run) -> None:
        """Add a run, of this process or an earlier one, unless nothing is left to do."""
        if state is RunState.CLEANED:
            return
        pending = PendingRun(run, self._clock.now(), is_observed_late=state is RunState.JUDGED)
        pending.waiting = self._list_sources_for(run) if pending.is_observed_late else set()
        self._pending.setdefault(run.id, pending)
        if len(self._pending) > _MAX_RUNS:
            del self._pending[next(iter(self._pending))]

    async def reconcile(self) -> None:
        """Ask the observers that are due, and clean up known leftovers."""
        async with self._step_lock:
            await self._reconcile()

    async def wait_for_step(self) -> None:
        """Wait for the step under way; after it, replaced observers are no longer used."""
        async with self._step_lock:
            return

    async def _reconcile(self) -> None:
        await asyncio.gather(*(self._ask_observer(*query) for query in self._list_due_observers()))
        now = self._clock.now()
        for pending in self._pending.values():
            self._give_up(pending, now)
        # Concurrently, so that they are written as one batch: after a load there are thousands.
        await asyncio.gather(
            *(self._count_known_stages(case, now) for case in list(self._pending.values()))
        )
        due = [case for case in self._pending.values() if case.next_try <= now]
        for kind, cleaner in self._cleaners.items():
            await self._clean_up_kind(kind, cleaner, due)
        finished = [case.run for case in self._pending.values() if case.is_finished]
        for run in finished:
            self._pending.pop(run.id, None)
        await asyncio.gather(*(self._journal.write_run(RunState.CLEANED, run) for run in finished))
        await self._sweep.sweep_if_due(
            self._observers.values(), list_known=self._list_known_leftovers
        )
        self._update_orphan_gauges()

    def _list_sources_for(self, run: Run) -> set[str]:
        """List the sources to ask about a run; for a load, only those that clean up."""
        return {
            source
            for source, observer in self._observers.items()
            if not is_load_probe(run.probe) or observer.leftover_kind is not None
        }

    def _list_known_leftovers(self) -> set[Leftover]:
        return {
            leftover for pending in self._pending.values() for leftover in pending.run.leftovers
        }

    def _list_due_observers(self) -> list[tuple[str, LateObserver]]:
        now = self._clock.now()
        due = [
            (source, observer)
            for source, observer in self._observers.items()
            if now - self._asked_at.get(source, -observer.interval) >= observer.interval
            and self._list_waiting(source)
        ]
        self._asked_at |= {source: now for source, _ in due}
        return due

    def _list_waiting(self, source: str) -> list[PendingRun]:
        return [pending for pending in self._pending.values() if source in pending.waiting]

    async def _ask_observer(self, source: str, observer: LateObserver) -> None:
        queries = [case.query for case in self._list_waiting(source)]
        for observation in await observer.observe(queries):
            pending = self._pending.get(observation.id)
            if pending is not None:
                pending.add_observation(source, observation)

    def _give_up(self, pending: PendingRun, now: float) -> None:
        for source, observer in self._observers.items():
            if now - pending.added_at > observer.max_delay + observer.interval:
                pending.waiting.discard(source)

    async def _count_known_stages(self, pending: PendingRun, now: float) -> None:
        """Count the stages that are known; a late source does not hold back other times."""
        delays = (self._observers[source].usual_delay for source in pending.waiting)
        overdue = now - pending.added_at > max(delays, default=0.0)
        stages = pending.list_settled_stages(_list_late_stages(), is_overdue=overdue)
        is_observed = pending.is_observed_late and not pending.waiting
        pending.is_observed_late = bool(pending.waiting)
        if not stages and not is_observed:
            return
        counted = pending.take_stages(stages)
        await self._write_pending(pending)
        self._metrics.count_observed(counted, pending.issues)
        if is_observed:
            self._metrics.count_disagreements(pending.run)
        self._history.update(pending.run)
        for listener in self._listeners if is_observed else ():
            listener(pending.run, pending.issues)

    async def _write_pending(self, pending: PendingRun) -> None:
        await self._journal.write_run(
            RunState.JUDGED if pending.is_observed_late else RunState.OBSERVED, pending.run
        )

    async def _clean_up_kind(
        self, kind: LeftoverKind, cleaner: Cleaner, candidates: Sequence[PendingRun]
    ) -> None:
        """Clean up known leftovers, also of runs that are still observed."""
        due = [case for case in candidates if case.list_leftovers(kind)][:_MAX_CLEANED_PER_STEP]
        wanted = [leftover for case in due for leftover in case.list_leftovers(kind)]
        if not wanted:
            return
        failed = set(await cleaner.clean_up(wanted))
        self._gauges.cleanup_failures.labels(kind).inc(len(failed))
        done = set(wanted) - failed
        for pending in due:
            if pending.record_clean_up(done, failed, self._clock.now()) and not pending.is_finished:
                await self._write_pending(pending)

    def _update_orphan_gauges(self) -> None:
        """Set the gauge of leftovers that exist longer than they should."""
        now = self._clock.now()
        overdue = Counter(
            leftover.kind
            for pending in self._pending.values()
            for leftover in pending.run.leftovers
            if pending.is_overdue(leftover, now) or leftover.kind not in self._cleaners
        )
        overdue.update(leftover.kind for leftover in self._sweep.uncleaned)
        for source, observer in self._observers.items():
            if observer.leftover_kind and observer.is_failing:
                overdue[observer.leftover_kind] += self._count_overdue(source, observer)
        for kind in self._shown_kinds | set(overdue):
            self._gauges.orphans.labels(kind).set(overdue[kind])

    def _count_overdue(self, source: str, observer: LateObserver) -> int:
        """Count the runs whose leftovers the observer should have found by now."""
        now = self._clock.now()
        return sum(
            now - pending.added_at > observer.usual_delay for pending in self._list_waiting(source)
        )


@cache
def _list_late_stages() -> Mapping[str, Collection[Stage]]:
    """List the stages that each late observer can measure."""
    return {module.SOURCE: module.STAGES for module in load_late_modules().values()}
