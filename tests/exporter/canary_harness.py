"""A canary that listens, for tests of its protocol."""

from typing import TYPE_CHECKING

from exporter.model.alert import CanaryIdentity
from exporter.prober.canary import Canary
from exporter.prober.engine_calls import EngineCalls
from exporter.prober.inflight import InflightRun, InflightRuns
from tests.exporter.conftest import Serve
from tests.exporter.fake_clock import FakeClock

if TYPE_CHECKING:
    from slos.schema.contract import CanaryOutcome

RUN_1 = f"slo-probe-{1:032x}"
RUN_2 = f"slo-probe-{2:032x}"
SENT = {"probe_id": RUN_1, "nonce": "n", "name": "canary", "namespace": "ai"}


class CanaryHarness:
    """A canary that listens, and what it counted."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.ledger = InflightRuns(now=0.0)
        self.outcomes: list[CanaryOutcome] = []
        self.journalled: set[str] = set()
        self.url = ""
        self.engine_calls = EngineCalls(CanaryIdentity("agent-sre-canary", "ai"), clock)
        self.canary = Canary(
            self.ledger,
            clock=clock,
            find_probe=self._probe_of,
            count_call=self.outcomes.append,
            engine_calls=self.engine_calls,
        )

    async def _probe_of(self, run_id: str) -> str | None:
        return "remediation" if run_id in self.journalled else None

    def issue(self, run_id: str = RUN_1) -> InflightRun:
        return self.ledger.open_run(run_id, SENT | {"probe_id": run_id}, now=self.clock.now())


async def start_canary(serving: Serve, clock: FakeClock) -> CanaryHarness:
    made = CanaryHarness(clock)
    made.url = await serving(made.canary.app)
    return made
