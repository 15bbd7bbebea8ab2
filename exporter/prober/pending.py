"""State of one run between its verdict and its clean-up. Pure."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from exporter.httpclient.retry import Backoff
from exporter.model.run import Leaving, ProbeResult
from exporter.model.stages import merged
from exporter.observers import Question, Sighting
from slos.schema.contract import IssueCount, Leavings, Source, Stage

_FIRST_RETRY, _LAST_RETRY = 5.0, 600.0


@dataclass(slots=True)
class Case:
    """One run that is not finished.

    Attributes:
        run: the run as far as it is known.
        since: monotonic seconds at which it was added.
        looked_for: whether late observers may still learn something.
        waiting: sources whose final observation is missing.
        issues: how many Linear issues it opened, once that is known.
        next_try: monotonic seconds before which nothing is cleaned up.
        backoff: pauses between two clean-up attempts.
        failed: whether the last clean-up attempt left something.
    """

    run: ProbeResult
    since: float
    looked_for: bool
    waiting: set[Source] = field(default_factory=set)
    issues: IssueCount | None = None
    next_try: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(first=_FIRST_RETRY, cap=_LAST_RETRY))
    failed: bool = False

    @property
    def question(self) -> Question:
        """The query that late observers get."""
        run = self.run
        return Question(run.id, (run.id, *run.aliases), run.trace_id, run.intended_at)

    @property
    def finished(self) -> bool:
        """Nothing is left to observe or to clean up."""
        return not self.looked_for and not self.run.leavings

    def learn(self, source: Source, sighting: Sighting) -> None:
        """Add an observation of a source."""
        seen = {stage: {source: seconds} for stage, seconds in sighting.stages.items()}
        leavings = dict.fromkeys((*self.run.leavings, *sighting.leavings))
        self.run = dataclasses.replace(
            self.run, seen=merged(self.run.seen, seen), leavings=tuple(leavings)
        )
        self.issues = sighting.issues or self.issues
        if sighting.final:
            self.waiting.discard(source)

    def settled(
        self, able: Mapping[Source, Collection[Stage]], *, overdue: bool
    ) -> tuple[Stage, ...]:
        """List the due stages that can be counted: no pending source can still measure them.

        Args:
            able: the stages that each source can measure.
            overdue: whether the sources waited for should have answered; then the time of
                another source counts.
        """
        return tuple(
            stage
            for stage in self.run.due
            if not any(stage in able[source] for source in self.waiting)
            or (overdue and stage in self.run.seen)
        )

    def count(self, stages: Collection[Stage]) -> ProbeResult:
        """Remove stages from those that are due; return the run with only these due."""
        left = tuple(stage for stage in self.run.due if stage not in stages)
        counted = dataclasses.replace(self.run, due=tuple(stages))
        self.run = dataclasses.replace(self.run, due=left)
        return counted

    def leavings(self, kind: Leavings) -> list[Leaving]:
        """List the leftovers of one kind."""
        return [leaving for leaving in self.run.leavings if leaving.kind is kind]

    def cleaned(self, done: Collection[Leaving], failed: Iterable[Leaving], now: float) -> bool:
        """Record an attempt to clean up; return whether anything has changed."""
        left = tuple(leaving for leaving in self.run.leavings if leaving not in done)
        changed = left != self.run.leavings
        self.run = dataclasses.replace(self.run, leavings=left)
        self.failed = not set(failed).isdisjoint(left)
        if self.failed:
            self.next_try = now + self.backoff.failed()
        return changed
