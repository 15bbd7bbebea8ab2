"""HTTP endpoint."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from email.utils import formatdate
from typing import Any

from aiohttp import web

from exporter.fields import Address
from exporter.schedule.clock import Clock, SystemClock
from exporter.simulator.control import FaultPage
from exporter.simulator.linear import responses
from exporter.simulator.linear.faults import VALID, Active, Faults, Flag
from exporter.simulator.linear.graphql import question, run
from exporter.simulator.linear.responses import Bucket, Errors
from exporter.simulator.linear.settings import Https, Served, Settings
from exporter.simulator.linear.workspace import Workspace

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HTTP_BAD = 400

_SHUTDOWN_GRACE = 0.5


class Face:
    """Request handlers of one workspace."""

    def __init__(self, settings: Settings, faults: Faults, *, clock: Clock) -> None:
        self._settings = settings
        self.faults = faults
        self._clock = clock
        self.served = Served()
        self.workspace = Workspace(settings, self.served, clock=clock)
        self._requests = Bucket(settings.requests_per_hour, now=clock.now())
        self._points = Bucket(settings.complexity_per_hour, now=clock.now())

    def app(self) -> web.Application:
        """Build the application."""
        app = web.Application()
        app.router.add_post("/graphql", self._graphql)
        FaultPage(self.faults, valid=VALID).add_to(app)
        app.router.add_get("/served", self._show_served)
        return app

    async def _graphql(self, request: web.Request) -> web.StreamResponse:
        """Serve a request under the active faults; the `Date` is that of the workspace's clock."""
        active = self.faults.active
        self.served.requests += 1
        body = await request.read()
        if active.slow:
            await self._clock.sleep(active.slow)
        response = self._faulty(request, active) or self._answer(request, body, active)
        date = self.workspace.now(active)
        response.headers["Date"] = formatdate(date, usegmt=True)
        return response

    def _faulty(self, request: web.Request, active: Active) -> web.Response | None:
        """Build the response of an active fault; None without one."""
        if active.ratelimited is not None:
            self.served.rate_limited += 1
            headers = {"Retry-After": f"{active.ratelimited:g}"}
            return web.json_response(responses.rate_limited(), status=429, headers=headers)
        if not active.flags & {Flag.DOWN, Flag.ERROR, Flag.GARBAGE}:
            return None
        self.served.failed += 1
        if Flag.DOWN in active.flags and request.transport is not None:
            request.transport.abort()
        if Flag.ERROR in active.flags:
            return web.Response(status=500, text="upstream failed\n")
        return web.Response(text="<!doctype html><title>Hello</title>", content_type="text/html")

    def _answer(self, request: web.Request, body: bytes, active: Active) -> web.Response:
        """Build the response as Linear does: first the key, then the limits, then the query."""
        if not self._known(request.headers.get("Authorization", ""), active):
            self.served.unauthorized += 1
            return web.json_response(responses.unauthenticated(), status=401)
        if not self._requests.take(1, now=self._clock.now()):
            return self._limited(active, points=0)
        asked = question(_json(body))
        if isinstance(asked, dict):
            return self._rejected(asked, active, points=0)
        if not self._points.take(asked.points, now=self._clock.now()):
            return self._limited(active, points=asked.points)
        status, content = run(asked, self.workspace, active)
        if "errors" in content:
            self.served.rejected += 1
        headers = self._headers(active, points=asked.points)
        return web.json_response(content, status=status, headers=headers)

    def _known(self, key: str, active: Active) -> bool:
        """Return True if a key is accepted; Linear takes it without `Bearer`."""
        if Flag.UNAUTHORIZED in active.flags or not key or key.startswith("Bearer "):
            return False
        return self._settings.key in (None, key)

    def _limited(self, active: Active, *, points: int) -> web.Response:
        """Build the response of an exhausted limit, which is a 400 as at Linear."""
        self.served.rate_limited += 1
        headers = self._headers(active, points=points)
        return web.json_response(responses.rate_limited(), status=_HTTP_BAD, headers=headers)

    def _rejected(self, content: Errors, active: Active, *, points: int) -> web.Response:
        self.served.rejected += 1
        headers = self._headers(active, points=points)
        return web.json_response(content, status=_HTTP_BAD, headers=headers)

    def _headers(self, active: Active, *, points: int) -> dict[str, str]:
        now, wall = self._clock.now(), self.workspace.now(active)
        return {
            "X-Complexity": str(points),
            **self._requests.headers("Requests", now=now, wall=wall),
            **self._points.headers("Complexity", now=now, wall=wall),
        }

    async def _show_served(self, _request: web.Request) -> web.Response:
        return web.json_response(asdict(self.served))


def _json(body: bytes) -> Any:  # noqa: ANN401 - whatever was sent
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class LinearApi:
    """Listening simulator."""

    url: str
    """The GraphQL endpoint, e.g. `http://127.0.0.1:8001/graphql`."""
    face: Face
    https: str | None = None
    """The same endpoint over TLS, if it was configured."""

    @property
    def faults(self) -> Faults:
        """The active faults: `api.faults.set("lag:2")`."""
        return self.face.faults

    @property
    def served(self) -> Served:
        """Counts of what it did so far."""
        return self.face.served

    def issues(self) -> list[Mapping[str, Any]]:
        """List the fields of all kept issues, oldest first."""
        return self.face.workspace.issues()


@asynccontextmanager
async def running_linear_api(
    settings: Settings | None = None,
    faults: Faults | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Clock | None = None,
) -> AsyncIterator[LinearApi]:
    """Serve a simulator while the block runs; port 0 picks a free one.

    Raises:
        OSError: an address cannot be listened on, or there is no certificate.
    """
    chosen = settings or Settings()
    face = Face(chosen, faults or Faults(), clock=clock or SystemClock())
    runner = web.AppRunner(
        face.app(), access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_GRACE
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        address = Address(host, runner.addresses[0][1])
        https = await _over_tls(runner, chosen.https) if chosen.https else None
        yield LinearApi(f"http://{address}/graphql", face, https)
    finally:
        await runner.cleanup()


async def _over_tls(runner: web.AppRunner, asked: Https) -> str:
    """Listen with TLS as well; return the URL."""
    context, (host, port) = asked.context(), (asked.listen.host, asked.listen.port)
    await web.TCPSite(runner, host, port, backlog=1024, ssl_context=context).start()
    return f"https://{Address(host, runner.addresses[-1][1])}/graphql"
