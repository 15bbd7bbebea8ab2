"""A whole prober in the test's own process, against the fake agent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporter.fields import Address
from exporter.httpclient.client import Sender, session
from exporter.journal.journal import Journal
from exporter.listener import bind, serve, url
from exporter.metrics.gauges import Gauges
from exporter.metrics.runs import Line, Metrics
from exporter.model.alert import CanaryIdentity
from exporter.model.run import ProbeResult
from exporter.model.verdict import ProberFault
from exporter.observers import expected, visible
from exporter.paths import Reach, Way, direct
from exporter.prober.canary import Canary
from exporter.prober.context import Means
from exporter.prober.history import Recent
from exporter.prober.inflight import Ledger
from exporter.prober.reconciler import Aftercare
from exporter.prober.runner import Courier, Errand, Turn
from exporter.probes.remediation import Settings
from exporter.schedule.clock import SystemClock
from exporter.schedule.scheduler import Pulse
from exporter.tracing import tracer
from slos.schema.contract import Route, Stage
from slos.schema.units import Duration

PATIENT = Settings(
    interval=Duration.of(seconds=30),
    timeout=Duration.of(seconds=20),
    settle=Duration(100),
    late_after=Duration.of(seconds=15),
    max_send_lag=Duration.of(seconds=5),
)
"""For what concludes by itself: a busy machine changes no verdict."""
SHORT = PATIENT.model_copy(update={"timeout": Duration(1000), "late_after": Duration(800)})
"""For what only shows at the deadline."""
STRICT = PATIENT.model_copy(update={"late_after": Duration(100)})
"""For what is late."""
TARGETS = {stage: Duration(60_000) for stage in Stage}
LINES = [Line("remediation", route, visible(route), expected(route)) for route in Route]


@dataclass
class Bench:
    """The parts a test looks at."""

    courier: Courier
    registry: CollectorRegistry
    metrics: Metrics
    gauges: Gauges
    journal: Journal
    ledger: Ledger
    aftercare: Aftercare
    pulse: Pulse
    abort: asyncio.Event
    faults: set[ProberFault]
    canary_url: str
    reach: Reach
    settings: Settings
    ways: Mapping[Route, Way]

    @property
    def means(self) -> Means:
        return Means(self.courier, self.reach, self.ways, TARGETS, self.gauges, abort=self.abort)

    def use(self, settings: Settings) -> None:
        """Ask with other settings from now on."""
        self.settings = settings

    async def run(
        self, *, late_by: float = 0.0, way: Way | None = None, ends: bool = False
    ) -> ProbeResult:
        clock = SystemClock()
        patience = self.settings.patience(TARGETS)
        errand = Errand("remediation", way or self.ways[Route.DIRECT], patience, ends)
        return await self.courier.carry(errand, Turn(clock.now() - late_by, clock.wall()))

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"agent_sre_validation_{name}", labels)


@contextlib.asynccontextmanager
async def prober(path: Path, target: str, settings: Settings = PATIENT) -> AsyncIterator[Bench]:
    """Everything but the plan and the pages."""
    clock, registry, ledger, recent = SystemClock(), CollectorRegistry(), Ledger(), Recent()
    metrics = Metrics(registry, lines=LINES, targets=TARGETS)
    gauges = Gauges(registry, version="test")
    journal = Journal(path, keep_runs=100, failed=metrics.journal_failure, clock=clock)
    orphans = await journal.start()
    canary = Canary(ledger, clock=clock, probe_of=journal.probe_of, count=metrics.canary_request)
    aftercare = Aftercare(
        journal=journal, metrics=metrics, gauges=gauges, clock=clock, recent=recent
    )
    listener = bind("canary", Address("127.0.0.1", 0))
    canary_url = url(listener)
    abort, faults = asyncio.Event(), set[ProberFault]()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(journal.close)
        stack.push_async_callback((await serve(canary.app, listener)).cleanup)
        client = await stack.enter_async_context(session())
        identity, pulse = CanaryIdentity("agent-sre-canary", "ai"), Pulse(clock.now(), period=60.0)
        courier = Courier(
            canary=identity,
            clock=clock,
            ledger=ledger,
            journal=journal,
            metrics=metrics,
            pulse=pulse,
            prober_faults=lambda: set(faults),
            may_send=lambda: True,
            abort=abort,
            tracer=tracer(),
            after=aftercare,
            recent=recent,
        )
        for state, run in await journal.unfinished():
            aftercare.adopt(state, run)
        courier.account(orphans)
        courier.scraped()
        sender = Sender(client, clock)
        reach = Reach(target, identity, sender, sender, clock)
        ways: dict[Route, Way] = {Route.DIRECT: direct.Way(direct.Settings(), reach)}
        yield Bench(
            courier, registry, metrics, gauges, journal, ledger, aftercare, pulse, abort, faults,
            canary_url, reach, settings, ways,
        )  # fmt: skip
