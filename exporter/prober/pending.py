"""State of one run between its verdict and its clean-up. Pure."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from exporter.httpclient.retry import Backoff
from exporter.model.run import Leftover, Run
from exporter.model.stages import merge_stage_times
from exporter.observers import Observation, RunQuery
from exporter.paths import keeps_event_id
from slos.schema.contract import IssueCount, LeftoverKind, Stage

_FIRST_RETRY, _LAST_RETRY = 5.0, 600.0


@dataclass(slots=True)
class PendingRun:
    """One run that is not finished.

    Attributes:
        run: the run as far as it is known.
        added_at: monotonic seconds at which it was added.
        is_awaiting_observers: whether remote observers may still learn something.
        waiting: sources whose final observation is missing.
        issues: how many Linear issues it opened, once that is known.
        next_try: monotonic seconds before which nothing is cleaned up.
        backoff: pauses between two clean-up attempts.
        failing_since: monotonic seconds of the first failed clean-up attempt of each leftover.
        is_untraceable: whether it may have leftovers that cannot be found.
    """

    run: Run
    added_at: float
    is_awaiting_observers: bool
    waiting: set[str] = field(default_factory=set)
    issues: IssueCount | None = None
    next_try: float = 0.0
    backoff: Backoff = field(default_factory=lambda: Backoff(first=_FIRST_RETRY, cap=_LAST_RETRY))
    failing_since: dict[Leftover, float] = field(default_factory=dict)
    is_untraceable: bool = False

    @property
    def query(self) -> RunQuery:
        """The query that remote observers get."""
        run = self.run
        return RunQuery(
            run.id,
            (run.id, *run.aliases),
            run.trace_id,
            run.intended_at,
            run.stages.get(Stage.END_TO_END),
            is_traceable=bool(run.aliases) or keeps_event_id(run.path),
        )

    @property
    def is_finished(self) -> bool:
        """Nothing is left to observe or to clean up."""
        return not self.is_awaiting_observers and not self.run.leftovers

    def add_observation(self, source: str, observation: Observation) -> None:
        """Add an observation of a source."""
        stage_times = {stage: {source: bounds} for stage, bounds in observation.stages.items()}
        leftovers = dict.fromkeys((*self.run.leftovers, *observation.leftovers))
        self.run = dataclasses.replace(
            self.run,
            stage_times=merge_stage_times(self.run.stage_times, stage_times),
            leftovers=tuple(leftovers),
        )
        self.issues = observation.issues or self.issues
        self.is_untraceable |= observation.is_untraceable
        if observation.is_final:
            self.waiting.discard(source)

    def list_settled_stages(
        self, stages_by_source: Mapping[str, Collection[Stage]], *, is_overdue: bool
    ) -> tuple[Stage, ...]:
        """List the due stages that can be counted: no pending source can still measure them.

        Args:
            stages_by_source: the stages that each source can measure.
            is_overdue: whether the sources waited for should have answered; then the time of
                another source counts.
        """
        return tuple(
            stage
            for stage in self.run.due_stages
            if not any(stage in stages_by_source[source] for source in self.waiting)
            or (is_overdue and stage in self.run.stage_times)
        )

    def select_stages(self, stages: Collection[Stage]) -> Run:
        """Return the run with only these stages due."""
        return dataclasses.replace(self.run, due_stages=tuple(stages))

    def take_stages(self, stages: Collection[Stage], *, failed: bool) -> Run:
        """Remove stages from those that are due; return the run with only these due.

        Its result is counted with them if they made it fail or are the last.
        """
        left = tuple(stage for stage in self.run.due_stages if stage not in stages)
        is_result_due = self.run.is_result_due
        is_settled = failed or not left
        counted = dataclasses.replace(
            self.select_stages(stages), is_result_due=is_result_due and is_settled
        )
        self.run = dataclasses.replace(
            self.run, due_stages=left, is_result_due=is_result_due and not is_settled
        )
        return counted

    def list_leftovers(self, kind: LeftoverKind) -> list[Leftover]:
        """List the leftovers of one kind."""
        return [leftover for leftover in self.run.leftovers if leftover.kind is kind]

    def record_clean_up(
        self, done: Collection[Leftover], failed: Iterable[Leftover], now: float
    ) -> bool:
        """Record an attempt to clean up; return whether anything has changed."""
        left = tuple(leftover for leftover in self.run.leftovers if leftover not in done)
        changed = left != self.run.leftovers
        self.run = dataclasses.replace(self.run, leftovers=left)
        failing = set(failed) & set(left)
        since = dict.fromkeys(failing, now) | self.failing_since
        self.failing_since = {leftover: since[leftover] for leftover in since if leftover in left}
        if failing:
            self.next_try = now + self.backoff.record_failure()
        return changed

    def is_overdue(self, leftover: Leftover, now: float) -> bool:
        """Return whether the clean-up of a leftover has failed for longer than a short outage."""
        return is_clean_up_overdue(self.failing_since.get(leftover, now), now)


def is_clean_up_overdue(failing_since: float, now: float) -> bool:
    """Return whether attempts to clean up have failed for longer than a short outage lasts.

    Args:
        failing_since: monotonic seconds of the first failed attempt.
        now: monotonic seconds.
    """
    return now - failing_since >= _LAST_RETRY
