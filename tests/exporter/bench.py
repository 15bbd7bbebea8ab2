"""A whole prober in the test's own process, against the fake agent."""

import asyncio
import contextlib
import pathlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from exporter.fields import Address
from exporter.httpclient.client import Sender, create_session
from exporter.journal.journal import Journal
from exporter.listener import bind_socket, format_url, serve_app
from exporter.metrics.gauges import Gauges
from exporter.metrics.runs import LabelSet, RunMetrics
from exporter.model.alert import CanaryIdentity
from exporter.model.run import Run
from exporter.model.verdict import ProberFault
from exporter.observers import list_expected_stages, list_visible_stages
from exporter.paths import Path, PathContext, direct
from exporter.prober.canary import Canary
from exporter.prober.context import ProbeContext
from exporter.prober.history import RunHistory
from exporter.prober.inflight import InflightRuns
from exporter.prober.reconciler import Reconciler
from exporter.prober.runner import AlertJob, AlertRunner, SlotTimes
from exporter.probes.remediation import Settings
from exporter.schedule.clock import SystemClock
from exporter.schedule.scheduler import Heartbeat
from exporter.tracing import build_tracer
from slos.schema.contract import DeliveryPath, Stage
from slos.schema.units import Duration

PATIENT_SETTINGS = Settings(
    interval=Duration.from_parts(seconds=30),
    timeout=Duration.from_parts(seconds=20),
    settle=Duration(100),
    late_after=Duration.from_parts(seconds=15),
    max_send_lag=Duration.from_parts(seconds=5),
)
"""For what concludes by itself: a busy machine changes no verdict."""
SHORT_SETTINGS = PATIENT_SETTINGS.model_copy(
    update={"timeout": Duration(1000), "late_after": Duration(800)}
)
"""For what only shows at the deadline."""
STRICT_SETTINGS = PATIENT_SETTINGS.model_copy(update={"late_after": Duration(100)})
"""For what is late."""
TARGETS = {stage: Duration(60_000) for stage in Stage}
LABEL_SETS = [
    LabelSet("remediation", route, list_visible_stages(route), list_expected_stages(route))
    for route in DeliveryPath
]


@dataclass
class InProcessProber:
    """The parts a test looks at."""

    alert_runner: AlertRunner
    registry: CollectorRegistry
    metrics: RunMetrics
    gauges: Gauges
    journal: Journal
    inflight_runs: InflightRuns
    reconciler: Reconciler
    heartbeat: Heartbeat
    abort: asyncio.Event
    faults: set[ProberFault]
    canary_url: str
    path_context: PathContext
    settings: Settings
    paths: Mapping[str, Path]

    @property
    def context(self) -> ProbeContext:
        return ProbeContext(
            self.alert_runner, self.path_context, self.paths, TARGETS, self.gauges, abort=self.abort
        )

    def use_settings(self, settings: Settings) -> None:
        """Ask with other settings from now on."""
        self.settings = settings

    async def run_alert(
        self, *, late_by: float = 0.0, path: Path | None = None, sends_end: bool = False
    ) -> Run:
        clock = SystemClock()
        deadlines = self.settings.to_deadlines(TARGETS)
        job = AlertJob("remediation", path or self.paths[DeliveryPath.DIRECT], deadlines, sends_end)
        return await self.alert_runner.run(job, SlotTimes(clock.now() - late_by, clock.wall()))

    def read_sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"agent_sre_validation_{name}", labels)


@contextlib.asynccontextmanager
async def run_prober(
    path: pathlib.Path, target: str, settings: Settings = PATIENT_SETTINGS
) -> AsyncIterator[InProcessProber]:
    """Everything but the plan and the pages."""
    clock, registry, inflight_runs, history = (
        SystemClock(),
        CollectorRegistry(),
        InflightRuns(),
        RunHistory(),
    )
    metrics = RunMetrics(registry, label_sets=LABEL_SETS, targets=TARGETS)
    gauges = Gauges(registry, version="test")
    journal = Journal(path, keep_runs=100, on_failure=metrics.count_journal_failure, clock=clock)
    orphans = await journal.start()
    canary = Canary(
        inflight_runs,
        clock=clock,
        find_probe=journal.find_probe,
        count_call=metrics.count_canary_request,
    )
    reconciler = Reconciler(
        journal=journal, metrics=metrics, gauges=gauges, clock=clock, history=history
    )
    listener = bind_socket("canary", Address("127.0.0.1", 0))
    canary_url = format_url(listener)
    abort, faults = asyncio.Event(), set[ProberFault]()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(journal.close)
        stack.push_async_callback((await serve_app(canary.app, listener)).cleanup)
        client = await stack.enter_async_context(create_session())
        identity, heartbeat = (
            CanaryIdentity("agent-sre-canary", "ai"),
            Heartbeat(clock.now(), period=60.0),
        )
        alert_runner = AlertRunner(
            canary=identity,
            clock=clock,
            inflight_runs=inflight_runs,
            journal=journal,
            metrics=metrics,
            heartbeat=heartbeat,
            find_prober_faults=lambda: set(faults),
            may_send=lambda: True,
            abort=abort,
            tracer=build_tracer(),
            pending_runs=reconciler,
            history=history,
        )
        for state, run in await journal.list_unfinished():
            reconciler.restore(state, run)
        alert_runner.report_orphans(orphans)
        alert_runner.count_orphans()
        sender = Sender(client, clock)
        path_context = PathContext(target, identity, sender, sender, clock)
        paths: dict[str, Path] = {DeliveryPath.DIRECT: direct.Path(direct.Settings(), path_context)}
        yield InProcessProber(
            alert_runner, registry, metrics, gauges, journal, inflight_runs, reconciler, heartbeat,
            abort, faults, canary_url, path_context, settings, paths,
        )  # fmt: skip
