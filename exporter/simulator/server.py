"""Server of the simulated service, for tests and for the command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from exporter.simulator.agent import Agent
from exporter.simulator.app import application
from exporter.simulator.counters import Executed
from exporter.simulator.faults import Faults
from exporter.simulator.settings import Settings

SHUTDOWN_GRACE = 0.5
"""Seconds for replies in flight at shutdown; hung requests are released at once."""


@dataclass(frozen=True)
class Simulator:
    """Listening simulator."""

    url: str
    """URL without a trailing slash, e.g. `http://127.0.0.1:8000`."""

    agent: Agent

    @property
    def faults(self) -> Faults:
        """The active faults: `simulator.faults.set("lost")`."""
        return self.agent.faults

    @property
    def executed(self) -> Executed:
        """Counts of what the simulator did so far."""
        return self.agent.executed


@asynccontextmanager
async def running_simulator(
    settings: Settings | None = None,
    faults: Faults | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[Simulator]:
    """Serve a simulator while the block runs; port 0 picks a free one.

    Raises:
        OSError: the address cannot be listened on.
    """
    agent = Agent(settings or Settings(), faults or Faults())
    runner = web.AppRunner(
        application(agent),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=SHUTDOWN_GRACE,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        agent.ready = True
        yield Simulator(_url(host, runner.addresses[0][1]), agent)
    finally:
        await runner.cleanup()


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
