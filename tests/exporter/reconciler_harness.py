"""Reconciler on a fake clock, with scripted observers."""

import contextlib
import dataclasses
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exporter.app.components import Components, ComponentSettings, open_components
from exporter.fields import Address
from exporter.journal.journal import create_open_run
from exporter.listener.server import bind_socket
from exporter.metrics.checks import CheckSettings
from exporter.metrics.runs import ProbePath
from exporter.model.alert import CanaryIdentity, create_run_id
from exporter.model.bounds import Bounds
from exporter.model.evidence import Evidence
from exporter.model.run import Leftover, Run
from exporter.model.verdict import Reason
from exporter.observers import Observation, RunQuery, list_expected_stages, list_visible_stages
from exporter.prober.reconciler import RECONCILE_INTERVAL
from exporter.status import create_status
from slos.schema.contract import DeliveryPath, LeftoverKind, Stage, StageSource, Verdict
from slos.schema.units import Duration
from tests.exporter.fake_clock import FakeClock

PROBE_PATHS = [
    ProbePath(
        "remediation",
        path,
        list_visible_stages(path, ["linear", "tempo"]),
        list_expected_stages(path),
    )
    for path in DeliveryPath
]
TARGETS = {stage: Duration(10_000) for stage in Stage}


@dataclass
class ScriptedObserver:
    """Observer and cleaner with scripted observations."""

    leftover_kind: LeftoverKind | None = LeftoverKind.LINEAR_ISSUE
    interval: float = 10.0
    usual_delay: float = 60.0
    max_delay: float = 100.0
    is_failing: bool = False
    observations: dict[str, Observation] = field(default_factory=dict)
    refuses_cleanup: bool = False
    orphans: list[Leftover] = field(default_factory=list)
    queried_runs: list[tuple[str, ...]] = field(default_factory=list)
    """The ids of each query."""
    cleanup_attempts: list[tuple[Leftover, ...]] = field(default_factory=list)
    """The leftovers of each attempt."""

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
    """Build a run with the verdict ok."""
    run = create_open_run(
        "remediation", DeliveryPath.DIRECT, run_id or create_run_id(), intended_at, leftovers
    )
    stage_durations: dict[Stage, dict[str, Bounds]] = {
        Stage.END_TO_END: {StageSource.CANARY: Bounds.exactly(0.5)},
        Stage.REMEDIATION_SELECTION: {StageSource.CANARY: Bounds.exactly(2.0)},
    }
    return dataclasses.replace(
        run, verdict=Verdict.OK, reason=Reason.EXECUTED_ONCE, stage_times=stage_durations
    )


class ReconcilerHarness:
    """Components of a prober on a fake clock, of which the reconciler is tested."""

    def __init__(self, components: Components, clock: FakeClock) -> None:
        self.clock = clock
        self.gauges = components.status.gauges
        self.history = components.status.history
        self.journal = components.journal
        self.reconciler = components.reconciler
        self._components = components

    def use_observers(self, **observers: Any) -> None:  # noqa: ANN401 - of both protocols
        """Ask these observers; each cleans up its kind of leftover."""
        cleaners = {
            observer.leftover_kind: observer
            for observer in observers.values()
            if observer.leftover_kind is not None
        }
        self.reconciler.configure(
            {StageSource(name): each for name, each in observers.items()}, cleaners
        )

    async def finish_run(self, run: Run, *, sent: bool = True) -> None:
        """Record a run with its verdict, as the alert runner does."""
        evidence = Evidence(intended=self.clock.now())
        await self._components.recorder.record_judged(run, evidence, sent=sent)

    async def advance(self, seconds: float, *, step: float = RECONCILE_INTERVAL) -> None:
        """Let time pass, with the reconcile steps that fall into it."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            await self.clock.advance(step)
            await self.reconciler.reconcile()

    def count_postponed(self) -> None:
        """Count the runs of earlier processes, as a scrape does."""
        self._components.status.metrics.count_postponed()

    def read_sample(self, name: str, **labels: str) -> float | None:
        registry = self._components.status.registry
        return registry.get_sample_value(f"agent_sre_validation_{name}", labels)

    def read_stage_durations(
        self, stage: Stage, source: StageSource
    ) -> tuple[float | None, float | None]:
        """Read how often a source measured a stage, and the sum of its durations."""
        labels = {"probe": "remediation", "path": "direct", "stage": stage, "source": source}
        return (
            self.read_sample("stage_duration_seconds_count", **labels),
            self.read_sample("stage_duration_seconds_sum", **labels),
        )

    @property
    def overdue_leftovers(self) -> float | None:
        return self.read_sample("orphans", kind="linear_issue")


@contextlib.asynccontextmanager
async def run_harness(path: Path, clock: FakeClock) -> AsyncIterator[ReconcilerHarness]:
    """Run the harness on a journal, whose runs are restored before any observer is asked."""
    status = create_status(
        clock,
        heartbeat_interval=1.0,
        probe_paths=PROBE_PATHS,
        targets=TARGETS,
        checks=CheckSettings(),
    )
    settings = ComponentSettings(path, keep_runs=1000, canary=CanaryIdentity("canary", "ai"))
    canary_socket = bind_socket("canary", Address("127.0.0.1", 0))
    async with open_components(
        settings, status, canary_socket, may_send=lambda: True
    ) as components:
        yield ReconcilerHarness(components, clock)
