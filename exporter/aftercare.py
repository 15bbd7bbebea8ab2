"""What happens to a run after its verdict: late observers look, what it left behind is cleaned up.

Each step is written down, so that a restart goes on where the last process was cut off. Nothing
here sleeps; `step` is called again and again.
"""

import asyncio
import dataclasses
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
from exporter.sweep import Sweep
from slos.schema.contract import IssueCount, Leavings, Source

STEP = 2.0
"""Seconds between two steps."""
_FIRST_RETRY, _LAST_RETRY = 5.0, 600.0
_CLEANED_AT_ONCE = 20
"""Runs of one kind in one step, so that a slow clean-up does not keep the other kinds waiting."""
_MOST = 20_000
"""Runs that are kept in mind; what an older one left behind is found again by the sweep."""


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
        self._sweep = Sweep(gauges=gauges, clock=clock)
        self._kinds: set[Leavings] = set()
        self._turn = asyncio.Lock()

    def __len__(self) -> int:
        """Runs that are not finished."""
        return len(self._cases)

    def use(
        self, observers: Mapping[Source, LateObserver], cleaners: Mapping[Leavings, Cleaner]
    ) -> None:
        """Ask these from now on; a run that waited for another waits no longer.

        Runs of an earlier process were taken in before anyone could be asked about them.
        """
        added = set(observers) - set(self._observers)
        self._observers = observers
        self._cleaners = cleaners
        self._kinds |= set(cleaners)
        for case in self._cases.values():
            case.waiting &= set(observers)
            if not case.observed:
                case.waiting |= added

    def state_after(self, result: ProbeResult, *, sent: bool) -> State:
        """How far a run has come with its verdict; what is left to do is taken in."""
        if sent and self._observers:
            self.adopt(State.JUDGED, result)
            return State.JUDGED
        if result.leavings:
            self.adopt(State.OBSERVED, result)
            return State.OBSERVED
        return State.CLEANED

    def adopt(self, state: State, run: ProbeResult) -> None:
        """Take in a run, of this process or an earlier one."""
        observed = state is State.OBSERVED
        waiting = set() if observed else set(self._observers)
        case = _Case(run, self._clock.now(), waiting, observed)
        self._cases.setdefault(run.id, case)
        if len(self._cases) > _MOST:
            del self._cases[next(iter(self._cases))]

    async def step(self) -> None:
        """Ask whoever is due, and clean up what is known."""
        async with self._turn:
            await self._step()

    async def between_steps(self) -> None:
        """Wait until whoever was asked before `use` is asked no more."""
        async with self._turn:
            return

    async def _step(self) -> None:
        await asyncio.gather(*(self._look(*due) for due in self._due()))
        now = self._clock.now()
        for case in list(self._cases.values()):
            self._give_up(case, now)
            if not case.waiting and not case.observed:
                await self._close(case)
        cases = [case for case in self._cases.values() if case.next_try <= now]
        for kind, cleaner in self._cleaners.items():
            await self._clean(kind, cleaner, cases)
        await self._sweep.step(self._observers.values(), known=self._leavings)
        self._show()

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

    def _waiting(self, source: Source) -> list[_Case]:
        return [case for case in self._cases.values() if source in case.waiting]

    async def _look(self, source: Source, observer: LateObserver) -> None:
        asked = [_question(case.run) for case in self._waiting(source)]
        for sighting in await observer.look(asked):
            case = self._cases.get(sighting.id)
            if case is not None:
                _learn(case, source, sighting)

    def _give_up(self, case: _Case, now: float) -> None:
        for source, observer in self._observers.items():
            if now - case.since > observer.patience + observer.every:
                case.waiting.discard(source)

    async def _close(self, case: _Case) -> None:
        """All is known that can be."""
        case.observed = True
        await self._journal.put(State.OBSERVED if case.run.leavings else State.CLEANED, case.run)
        self._metrics.observed(case.run, case.issues)
        self._recent.update(case.run)
        if not case.run.leavings:
            self._cases.pop(case.run.id, None)

    async def _clean(self, kind: Leavings, cleaner: Cleaner, cases: Sequence[_Case]) -> None:
        """Clean up what is known, also of runs about which more may be learned."""
        cases = [case for case in cases if _of_kind(case.run.leavings, kind)][:_CLEANED_AT_ONCE]
        wanted = [leaving for case in cases for leaving in _of_kind(case.run.leavings, kind)]
        if not wanted:
            return
        failed = set(await cleaner.clean(wanted))
        self._gauges.cleanup_failures.labels(kind).inc(len(failed))
        for case in cases:
            await self._cleaned(case, done=set(wanted) - failed, failed=failed)

    async def _cleaned(self, case: _Case, *, done: set[Leaving], failed: set[Leaving]) -> None:
        left = tuple(leaving for leaving in case.run.leavings if leaving not in done)
        changed = left != case.run.leavings
        case.run = dataclasses.replace(case.run, leavings=left)
        if not failed.isdisjoint(left):
            case.failed = True
            case.next_try = self._clock.now() + case.backoff.failed()
        if case.observed and not left:
            self._cases.pop(case.run.id, None)
            await self._journal.put(State.CLEANED, case.run)
        elif changed:
            await self._journal.put(State.OBSERVED if case.observed else State.JUDGED, case.run)

    def _show(self) -> None:
        """What is left behind longer than it should be, by kind."""
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
