"""Aftercare at hand, on a clock that is turned by hand; observers say what they are told."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from exporter.journal.journal import Journal, opened
from exporter.journal.sqlite import State
from exporter.metrics.gauges import Gauges
from exporter.metrics.runs import Line, Metrics
from exporter.model.alert import new_id
from exporter.model.run import Leaving, ProbeResult
from exporter.model.verdict import Reason
from exporter.observers import Question, Sighting, expected, visible
from exporter.prober.history import Recent
from exporter.prober.reconciler import STEP, Aftercare
from slos.schema.contract import Leavings, Route, Source, Stage, Verdict
from slos.schema.units import Duration
from tests.exporter.fake_clock import FakeClock

LINES = [
    Line("remediation", route, visible(route, ["linear", "tempo"]), expected(route))
    for route in Route
]
TARGETS = {stage: Duration(10_000) for stage in Stage}


@dataclass
class Told:
    """An observer, or a cleaner, that says what it is told."""

    cleans: Leavings | None = Leavings.LINEAR_ISSUE
    every: float = 10.0
    usual: float = 60.0
    patience: float = 100.0
    troubled: bool = False
    knows: dict[str, Sighting] = field(default_factory=dict)
    refuses: bool = False
    stray: list[Leaving] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    """The runs of each question."""
    tried: list[tuple[Leaving, ...]] = field(default_factory=list)
    """What was to be cleaned up, each time."""

    async def look(self, questions: Sequence[Question]) -> list[Sighting]:
        self.asked.append(tuple(question.id for question in questions))
        return [self.knows[each.id] for each in questions if each.id in self.knows]

    async def clean(self, leavings: Sequence[Leaving]) -> list[Leaving]:
        self.tried.append(tuple(leavings))
        return list(leavings) if self.refuses else []

    async def sweep(self, before: float) -> list[Leaving]:  # noqa: ARG002 - of the protocol
        return [] if self.troubled else self.stray


def issue(handle: str) -> Leaving:
    return Leaving(Leavings.LINEAR_ISSUE, handle)


def judged(run_id: str | None = None, *leavings: Leaving, at: float = 1.7e9) -> ProbeResult:
    """A run that was fine as far as anyone knows."""
    run = opened("remediation", Route.DIRECT, run_id or new_id(), at, leavings)
    seen: dict[Stage, dict[Source, float]] = {
        Stage.END_TO_END: {Source.CANARY: 0.5},
        Stage.REMEDIATION_SELECTION: {Source.CANARY: 2.0},
    }
    return dataclasses.replace(run, verdict=Verdict.OK, reason=Reason.EXECUTED_ONCE, seen=seen)


class Desk:
    """What a test looks at and turns."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        self.clock = clock
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, lines=LINES, targets=TARGETS)
        self.gauges = Gauges(self.registry, version="test")
        self.recent = Recent()
        self.journal = Journal(
            path, keep_runs=1000, failed=self.metrics.journal_failure, clock=clock
        )
        self.aftercare = Aftercare(
            journal=self.journal,
            metrics=self.metrics,
            gauges=self.gauges,
            clock=clock,
            recent=self.recent,
        )

    def use(self, **observers: Any) -> None:  # noqa: ANN401 - of both protocols
        """Ask these; they clean up what they can."""
        cleaners = {each.cleans: each for each in observers.values() if each.cleans is not None}
        self.aftercare.use({Source(name): each for name, each in observers.items()}, cleaners)

    async def end(self, run: ProbeResult, *, sent: bool = True) -> None:
        """A run has its verdict."""
        state, run = self.aftercare.take(run, sent=sent)
        await self.journal.put(state, run)
        self.metrics.judged(run)
        self.recent.add(run)

    async def wait(self, seconds: float, *, step: float = STEP) -> None:
        """Let time pass, with all the steps that belong into it."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            await self.clock.advance(step)
            await self.aftercare.step()

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"agent_sre_validation_{name}", labels)

    def took(self, stage: Stage, source: Source) -> tuple[float | None, float | None]:
        """How often a source told the time of a stage, and the sum of it."""
        labels = {"probe": "remediation", "path": "direct", "stage": stage, "source": source}
        return (
            self.sample("stage_duration_seconds_count", **labels),
            self.sample("stage_duration_seconds_sum", **labels),
        )

    @property
    def orphans(self) -> float | None:
        return self.sample("orphans", kind="linear_issue")


@contextlib.asynccontextmanager
async def desk(path: Path, clock: FakeClock) -> AsyncIterator[Desk]:
    """A desk as after a start: what an earlier process left is taken in before anyone is asked."""
    made = Desk(path, clock)
    orphans = await made.journal.start()
    try:
        for state, run in await made.journal.unfinished():
            made.aftercare.adopt(state, run)
        for orphan in orphans:
            made.aftercare.adopt(State.JUDGED, orphan)
        yield made
    finally:
        await made.journal.close()
