"""Outcomes of runs under each condition: verdicts, reasons and stage times of a real prober."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from aiohttp.test_utils import TestServer

from exporter.model.run import Run
from slos.schema.contract import DeliveryPath
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.in_process_prober import SHORT_SETTINGS, run_prober


class Condition(Enum):
    """A fault of the house."""

    AGENT_DOWN = auto()
    """No replica of agent-sre is there. What stands in front of it still takes events."""
    CANARY_UNREACHABLE = auto()
    """agent-sre answers, and none of its calls arrives at the canary."""
    LINEAR_DOWN = auto()
    """Linear refuses the requests of agent-sre and of the prober. agent-sre goes on without."""
    PROBER_DOWN = auto()
    """No pod of the prober is there. The next one has another address."""
    PROBER_RESTARTING = auto()
    """The pod of the prober is there, and its process is not."""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Runs of a real prober: in good health, without any call, and without a connection."""

    healthy: Run
    lost: Run
    unreachable: Run

    def find_run(self, path: str, has: Callable[[Condition], bool], *, is_dead: bool) -> Run:
        """Find the run that a path gives under the conditions that hold.

        Args:
            path: the path.
            has: tells whether a condition holds.
            is_dead: whether every event on the path is lost.
        """
        if has(Condition.AGENT_DOWN):
            return self.unreachable if path == DeliveryPath.DIRECT else self.lost
        return self.lost if is_dead or has(Condition.CANARY_UNREACHABLE) else self.healthy


async def record_outcomes(folder: Path) -> Outcomes:
    """Let a real prober run alerts against an agent that is well, deaf to the canary, and gone."""
    agent = FakeAgent()
    server = TestServer(agent.build_app())
    await server.start_server()
    async with run_prober(folder / "journal.sqlite", str(server.make_url("/"))) as prober:
        agent.canary = prober.canary_url
        healthy = await prober.run_alert()
        agent.executions = 0
        prober.use_settings(SHORT_SETTINGS)
        lost = await prober.run_alert()
        await server.close()
        return Outcomes(healthy, lost, await prober.run_alert())
