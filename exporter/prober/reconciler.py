"""Reconciler: asks remote observers after the verdict, and hands over to the clean-up."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache

from exporter.journal.journal import Journal
from exporter.journal.rows import RunState
from exporter.metrics.gauges import Gauges
from exporter.metrics.runs import RunMetrics
from exporter.model.run import Run
from exporter.observers import RemoteObserver, load_remote_modules
from exporter.prober.cleanup import Cleaner, Cleanup
from exporter.prober.history import RunHistory
from exporter.prober.pending import PendingRun
from exporter.resources import RepeatedWarning
from exporter.schedule.clock import Clock
from slos.schema.contract import IssueCount, LeftoverKind, PathProblem, Stage, is_load_probe

RECONCILE_INTERVAL = 2.0
"""Seconds between two reconcile steps."""
_MAX_RUNS = 20_000
"""Pending runs kept in memory. Leftovers of an older run are found by the orphan sweep."""

_log = logging.getLogger(__name__)

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
        self._observers: Mapping[str, RemoteObserver] = {}
        self._pending: dict[str, PendingRun] = {}
        self._asked_at: dict[str, float] = {}
        self._cleanup = Cleanup(
            journal=journal, gauges=gauges, clock=clock, list_observed=self._pending.values
        )
        self._shown_kinds: set[LeftoverKind] = set()
        self._step_lock = asyncio.Lock()
        self._listeners: list[ObservedListener] = []
        self._untraceable_warning = RepeatedWarning(_log)

    def __len__(self) -> int:
        """Number of runs that are not finished."""
        return len(self._pending) + len(self._cleanup)

    async def close(self) -> None:
        """End the clean-up under way. The next process goes on with it."""
        await self._cleanup.close()

    @property
    def has_leftovers(self) -> bool:
        """Return whether a run has known leftovers."""
        observed = any(pending.run.leftovers for pending in self._pending.values())
        return observed or len(self._cleanup) > 0

    def configure(
        self,
        observers: Mapping[str, RemoteObserver],
        cleaners: Mapping[LeftoverKind, Cleaner],
    ) -> None:
        """Set the observers and cleaners; a run no longer waits for a removed observer.

        Runs of an earlier process were restored before there was any observer to ask about them.
        """
        added = set(observers) - set(self._observers)
        self._observers = observers
        self._cleanup.configure(cleaners)
        self._shown_kinds |= set(cleaners)
        for pending in self._pending.values():
            pending.waiting &= set(observers)
            pending.waiting |= added & self._list_sources_for(pending.run)

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
            state, run = RunState.JUDGED, self._metrics.postpone_stages(run)
        if state is RunState.JUDGED:
            self._add(run)
        elif state is RunState.OBSERVED:
            self._cleanup.add(PendingRun(run, self._clock.now(), is_awaiting_observers=False))
        return state, run

    async def restore(self) -> None:
        """Add the runs that earlier processes left in the journal."""
        for run in await self._journal.list_judged():
            self._add(run)
        await self._cleanup.restore()

    def add_left_open(self, run: Run) -> None:
        """Add a run that an earlier process did not judge."""
        self._add(run)

    def _add(self, run: Run) -> None:
        pending = PendingRun(run, self._clock.now(), is_awaiting_observers=True)
        pending.waiting = self._list_sources_for(run)
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
            await self._cleanup.wait_for_old_cleaners()

    async def _reconcile(self) -> None:
        await asyncio.gather(*(self._ask_observer(*query) for query in self._list_due_observers()))
        now = self._clock.now()
        for pending in self._pending.values():
            self._give_up(pending, now)
        settled = [
            (pending, stages, is_observed)
            for pending in self._pending.values()
            for stages, is_observed in (self._settle(pending, now),)
            if stages or is_observed
        ]
        # Concurrently, so that they are written as one batch: after a load there are thousands.
        await asyncio.gather(
            *(
                self._count_known_stages(pending, stages, is_observed=is_observed)
                for pending, stages, is_observed in settled
            )
        )
        await self._hand_over_observed()
        await self._cleanup.advance(self._observers.values())
        self._cleanup.update_gauges()
        self._update_overdue_gauges()

    async def _hand_over_observed(self) -> None:
        """Hand runs over to the clean-up, or close those without leftovers."""
        observed = [
            pending for pending in self._pending.values() if not pending.is_awaiting_observers
        ]
        for pending in observed:
            del self._pending[pending.run.id]
            if not pending.is_finished:
                self._cleanup.add(pending)
        finished = [pending.run for pending in observed if pending.is_finished]
        await asyncio.gather(*(self._journal.write_run(RunState.CLEANED, run) for run in finished))

    def _list_sources_for(self, run: Run) -> set[str]:
        """List the sources to ask about a run; for a load, only those that clean up."""
        return {
            source
            for source, observer in self._observers.items()
            if not is_load_probe(run.probe) or observer.leftover_kind is not None
        }

    def _list_due_observers(self) -> list[tuple[str, RemoteObserver]]:
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

    async def _ask_observer(self, source: str, observer: RemoteObserver) -> None:
        queries = [pending.query for pending in self._list_waiting(source)]
        for observation in await observer.observe(queries):
            pending = self._pending.get(observation.id)
            if pending is not None:
                pending.add_observation(source, observation)

    def _give_up(self, pending: PendingRun, now: float) -> None:
        for source, observer in self._observers.items():
            if now - pending.added_at > observer.max_delay + observer.interval:
                pending.waiting.discard(source)

    def _settle(self, pending: PendingRun, now: float) -> tuple[tuple[Stage, ...], bool]:
        """List the stages of a run that can be counted; a remote source does not hold back others.

        Returns:
            The stages, and whether nothing more can be learned of the run since the last call.
        """
        delays = (self._observers[source].usual_delay for source in pending.waiting)
        overdue = now - pending.added_at > max(delays, default=0.0)
        stages = pending.list_settled_stages(_list_stages_by_source(), is_overdue=overdue)
        is_observed = pending.is_awaiting_observers and not pending.waiting
        pending.is_awaiting_observers = bool(pending.waiting)
        return stages, is_observed

    async def _count_known_stages(
        self, pending: PendingRun, stages: tuple[Stage, ...], *, is_observed: bool
    ) -> None:
        """Count some stages of a run, and the run if nothing more can be learned of it."""
        failed = self._metrics.is_failed_by_observers(pending.select_stages(stages), pending.issues)
        counted = pending.take_stages(stages, failed=failed)
        state = RunState.JUDGED if pending.is_awaiting_observers else RunState.OBSERVED
        await self._journal.write_run(state, pending.run)
        self._metrics.count_observed(counted, pending.issues)
        if is_observed:
            self._metrics.count_disagreements(pending.run)
            self._report_untraceable(pending)
        self._history.update(pending.run)
        for listener in self._listeners if is_observed else ():
            listener(pending.run, pending.issues)

    def _report_untraceable(self, pending: PendingRun) -> None:
        """Count a run whose Linear issue can neither be found nor archived, if there is one."""
        if pending.is_untraceable:
            self._metrics.count_path_problem(pending.run.path, PathProblem.UNTRACEABLE_ISSUE)
            self._untraceable_warning.log(
                f"path {pending.run.path}: the event of run {pending.run.id} has an unknown id at "
                "agent-sre; if it opened a Linear issue, that cannot be found and archived"
            )

    def _update_overdue_gauges(self) -> None:
        """Set the gauge of leftovers that exist longer than they should."""
        overdue = self._cleanup.count_overdue()
        for source, observer in self._observers.items():
            if observer.leftover_kind and observer.is_failing:
                overdue[observer.leftover_kind] += self._count_overdue(source, observer)
        for kind in self._shown_kinds | set(overdue):
            self._gauges.overdue_leftovers.labels(kind).set(overdue[kind])

    def _count_overdue(self, source: str, observer: RemoteObserver) -> int:
        """Count the runs whose leftovers the observer should have found by now."""
        now = self._clock.now()
        return sum(
            now - pending.added_at > observer.usual_delay for pending in self._list_waiting(source)
        )


@cache
def _list_stages_by_source() -> Mapping[str, Collection[Stage]]:
    """List the stages that each remote observer can measure."""
    return {module.SOURCE: module.STAGES for module in load_remote_modules().values()}
