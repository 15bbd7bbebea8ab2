"""A whole prober in the test's own process, against the fake agent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from exporter.canary import Canary
from exporter.clock import SystemClock
from exporter.events import CanaryIdentity
from exporter.fields import Address
from exporter.journal import Journal
from exporter.judge import ProberFault
from exporter.ledger import Ledger
from exporter.listen import bind, serve, url
from exporter.metrics import Metrics
from exporter.observers import visible_stages
from exporter.post import session
from exporter.probes import Means
from exporter.probes.remediation import Probe, Settings
from exporter.pulse import Pulse
from exporter.result import ProbeResult
from exporter.runner import Duty, Runner
from exporter.schedule import Slot
from slos.schema.contract import Stage
from slos.schema.units import Duration

PATIENT = Settings(
    interval=Duration.of(seconds=30),
    timeout=Duration.of(seconds=20),
    settle=Duration(100),
    late_after=Duration.of(seconds=15),
)
"""For what concludes by itself: a busy machine changes no verdict."""
SHORT = PATIENT.model_copy(update={"timeout": Duration(1000), "late_after": Duration(800)})
"""For what only shows at the deadline."""
STRICT = PATIENT.model_copy(update={"late_after": Duration(100)})
"""For what is late."""
TARGETS = {stage: Duration(60_000) for stage in Stage}


@dataclass
class Bench:
    """The parts a test looks at."""

    runner: Runner
    registry: CollectorRegistry
    journal: Journal
    ledger: Ledger
    abort: asyncio.Event
    faults: set[ProberFault]
    canary_url: str
    means: Means

    def use(self, settings: Settings) -> None:
        """Ask with other settings from now on."""
        self.runner.duties = {"remediation": Duty(Probe(settings, self.means), 5.0)}

    async def run(self, *, late_by: float = 0.0) -> ProbeResult:
        clock = SystemClock()
        return await self.runner.run(Slot("remediation", clock.now() - late_by, clock.wall()))

    def sample(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"agent_sre_validation_{name}", labels)


@contextlib.asynccontextmanager
async def prober(path: Path, target: str, settings: Settings = PATIENT) -> AsyncIterator[Bench]:
    """Everything but the plan and the pages."""
    clock, registry, ledger = SystemClock(), CollectorRegistry(), Ledger()
    metrics = Metrics(
        registry,
        probes={"remediation": "direct"},
        visible=visible_stages(),
        targets=TARGETS,
        version="test",
    )
    journal = Journal(path, keep_runs=100, failed=metrics.journal_failure, clock=clock)
    orphans = await journal.start()
    canary = Canary(
        ledger, clock=clock, was_issued=journal.was_issued, count=metrics.canary_request
    )
    listener = bind("canary", Address("127.0.0.1", 0))
    canary_url = url(listener)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(journal.close)
        stack.push_async_callback((await serve(canary.app, listener)).cleanup)
        client = await stack.enter_async_context(session())
        identity = CanaryIdentity("agent-sre-canary", "ai")
        means = Means(target, identity, client, ledger, clock, TARGETS)
        faults: set[ProberFault] = set()
        runner = Runner(
            journal=journal,
            metrics=metrics,
            clock=clock,
            pulse=Pulse(clock.now(), period=60.0),
            prober_faults=lambda: set(faults),
        )
        runner.account(orphans)
        runner.scraped()
        made = Bench(runner, registry, journal, ledger, means.abort, faults, canary_url, means)
        made.use(settings)
        yield made
