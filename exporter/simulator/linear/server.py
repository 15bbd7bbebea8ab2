"""HTTP server of the Linear simulator."""

import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from email.utils import formatdate
from typing import Any

from aiohttp import web

from exporter.fields import Address
from exporter.schedule.clock import Clock, SystemClock
from exporter.simulator.fault_injection import FaultPage
from exporter.simulator.linear import responses
from exporter.simulator.linear.faults import (
    LinearFaultFlag,
    LinearFaults,
    LinearFaultSet,
)
from exporter.simulator.linear.graphql import execute_request, parse_request
from exporter.simulator.linear.responses import ErrorBody, LeakyBucket
from exporter.simulator.linear.settings import HttpsSettings, LinearCounters, Settings
from exporter.simulator.linear.workspace import Workspace

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_HTTP_BAD = 400
_CREATION = b"issueCreate"

_SHUTDOWN_GRACE = 0.5


class LinearHandlers:
    """Request handlers of one workspace."""

    def __init__(self, settings: Settings, faults: LinearFaults, *, clock: Clock) -> None:
        self._settings = settings
        self.faults = faults
        self._clock = clock
        self.counters = LinearCounters()
        self.workspace = Workspace(settings, self.counters, clock=clock)
        self._requests = LeakyBucket(settings.requests_per_hour, now=clock.now())
        self._points = LeakyBucket(settings.complexity_per_hour, now=clock.now())
        self._creations: deque[float] = deque()

    def build_app(self) -> web.Application:
        """Build the application."""
        app = web.Application()
        app.router.add_post("/graphql", self._serve_graphql)
        FaultPage(self.faults).add_to(app)
        app.router.add_get("/served", self._serve_counters)
        return app

    async def _serve_graphql(self, request: web.Request) -> web.StreamResponse:
        """Serve a request under the active faults; the `Date` is that of the workspace's clock."""
        faults = self.faults.active
        self.counters.requests += 1
        body = await request.read()
        if faults.slow:
            await self._clock.sleep(faults.slow)
        response = self._build_fault_response(request, faults) or self._build_response(
            request, body, faults
        )
        date = self.workspace.now(faults)
        response.headers["Date"] = formatdate(date, usegmt=True)
        return response

    def _build_fault_response(
        self, request: web.Request, faults: LinearFaultSet
    ) -> web.Response | None:
        """Build the response of an active fault; None without one."""
        if faults.ratelimited is not None:
            self.counters.rate_limited += 1
            headers = {"Retry-After": f"{faults.ratelimited:g}"}
            return web.json_response(responses.build_rate_limited(), status=429, headers=headers)
        if not faults.flags & {
            LinearFaultFlag.DOWN,
            LinearFaultFlag.ERROR,
            LinearFaultFlag.GARBAGE,
        }:
            return None
        self.counters.failed += 1
        if LinearFaultFlag.DOWN in faults.flags and request.transport is not None:
            request.transport.abort()
        if LinearFaultFlag.ERROR in faults.flags:
            return web.Response(status=500, text="upstream failed\n")
        return web.Response(text="<!doctype html><title>Hello</title>", content_type="text/html")

    def _build_response(
        self, request: web.Request, body: bytes, faults: LinearFaultSet
    ) -> web.Response:
        """Build the response as Linear does: first the key, then the limits, then the query."""
        if not self._is_key_accepted(request.headers.get("Authorization", ""), faults):
            self.counters.unauthorized += 1
            return web.json_response(responses.build_unauthenticated(), status=401)
        if not self._requests.take(1, now=self._clock.now()):
            return self._build_rate_limited(faults, points=0)
        graphql_request = parse_request(_parse_json(body))
        if isinstance(graphql_request, dict):
            return self._build_rejected(graphql_request, faults, points=0)
        if _CREATION in body and not self._take_creation(faults.creations):
            return self._build_rate_limited(faults, points=0)
        if not self._points.take(graphql_request.points, now=self._clock.now()):
            return self._build_rate_limited(faults, points=graphql_request.points)
        status, content = execute_request(graphql_request, self.workspace, faults)
        if "errors" in content:
            self._count_rejection(content)
        headers = self._build_headers(faults, points=graphql_request.points)
        return web.json_response(content, status=status, headers=headers)

    def _take_creation(self, limit: float | None) -> bool:
        """Take one of the creations of the last second; always true without a limit."""
        if limit is None:
            return True
        now = self._clock.now()
        while self._creations and self._creations[0] <= now - 1:
            self._creations.popleft()
        if len(self._creations) >= limit:
            return False
        self._creations.append(now)
        return True

    def _is_key_accepted(self, key: str, faults: LinearFaultSet) -> bool:
        """Return True if a key is accepted; Linear takes it without `Bearer`."""
        if LinearFaultFlag.UNAUTHORIZED in faults.flags or not key or key.startswith("Bearer "):
            return False
        return self._settings.key in (None, key)

    def _build_rate_limited(self, faults: LinearFaultSet, *, points: int) -> web.Response:
        """Build the response of an exhausted limit, which is a 400 as at Linear."""
        self.counters.rate_limited += 1
        headers = self._build_headers(faults, points=points)
        return web.json_response(responses.build_rate_limited(), status=_HTTP_BAD, headers=headers)

    def _build_rejected(
        self, content: ErrorBody, faults: LinearFaultSet, *, points: int
    ) -> web.Response:
        self._count_rejection(content)
        headers = self._build_headers(faults, points=points)
        return web.json_response(content, status=_HTTP_BAD, headers=headers)

    def _count_rejection(self, content: ErrorBody) -> None:
        self.counters.rejected += 1
        self.counters.last_rejection = str(content["errors"][0]["message"])

    def _build_headers(self, faults: LinearFaultSet, *, points: int) -> dict[str, str]:
        now, wall = self._clock.now(), self.workspace.now(faults)
        return {
            "X-Complexity": str(points),
            **self._requests.build_headers("Requests", now=now, wall=wall),
            **self._points.build_headers("Complexity", now=now, wall=wall),
        }

    async def _serve_counters(self, _request: web.Request) -> web.Response:
        return web.json_response(asdict(self.counters))


def _parse_json(body: bytes) -> Any:  # noqa: ANN401 - whatever was sent
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True)
class LinearApi:
    """Listening simulator."""

    url: str
    """The GraphQL endpoint, e.g. `http://127.0.0.1:8001/graphql`."""
    handlers: LinearHandlers
    https: str | None = None
    """The same endpoint over TLS, if it was configured."""

    @property
    def faults(self) -> LinearFaults:
        """The active faults: `api.faults.set("lag:2")`."""
        return self.handlers.faults

    @property
    def counters(self) -> LinearCounters:
        """Counts of what it did so far."""
        return self.handlers.counters

    def list_issues(self) -> list[Mapping[str, Any]]:
        """List the fields of all kept issues, oldest first."""
        return self.handlers.workspace.list_issues()


@asynccontextmanager
async def serve_linear_api(
    settings: Settings | None = None,
    faults: LinearFaults | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Clock | None = None,
) -> AsyncIterator[LinearApi]:
    """Serve a simulator while the block runs; port 0 picks a free one.

    Raises:
        OSError: an address cannot be listened on, or there is no certificate.
    """
    linear_settings = settings or Settings()
    handlers = LinearHandlers(
        linear_settings, faults or LinearFaults(), clock=clock or SystemClock()
    )
    runner = web.AppRunner(
        handlers.build_app(),
        access_log=None,
        handler_cancellation=True,
        shutdown_timeout=_SHUTDOWN_GRACE,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        address = Address(host, runner.addresses[0][1])
        https = await _serve_tls(runner, linear_settings.https) if linear_settings.https else None
        yield LinearApi(f"http://{address}/graphql", handlers, https)
    finally:
        await runner.cleanup()


async def _serve_tls(runner: web.AppRunner, https: HttpsSettings) -> str:
    """Listen with TLS as well; return the URL."""
    context, (host, port) = https.build_context(), (https.listen.host, https.listen.port)
    await web.TCPSite(runner, host, port, backlog=1024, ssl_context=context).start()
    return f"https://{Address(host, runner.addresses[-1][1])}/graphql"
