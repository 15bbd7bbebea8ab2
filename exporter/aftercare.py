"""What happens to a run after its verdict: late observers look, what it left behind is cleaned up.

Each step is written down, so that a restart goes on where the last process was cut off. Nothing
here sleeps; `step` is called again and again.
"""

import asyncio
import dataclasses
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from exporter.clock import Clock
from exporter.gauges import Gauges
from exporter.journal import Journal, State
from exporter.linear.backoff import Backoff
from exporter.metrics import Metrics
from exporter.observers import LateObserver, Question, Sighting
from exporter.recent import Recent
from exporter.result import Leaving, ProbeResult
from exporter.sources import merged
from slos.schema.contract import IssueCount, Leavings, Source

STEP = 2.0
"""Seconds between two steps."""
_FIRST_RETRY, _LAST_RETRY = 5.0, 600.0
_SWEEP_EVERY = 600.0
_SWEEP_OLDER_THAN = 3600.0
"""Seconds; younger ones may still belong to a run whose aftercare goes on."""
_log = logging.getLogger(__name__)


class Cleaner(Protocol):
    """Whoever can clean up one kind of leavings."""

    cleans: Leavings | None

    async def clean(self, leavings: Sequence[Leaving]) -> Sequence[Leaving]:
        """Clean up, and give back what could not be."""


@dataclass(slots=True)
class _Case:
    """A run that is not finished."""

    run: ProbeResult
    since: float
    """Monotonic seconds at which it was taken in."""
    waiting: set[Source]
    """Late observers that may still learn something."""
    observed: bool
    """Whether its stages are counted."""
    issues: IssueCount | None = None
    next_try: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(first=_FIRST_RETRY, cap=_LAST_RETRY))
    failed: bool = False
    """The last attempt to clean up did not succeed with all."""


class Aftercare:
    """Every run with a verdict that is not finished."""

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
        self._cases: dict[str, _Case] = {}
        self._asked_at: dict[Source, float] = {}
        self._swept_at = clock.now()
        self._stray: list[Leaving] = []

    def __len__(self) -> int:
        """Runs that are not finished."""
        return len(self._cases)

    def use(
        self, observers: Mapping[Source, LateObserver], cleaners: Mapping[Leavings, Cleaner]
    ) -> None:
        """Ask these from now on; a run that waited for another waits no longer."""
        self._observers = observers
        self._cleaners = cleaners
        for case in self._cases.values():
            case.waiting &= set(observers)

    def state_after(self, result: ProbeResult, *, sent: bool) -> State:
        """How far a run has come with its verdict."""
        if sent and self._observers:
            return State.JUDGED
        return State.OBSERVED if result.leavings else State.CLEANED

    def adopt(self, state: State, run: ProbeResult) -> None:
        """Take in a run, of this process or an earlier one, unless nothing is left to do.

        Who can clean up is asked again after a restart: the last answer may not have come.
        """
        if state is State.CLEANED:
            return
        observed = state is State.OBSERVED
        waiting = {
            source for source, each in self._observers.items() if not observed or each.cleans
        }
        case = _Case(run, self._clock.now(), waiting, observed)
        self._cases.setdefault(run.id, case)

    async def step(self) -> None:
        """Ask whoever is due, and clean up what is known."""
        await asyncio.gather(*(self._look(source) for source in self._due()))
        now = self._clock.now()
        for case in list(self._cases.values()):
            self._give_up(case, now)
            if not case.observed and self._known_in_time(case, now):
                await self._close(case)
        for kind, cleaner in self._cleaners.items():
            await self._clean(kind, cleaner)
        for case in list(self._cases.values()):
            if case.observed and not case.waiting and not case.run.leavings:
                await self._finish(case)
        await self._sweep()
        self._show()

    def _due(self) -> list[Source]:
        now = self._clock.now()
        due = [
            source
            for source, observer in self._observers.items()
            if now - self._asked_at.get(source, -observer.every) >= observer.every
            and self._waiting(source)
        ]
        self._asked_at |= dict.fromkeys(due, now)
        return due

    def _waiting(self, source: Source) -> list[_Case]:
        return [case for case in self._cases.values() if source in case.waiting]

    async def _look(self, source: Source) -> None:
        asked = [_question(case.run) for case in self._waiting(source)]
        for sighting in await self._observers[source].look(asked):
            case = self._cases.get(sighting.id)
            if case is not None:
                _learn(case, source, sighting)

    def _give_up(self, case: _Case, now: float) -> None:
        for source, observer in self._observers.items():
            if now - case.since > observer.patience + observer.every:
                case.waiting.discard(source)

    def _known_in_time(self, case: _Case, now: float) -> bool:
        """Whether all is known, or should be by now: latencies cannot wait for one who is down."""
        usual = (self._observers[source].usual for source in case.waiting)
        return now - case.since > max(usual, default=-1.0)

    async def _close(self, case: _Case) -> None:
        """All is known that will be in time; who can clean up is still asked for leavings."""
        case.observed = True
        run, case.run = case.run, dataclasses.replace(case.run, due=())
        await self._journal.put(State.OBSERVED, case.run)
        self._metrics.observed(run, case.issues)
        self._recent.update(case.run)

    async def _finish(self, case: _Case) -> None:
        """Nothing is left to learn, and nothing to clean up."""
        del self._cases[case.run.id]
        await self._journal.put(State.CLEANED, case.run)

    async def _clean(self, kind: Leavings, cleaner: Cleaner) -> None:
        now = self._clock.now()
        cases = [
            case
            for case in self._cases.values()
            if case.observed and case.next_try <= now and _of_kind(case.run.leavings, kind)
        ]
        wanted = [leaving for case in cases for leaving in _of_kind(case.run.leavings, kind)]
        if not wanted:
            return
        failed = set(await cleaner.clean(wanted))
        self._gauges.cleanup_failures.labels(kind).inc(len(failed))
        for case in cases:
            await self._cleaned(case, done=set(wanted) - failed)

    async def _cleaned(self, case: _Case, *, done: set[Leaving]) -> None:
        left = tuple(leaving for leaving in case.run.leavings if leaving not in done)
        changed = left != case.run.leavings
        case.run = dataclasses.replace(case.run, leavings=left)
        if not left:
            case.failed = False
            return
        case.failed = True
        case.next_try = self._clock.now() + case.backoff.failed()
        if changed:
            await self._journal.put(State.OBSERVED, case.run)

    async def _sweep(self) -> None:
        """Find and clean up what nobody remembers, from lost journals and late answers."""
        if self._clock.now() - self._swept_at < _SWEEP_EVERY:
            return
        self._swept_at = self._clock.now()
        before = self._clock.wall() - _SWEEP_OLDER_THAN
        known = {leaving for case in self._cases.values() for leaving in case.run.leavings}
        self._stray = []
        for observer in self._observers.values():
            stray = [each for each in await observer.sweep(before) if each not in known]
            if stray:
                _log.warning("%d things of earlier runs were left behind; cleaning up", len(stray))
                self._stray += await observer.clean(stray)

    def _show(self) -> None:
        """What is left behind longer than it should be, by kind."""
        late = Counter(
            leaving.kind
            for case in self._cases.values()
            if case.failed
            for leaving in case.run.leavings
        )
        late.update(leaving.kind for leaving in self._stray)
        for source, observer in self._observers.items():
            if observer.cleans and observer.troubled:
                late[observer.cleans] += self._overdue(source, observer)
        for kind in self._cleaners:
            self._gauges.orphans.labels(kind).set(late[kind])

    def _overdue(self, source: Source, observer: LateObserver) -> int:
        """Runs of which it should long be known whether they left something behind."""
        now = self._clock.now()
        return sum(now - case.since > observer.usual for case in self._waiting(source))


def _learn(case: _Case, source: Source, sighting: Sighting) -> None:
    seen = {stage: {source: seconds} for stage, seconds in sighting.stages.items()}
    leavings = dict.fromkeys((*case.run.leavings, *sighting.leavings))
    case.run = dataclasses.replace(
        case.run, seen=merged(case.run.seen, seen), leavings=tuple(leavings)
    )
    case.issues = sighting.issues or case.issues
    if sighting.final:
        case.waiting.discard(source)


def _question(run: ProbeResult) -> Question:
    return Question(run.id, (run.id, *run.aliases), run.trace_id, run.intended_at)


def _of_kind(leavings: Iterable[Leaving], kind: Leavings) -> list[Leaving]:
    return [leaving for leaving in leavings if leaving.kind is kind]
