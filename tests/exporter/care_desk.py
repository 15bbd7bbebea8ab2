"""Aftercare at hand, on a clock that is turned by hand; observers say what they are told."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from exporter.journal.journal import Journal, create_open_run
from exporter.journal.sqlite import RunState
from exporter.metrics.gauges import Gauges
from exporter.metrics.runs import LabelSet, RunMetrics
from exporter.model.alert import create_run_id
from exporter.model.run import Leftover, Run
from exporter.model.verdict import Reason
from exporter.observers import Observation, RunQuery, list_expected_stages, list_visible_stages
from exporter.prober.history import RunHistory
from exporter.prober.reconciler import RECONCILE_INTERVAL, Reconciler
from slos.schema.contract import DeliveryPath, LeftoverKind, Stage, StageSource, Verdict
from slos.schema.units import Duration
from tests.exporter.fake_clock import FakeClock

LABEL_SETS = [
    LabelSet(
        "remediation",
        route,
        list_visible_stages(route, ["linear", "tempo"]),
        list_expected_stages(route),
    )
    for route in DeliveryPath
]
TARGETS = {stage: Duration(10_000) for stage in Stage}


@dataclass
class ScriptedObserver:
    """An observer, or a cleaner, that says what it is told."""

    leftover_kind: LeftoverKind | None = LeftoverKind.LINEAR_ISSUE
    interval: float = 10.0
    usual_delay: float = 60.0
    max_delay: float = 100.0
    is_failing: bool = False
    observations: dict[str, Observation] = field(default_factory=dict)
    refuses_cleanup: bool = False
    orphans: list[Leftover] = field(default_factory=list)
    queried_runs: list[tuple[str, ...]] = field(default_factory=list)
    """The runs of each question."""
    cleanup_attempts: list[tuple[Leftover, ...]] = field(default_factory=list)
    """What was to be cleaned up, each time."""

    async def observe(self, queries: Sequence[RunQuery]) -> list[Observation]:
        self.queried_runs.append(tuple(query.id for query in queries))
        return [self.observations[each.id] for each in queries if each.id in self.observations]

    async def clean_up(self, leftovers: Sequence[Leftover]) -> list[Leftover]:
        self.cleanup_attempts.append(tuple(leftovers))
        return list(leftovers) if self.refuses_cleanup else []

    async def find_orphans(self, before: float) -> list[Leftover]:  # noqa: ARG002 - of the protocol
        return [] if self.is_failing else self.orphans


def build_issue_leftover(handle: str) -> Leftover:
    return Leftover(LeftoverKind.LINEAR_ISSUE, handle)


def build_judged_run(
    run_id: str | None = None, *leftovers: Leftover, intended_at: float = 1.7e9
) -> Run:
    """A run that was fine as far as anyone knows."""
    run = create_open_run(
        "remediation", DeliveryPath.DIRECT, run_id or create_run_id(), intended_at, leftovers
    )
    stage_durations: dict[Stage, dict[str, float]] = {
        Stage.END_TO_END: {StageSource.CANARY: 0.5},
        Stage.REMEDIATION_SELECTION: {StageSource.CANARY: 2.0},
    }
    return dataclasses.replace(
        run, verdict=Verdict.OK, reason=Reason.EXECUTED_ONCE, stage_times=stage_durations
    )


class ReconcilerHarness:
    """What a test looks at and turns."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        self.clock = clock
        self.registry = CollectorRegistry()
        self.metrics = RunMetrics(self.registry, label_sets=LABEL_SETS, targets=TARGETS)
        self.gauges = Gauges(self.registry, version="test")
        self.history = RunHistory()
        self.journal = Journal(
            path, keep_runs=1000, on_failure=self.metrics.count_journal_failure, clock=clock
        )
        self.reconciler = Reconciler(
            journal=self.journal,
            metrics=self.metrics,
            gauges=self.gauges,
            clock=clock,
            history=self.history,
        )

    def use_observers(self, **observers: Any) -> None:  # noqa: ANN401 - of both protocols
        """Ask these; they clean up what they can."""
        cleaners = {each.cleans: each for each in observers.values() if each.cleans is not None}
        self.reconciler.configure(
            {StageSource(name): each for name, each in observers.items()}, cleaners
        )

    async def finish_run(self, run: Run, *, sent: bool = True) -> None:
        """A run has its verdict."""
        state, run = self.reconciler.add_judged(run, sent=sent)
        await self.journal.write_run(state, run)
        self.metrics.count_judged(run)
        self.history.add(run)

    async def advance(self, seconds: float, *, step: float = RECONCILE_INTERVAL) -> None:
        """Let time pass, with all the steps that belong into it."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            await self.clock.advance(step)
            await self.reconciler.reconcile()

    def read_sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"agent_sre_validation_{name}", labels)

    def read_stage_durations(
        self, stage: Stage, source: StageSource
    ) -> tuple[float | None, float | None]:
        """How often a source told the time of a stage, and the sum of it."""
        labels = {"probe": "remediation", "path": "direct", "stage": stage, "source": source}
        return (
            self.read_sample("stage_duration_seconds_count", **labels),
            self.read_sample("stage_duration_seconds_sum", **labels),
        )

    @property
    def orphans(self) -> float | None:
        return self.read_sample("orphans", kind="linear_issue")


@contextlib.asynccontextmanager
async def run_harness(path: Path, clock: FakeClock) -> AsyncIterator[ReconcilerHarness]:
    """A desk as after a start: what an earlier process left is taken in before anyone is asked."""
    harness = ReconcilerHarness(path, clock)
    orphans = await harness.journal.start()
    try:
        for state, run in await harness.journal.list_unfinished():
            harness.reconciler.restore(state, run)
        for orphan in orphans:
            harness.reconciler.restore(RunState.JUDGED, orphan)
        yield harness
    finally:
        await harness.journal.close()
