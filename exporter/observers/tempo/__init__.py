"""Observer of Tempo: the stages of agent-sre's work, from its own spans."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from exporter.fields import Length
from exporter.httpclient import auth as of_files
from exporter.httpclient.client import HttpSource
from exporter.metrics.gauges import Gauges
from exporter.model.run import Leaving
from exporter.observers import Question, Sighting
from exporter.observers.tempo.client import Tempo
from exporter.observers.tempo.settings import TempoSettings
from exporter.observers.tempo.stages import Part, TraceTimes, stages
from exporter.observers.tempo.trace import Trace
from exporter.schedule.clock import Clock
from slos.schema.contract import Leavings, Source, Stage
from slos.schema.units import Duration

SOURCE = Source.TEMPO
STAGES = frozenset(set(Stage) - {Stage.END_TO_END})
_MARGIN = 60.0
"""Seconds added to the search window of a run, for clocks that differ."""


class Settings(TempoSettings):
    """Endpoint of Tempo, and the time to wait for a trace."""

    every: Length = Duration.of(seconds=15)
    """Time between two searches. Default 15s."""
    within: Length = Duration.of(minutes=2)
    """Time after which no more of a trace is waited for. Default 2m: agent-sre exports spans every
    few seconds, and Tempo shows them within half a minute. Raise it above the target of
    verification (5m) where agent-sre verifies."""


def findings(settings: Settings, folder: Path) -> Iterable[tuple[str, str, str]]:
    """Check the files that the settings name."""
    return of_files.findings(settings, folder)


class Observer:
    """Searches the traces of all runs at once."""

    cleans: Leavings | None = None

    def __init__(
        self, settings: Settings, source: HttpSource, *, clock: Clock, gauges: Gauges
    ) -> None:
        self.every = float(settings.every.seconds)
        self.usual = float(settings.within.seconds)
        self.patience = self.usual
        self.troubled = False
        self._tempo = Tempo(source, settings)
        self._rules = settings.rules
        self._clock = clock
        self._offset = clock.wall() - clock.now()
        self._left_alone_until = clock.now()
        self._failures = gauges.observer_failures.labels(SOURCE)
        self._span_errors = {part: gauges.span_errors.labels(part) for part in Part}

    async def look(self, questions: Sequence[Question]) -> list[Sighting]:
        """Observe the stages that traces show by now; final once a trace is complete."""
        if self._clock.now() < self._left_alone_until:
            return []
        names = {name: question.trace_id for question in questions for name in question.names}
        since, until = self._window(questions)
        found = await self._tempo.find(names, since=since, until=until)
        self._failures.inc(len(found.errors))
        self.troubled = bool(found.errors)
        asked = max((error.retry_after or 0.0 for error in found.errors), default=0.0)
        self._left_alone_until = self._clock.now() + asked
        return [
            sighting
            for question in questions
            if (sighting := self._sighting(question, found.traces)) is not None
        ]

    def _window(self, questions: Sequence[Question]) -> tuple[float, float]:
        """Compute the search window of the runs, in wall clock seconds.

        The times of runs continue from the wall clock as it was at the start. Traces have the
        current wall clock, which may have been set since.
        """
        now = self._clock.wall()
        step = now - self._clock.now() - self._offset
        since = min(question.intended_at for question in questions) + min(step, 0.0)
        return since - _MARGIN, now + _MARGIN

    async def clean(self, leavings: Sequence[Leaving]) -> Sequence[Leaving]:
        """Return all leftovers: there is nothing to clean up, because traces expire."""
        return leavings

    async def sweep(self, before: float) -> Sequence[Leaving]:  # noqa: ARG002 - required by the protocol
        """Return no orphans: runs leave nothing behind in Tempo."""
        return ()

    def _sighting(self, question: Question, traces: dict[str, Trace]) -> Sighting | None:
        times = [
            stages(traces[name], correlation_id=name, rules=self._rules)
            for name in question.names
            if name in traces
        ]
        if not times:
            return None
        whole = len(times) == len(question.names) and all(each.whole for each in times)
        if whole:  # an incomplete trace is queried and counted again
            for part in {part for each in times for part in each.failed}:
                self._span_errors[part].inc()
        return Sighting(question.id, _first_of_each(times), final=whole)


def _first_of_each(times: Sequence[TraceTimes]) -> dict[Stage, float]:
    """Merge the stages of several traces; those of the event come before those of its end."""
    found: dict[Stage, float] = {}
    for each in times:
        found = {**each.stages, **found}
    return found


@asynccontextmanager
async def observer(
    settings: Settings, *, folder: Path, clock: Clock, gauges: Gauges
) -> AsyncIterator[Observer]:
    """Open the observer for as long as the block runs."""
    async with HttpSource("tempo", settings, folder=folder, clock=clock) as source:
        yield Observer(settings, source, clock=clock, gauges=gauges)
