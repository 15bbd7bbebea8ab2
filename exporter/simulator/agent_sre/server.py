"""HTTP server of the simulated agent-sre."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from exporter.simulator.agent_sre.agent import Agent, AgentReply
from exporter.simulator.agent_sre.faults import AgentFaultFlag, AgentFaults
from exporter.simulator.agent_sre.settings import AgentCounters, Settings
from exporter.simulator.fault_injection import FAULT_PATH, FaultPage

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
METRICS_TEXT = "# metrics are exported over OTLP\n"

SHUTDOWN_GRACE = 0.5
"""Seconds for replies in flight at shutdown; hung requests are released at once."""


class AgentHandlers:
    """Request handlers of one agent; events go on when their sender has disconnected."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._closing = asyncio.Event()
        self._running: set[asyncio.Task[AgentReply]] = set()

    def build_app(self) -> web.Application:
        """Build the application: bodies of any size, and no handler that blocks the shutdown."""
        app = web.Application(client_max_size=0, middlewares=[self._drop_when_down])
        app.router.add_get("/health", _serve_health)
        app.router.add_get("/ready", self._serve_readiness)
        app.router.add_get("/metrics", _serve_metrics)
        app.router.add_post("/", self._serve_event)
        FaultPage(self._agent.faults).add_to(app)
        app.on_shutdown.append(self._release_hung)
        app.cleanup_ctx.append(self._cancel_running)
        return app

    @web.middleware
    async def _drop_when_down(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Drop the connection of every request under `down`, except those to `/fault`."""
        if AgentFaultFlag.DOWN not in self._agent.faults.active.flags or request.path == FAULT_PATH:
            return await handler(request)
        return _drop_connection(request)

    async def _serve_event(self, request: web.Request) -> web.StreamResponse:
        flags = self._agent.faults.active.flags
        body = await request.read()
        if AgentFaultFlag.HANG in flags:
            await self._closing.wait()
            return _drop_connection(request)
        if AgentFaultFlag.ERROR in flags:
            return web.json_response({"error": "simulated fault: error"}, status=500)
        task = asyncio.create_task(self._agent.process_event(request.headers, body))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        reply = await asyncio.shield(task)
        return web.json_response(reply.body, status=reply.status)

    async def _serve_readiness(self, _request: web.Request) -> web.Response:
        if self._agent.ready:
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "not ready"}, status=503)

    async def _release_hung(self, _app: web.Application) -> None:
        """Release hung requests, so that the shutdown does not wait for them."""
        self._closing.set()

    async def _cancel_running(self, _app: web.Application) -> AsyncIterator[None]:
        """Cancel the events in flight at the end."""
        yield
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._agent.close()


async def _serve_health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _serve_metrics(_request: web.Request) -> web.Response:
    return web.Response(text=METRICS_TEXT)


def _drop_connection(request: web.Request) -> web.Response:
    """Drop the connection; the response is not sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def build_agent_app(agent: Agent) -> web.Application:
    """Build the web application of one agent; call it inside the event loop that serves it."""
    return AgentHandlers(agent).build_app()


@dataclass(frozen=True)
class Simulator:
    """Listening simulator."""

    url: str
    """URL without a trailing slash, e.g. `http://127.0.0.1:8000`."""

    agent: Agent

    @property
    def faults(self) -> AgentFaults:
        """The active faults: `simulator.faults.set("lost")`."""
        return self.agent.faults

    @property
    def counters(self) -> AgentCounters:
        """Counts of what the simulator did so far."""
        return self.agent.counters


@asynccontextmanager
async def serve_simulator(
    settings: Settings | None = None,
    faults: AgentFaults | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[Simulator]:
    """Serve a simulator while the block runs; port 0 picks a free one.

    Raises:
        OSError: the address cannot be listened on.
    """
    agent = Agent(settings or Settings(), faults or AgentFaults())
    runner = web.AppRunner(
        build_agent_app(agent),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=SHUTDOWN_GRACE,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        agent.ready = True
        yield Simulator(_format_url(host, runner.addresses[0][1]), agent)
    finally:
        await runner.cleanup()


def _format_url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
