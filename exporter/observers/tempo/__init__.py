"""Observer of Tempo: the stages of agent-sre's work, from its own spans."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from exporter.fields import DurationField
from exporter.httpclient import auth as of_files
from exporter.httpclient.client import HttpClient
from exporter.metrics.gauges import Gauges
from exporter.model.bounds import Bounds
from exporter.model.run import Leftover
from exporter.model.stages import Accuracy
from exporter.observers import Observation, RunQuery
from exporter.observers.tempo.client import TempoClient, TempoSettings
from exporter.observers.tempo.spans import SpanRole
from exporter.observers.tempo.stages import TraceTimes, compute_stage_times
from exporter.observers.tempo.trace import Trace
from exporter.schedule.clock import Clock
from slos.schema.contract import LeftoverKind, Stage
from slos.schema.units import Duration

SOURCE = "tempo"
STAGES = {stage: Accuracy.INSIDE for stage in Stage if stage is not Stage.END_TO_END}
_MARGIN = 60.0
"""Seconds added to the search window of a run, for clocks that differ."""


class Settings(TempoSettings):
    """Endpoint of Tempo, and the time to wait for a trace."""

    every: DurationField = Duration.from_parts(seconds=15)
    """Time between two searches. Default 15s."""
    within: DurationField = Duration.from_parts(minutes=2)
    """Time after which no more spans of a trace are expected. Default 2m: agent-sre exports spans
    every few seconds, and Tempo shows them within half a minute. Raise it above the target of
    verification (5m) where agent-sre verifies."""


def find_problems(settings: Settings, folder: Path) -> Iterable[tuple[str, str, str]]:
    """Check the files that the settings name."""
    return of_files.check_connection_files(settings, folder)


class TempoObserver:
    """Searches the traces of all runs at once."""

    leftover_kind: LeftoverKind | None = None

    def __init__(
        self, settings: Settings, source: HttpClient, *, clock: Clock, gauges: Gauges
    ) -> None:
        self.interval = float(settings.every.seconds)
        self.usual_delay = float(settings.within.seconds)
        self.max_delay = self.usual_delay
        self.is_failing = False
        self._tempo = TempoClient(source, settings)
        self._rules = settings.rules
        self._clock = clock
        self._offset = clock.wall() - clock.now()
        self._retry_at = clock.now()
        self._failures = gauges.observer_failures.labels(SOURCE)
        self._span_errors = {part: gauges.span_errors.labels(part) for part in SpanRole}

    async def observe(self, queries: Sequence[RunQuery]) -> list[Observation]:
        """Observe the stages that traces show by now; final once a trace is complete."""
        if self._clock.now() < self._retry_at:
            return []
        names = {name: query.trace_id for query in queries for name in query.names}
        since, until = self._compute_window(queries)
        found = await self._tempo.find_traces(names, since=since, until=until)
        self._failures.inc(len(found.errors))
        self.is_failing = bool(found.errors)
        retry_after = max((error.retry_after or 0.0 for error in found.errors), default=0.0)
        self._retry_at = self._clock.now() + retry_after
        return [
            observation
            for query in queries
            if (observation := self._to_observation(query, found.traces)) is not None
        ]

    def _compute_window(self, queries: Sequence[RunQuery]) -> tuple[float, float]:
        """Compute the search window of the runs, in wall clock seconds.

        The times of runs continue from the wall clock as it was at the start. Traces have the
        current wall clock, which may have been set since.
        """
        now = self._clock.wall()
        step = now - self._clock.now() - self._offset
        since = min(query.intended_at for query in queries) + min(step, 0.0)
        return since - _MARGIN, now + _MARGIN

    async def clean_up(self, leftovers: Sequence[Leftover]) -> Sequence[Leftover]:
        """Return all leftovers: there is nothing to clean up, because traces expire."""
        return leftovers

    async def find_orphans(self, sent_before: float) -> Sequence[Leftover]:  # noqa: ARG002 - required by the protocol
        """Return no orphans: runs leave nothing behind in Tempo."""
        return ()

    def _to_observation(self, query: RunQuery, traces: dict[str, Trace]) -> Observation | None:
        times = [
            compute_stage_times(
                traces[name],
                correlation_id=name,
                rules=self._rules,
                end_to_end=query.end_to_end,
            )
            for name in query.names
            if name in traces
        ]
        if not times:
            return None
        is_complete = len(times) == len(query.names) and all(
            trace_times.is_complete for trace_times in times
        )
        if is_complete:  # an incomplete trace is queried and counted again
            for part in {part for trace_times in times for part in trace_times.failed}:
                self._span_errors[part].inc()
        return Observation(query.id, _merge_stages(times), is_final=is_complete)


def _merge_stages(times: Sequence[TraceTimes]) -> dict[Stage, Bounds]:
    """Merge the stages of several traces; those of the event come before those of its end."""
    found: dict[Stage, Bounds] = {}
    for trace_times in times:
        found = {**trace_times.stages, **found}
    return found


@asynccontextmanager
async def open_observer(
    settings: Settings,
    *,
    folder: Path,
    clock: Clock,
    gauges: Gauges,
    state: dict[str, Any] | None = None,  # noqa: ARG001 - required by the protocol
) -> AsyncIterator[TempoObserver]:
    """Open the observer for as long as the block runs."""
    async with HttpClient("tempo", settings, folder=folder, clock=clock) as source:
        yield TempoObserver(settings, source, clock=clock, gauges=gauges)
