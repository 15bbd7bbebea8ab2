"""After the verdict: ask observers, clean up, sweep orphans."""

import asyncio
import dataclasses
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Protocol

from exporter.journal.journal import Journal
from exporter.journal.sqlite import State
from exporter.metrics.gauges import Gauges
from exporter.metrics.runs import Metrics
from exporter.model.run import Leaving, ProbeResult
from exporter.observers import LateObserver, late_modules
from exporter.prober.history import Recent
from exporter.prober.pending import Case
from exporter.schedule.clock import Clock
from slos.schema.contract import LOAD, IssueCount, Leavings, Route, Source, Stage

_EVERY = 600.0
_OLDER_THAN = 3600.0
"""Seconds; younger leftovers may still belong to a run that is pending."""
_log = logging.getLogger(__name__)

STEP = 2.0
"""Seconds between two reconcile steps."""
_CLEANED_AT_ONCE = 20
"""Runs of one kind per step, so that a slow clean-up does not delay the other kinds."""
_MOST = 20_000
"""Pending runs kept in memory. Leftovers of an older run are found by the orphan sweep."""


class Sweep:
    """Searches for orphans periodically, and tries again those that could not be cleaned up."""

    def __init__(self, *, gauges: Gauges, clock: Clock) -> None:
        self._gauges = gauges
        self._clock = clock
        self._swept_at = clock.now()
        self.left: set[Leaving] = set()
        """Orphans that were found and could not be cleaned up."""

    async def step(
        self, observers: Iterable[LateObserver], *, known: Callable[[], set[Leaving]]
    ) -> None:
        """Sweep, if the interval has passed.

        Args:
            observers: observers to search.
            known: lists the leftovers that belong to pending runs.
        """
        if self._clock.now() - self._swept_at < _EVERY:
            return
        self._swept_at = self._clock.now()
        before = self._clock.steady() - _OLDER_THAN
        for observer in observers:
            if observer.cleans is not None:
                found = set(await observer.sweep(before)) - known()
                await self._clean(observer, observer.cleans, found)

    async def _clean(self, observer: LateObserver, kind: Leavings, found: set[Leaving]) -> None:
        """Clean up the orphans found now and those that could not be cleaned up before."""
        before = {leaving for leaving in self.left if leaving.kind is kind}
        stray = sorted(found | before, key=lambda leaving: leaving.handle)
        if not stray:
            return
        _log.warning("%d things of earlier runs were left behind; cleaning up", len(stray))
        failed = set(await observer.clean(stray))
        self._gauges.cleanup_failures.labels(kind).inc(len(failed))
        self.left = (self.left - set(stray)) | failed


class Cleaner(Protocol):
    """Cleans up one kind of leftover."""

    cleans: Leavings | None

    async def clean(self, leavings: Sequence[Leaving]) -> Sequence[Leaving]:
        """Clean up leftovers; return those that could not be cleaned up."""


def _nobody(_: ProbeResult, __: IssueCount | None) -> None:
    """Ignore a run."""


class Aftercare:
    """Reconciler of all runs that have a verdict and are not finished."""

    def __init__(
        self,
        *,
        journal: Journal,
        metrics: Metrics,
        gauges: Gauges,
        clock: Clock,
        recent: Recent,
    ) -> None:
        self._journal = journal
        self._metrics = metrics
        self._gauges = gauges
        self._clock = clock
        self._recent = recent
        self._observers: Mapping[Source, LateObserver] = {}
        self._cleaners: Mapping[Leavings, Cleaner] = {}
        self._cases: dict[str, Case] = {}
        self._asked_at: dict[Source, float] = {}
        self._sweep = Sweep(gauges=gauges, clock=clock)
        self._kinds: set[Leavings] = set()
        self._turn = asyncio.Lock()
        self.hears: Callable[[ProbeResult, IssueCount | None], None] = _nobody
        """Called with each run about which nothing more can be learned."""

    def __len__(self) -> int:
        """Number of runs that are not finished."""
        return len(self._cases)

    def use(
        self, observers: Mapping[Source, LateObserver], cleaners: Mapping[Leavings, Cleaner]
    ) -> None:
        """Set the observers and cleaners; a run no longer waits for a removed observer.

        Runs of an earlier process were restored before there was any observer to ask about them.
        """
        added = set(observers) - set(self._observers)
        self._observers = observers
        self._cleaners = cleaners
        self._kinds |= set(cleaners)
        for case in self._cases.values():
            case.waiting &= set(observers)
            case.waiting |= added & self._asked_about(case.run) if case.looked_for else set()

    def take(self, result: ProbeResult, *, sent: bool) -> tuple[State, ProbeResult]:
        """Add a run with its verdict; return its state, and the run with its due stages."""
        state = State.OBSERVED if result.leavings else State.CLEANED
        if sent and self._observers:
            due = self._metrics.due(result.probe, Route(result.path))
            state, result = State.JUDGED, dataclasses.replace(result, due=due)
        self.adopt(state, result)
        return state, result

    def adopt(self, state: State, run: ProbeResult) -> None:
        """Add a run, of this process or an earlier one, unless nothing is left to do."""
        if state is State.CLEANED:
            return
        case = Case(run, self._clock.now(), looked_for=state is State.JUDGED)
        case.waiting = self._asked_about(run) if case.looked_for else set()
        self._cases.setdefault(run.id, case)
        if len(self._cases) > _MOST:
            del self._cases[next(iter(self._cases))]

    async def step(self) -> None:
        """Ask the observers that are due, and clean up known leftovers."""
        async with self._turn:
            await self._step()

    async def between_steps(self) -> None:
        """Wait for the step under way; after it, replaced observers are no longer used."""
        async with self._turn:
            return

    async def _step(self) -> None:
        await asyncio.gather(*(self._look(*due) for due in self._due()))
        now = self._clock.now()
        for case in self._cases.values():
            self._give_up(case, now)
        # Concurrently, so that they are written as one batch: after a load there are thousands.
        await asyncio.gather(*(self._settle(case, now) for case in list(self._cases.values())))
        cases = [case for case in self._cases.values() if case.next_try <= now]
        for kind, cleaner in self._cleaners.items():
            await self._clean(kind, cleaner, cases)
        finished = [case.run for case in self._cases.values() if case.finished]
        for run in finished:
            self._cases.pop(run.id, None)
        await asyncio.gather(*(self._journal.put(State.CLEANED, run) for run in finished))
        await self._sweep.step(self._observers.values(), known=self._leavings)
        self._show()

    def _asked_about(self, run: ProbeResult) -> set[Source]:
        """List the sources to ask about a run; for a load, only those that clean up."""
        return {
            source
            for source, observer in self._observers.items()
            if run.probe not in LOAD or observer.cleans is not None
        }

    def _leavings(self) -> set[Leaving]:
        return {leaving for case in self._cases.values() for leaving in case.run.leavings}

    def _due(self) -> list[tuple[Source, LateObserver]]:
        now = self._clock.now()
        due = [
            (source, observer)
            for source, observer in self._observers.items()
            if now - self._asked_at.get(source, -observer.every) >= observer.every
            and self._waiting(source)
        ]
        self._asked_at |= {source: now for source, _ in due}
        return due

    def _waiting(self, source: Source) -> list[Case]:
        return [case for case in self._cases.values() if source in case.waiting]

    async def _look(self, source: Source, observer: LateObserver) -> None:
        asked = [case.question for case in self._waiting(source)]
        for sighting in await observer.look(asked):
            case = self._cases.get(sighting.id)
            if case is not None:
                case.learn(source, sighting)

    def _give_up(self, case: Case, now: float) -> None:
        for source, observer in self._observers.items():
            if now - case.since > observer.patience + observer.every:
                case.waiting.discard(source)

    async def _settle(self, case: Case, now: float) -> None:
        """Count the stages that are known; a late source does not hold back other times."""
        usual = (self._observers[source].usual for source in case.waiting)
        overdue = now - case.since > max(usual, default=0.0)
        stages = case.settled(_able(), overdue=overdue)
        over = case.looked_for and not case.waiting
        case.looked_for = bool(case.waiting)
        if not stages and not over:
            return
        counted = case.count(stages)
        await self._put(case)
        self._metrics.observed(counted, case.issues)
        self._recent.update(case.run)
        if over:
            self.hears(case.run, case.issues)

    async def _put(self, case: Case) -> None:
        await self._journal.put(State.JUDGED if case.looked_for else State.OBSERVED, case.run)

    async def _clean(self, kind: Leavings, cleaner: Cleaner, cases: Sequence[Case]) -> None:
        """Clean up known leftovers, also of runs that are still observed."""
        cases = [case for case in cases if case.leavings(kind)][:_CLEANED_AT_ONCE]
        wanted = [leaving for case in cases for leaving in case.leavings(kind)]
        if not wanted:
            return
        failed = set(await cleaner.clean(wanted))
        self._gauges.cleanup_failures.labels(kind).inc(len(failed))
        done = set(wanted) - failed
        for case in cases:
            if case.cleaned(done, failed, self._clock.now()) and not case.finished:
                await self._put(case)

    def _show(self) -> None:
        """Set the gauge of leftovers that exist longer than they should."""
        late = Counter(
            leaving.kind
            for case in self._cases.values()
            for leaving in case.run.leavings
            if case.failed or leaving.kind not in self._cleaners
        )
        late.update(leaving.kind for leaving in self._sweep.left)
        for source, observer in self._observers.items():
            if observer.cleans and observer.troubled:
                late[observer.cleans] += self._overdue(source, observer)
        for kind in self._kinds | set(late):
            self._gauges.orphans.labels(kind).set(late[kind])

    def _overdue(self, source: Source, observer: LateObserver) -> int:
        """Count the runs whose leftovers the observer should have found by now."""
        now = self._clock.now()
        return sum(now - case.since > observer.usual for case in self._waiting(source))


@cache
def _able() -> Mapping[Source, frozenset[Stage]]:
    """List the stages that each late observer can measure."""
    return {module.SOURCE: module.STAGES for module in late_modules().values()}
