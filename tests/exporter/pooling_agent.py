"""A fake agent whose HTTP client shares its connections, a proxy, and the truth about each run."""

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

import aiohttp
from aiohttp import web

from exporter.schedule.clock import SystemClock
from tests.exporter.fake_agent import build_call_headers

_MARK = "x-test-run"
"""Header of the truth: the run of a request. The canary does not read it."""
_current_run: ContextVar[str | None] = ContextVar("current_run", default=None)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TruthfulClock(SystemClock):
    """A clock that notes the time at which the canary handled each request of a run."""

    def __init__(self) -> None:
        self.contacts: dict[str, list[float]] = defaultdict(list)
        """Times of each run: health check, call, before the answer, after it."""

    def now(self) -> float:
        now = super().now()
        if run_id := _current_run.get():
            self.contacts[run_id].append(now)
        return now


@web.middleware
async def note_run(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware of the canary: tells the clock whose request is handled."""
    token = _current_run.set(request.headers.get(_MARK))
    try:
        return await handler(request)
    finally:
        _current_run.reset(token)


class PoolingAgent:
    """Calls the canary through a proxy; any request may use any kept connection.

    Args:
        seed: seed of the delays.
        connections: connections of its pool and of the proxy's.
        traces_checks: whether health checks carry the trace of their run, as with instrumentation.
    """

    def __init__(self, seed: int, *, connections: int, traces_checks: bool = False) -> None:
        self.canary = ""
        self.proxy = ""
        self.connections = connections
        self._traces_checks = traces_checks
        self._random = random.Random(seed)
        self._session: aiohttp.ClientSession | None = None
        self._upstream: aiohttp.ClientSession | None = None

    def build_app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/", self._take_event)
        app.cleanup_ctx.append(self._open_sessions)
        return app

    def build_proxy(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._forward)
        return app

    async def _open_sessions(self, _: web.Application):  # type: ignore[no-untyped-def]  # noqa: ANN202 - as aiohttp wants it
        limits = [aiohttp.TCPConnector(limit=self.connections) for _ in range(2)]
        async with (
            aiohttp.ClientSession(connector=limits[0]) as self._session,
            aiohttp.ClientSession(connector=limits[1]) as self._upstream,
        ):
            yield

    async def _take_event(self, request: web.Request) -> web.Response:
        event = json.loads(await request.read())
        run_id = str(event["id"])
        await self._pause()
        await self._request("GET", "/health", run_id)
        await self._pause()
        parameters = event["data"]["annotations"]["lambda_parameters"]
        await self._request("POST", "/", run_id, parameters.encode())
        await self._pause()
        return web.json_response(
            {"status": "processed", "event_id": run_id, "correlation_id": run_id}
        )

    async def _pause(self) -> None:
        await asyncio.sleep(self._random.choice([0.0, 0.01, 0.2]) * self._random.random())

    async def _request(self, method: str, path: str, run_id: str, body: bytes = b"") -> None:
        assert self._session is not None
        call = build_call_headers(run_id)
        trace = {"traceparent": call["traceparent"]} if self._traces_checks else {}
        headers = {_MARK: run_id, **(call if body else trace)}
        async with self._session.request(
            method,
            self.proxy + path,
            data=body,
            headers=headers,
            skip_auto_headers=["Content-Type"],
        ) as reply:
            assert reply.status == 200
            await reply.read()

    async def _forward(self, request: web.Request) -> web.Response:
        assert self._upstream is not None
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in ("host", "content-length")
        }
        async with self._upstream.request(
            request.method,
            self.canary + request.path,
            data=await request.read(),
            headers=headers,
            skip_auto_headers=["Content-Type"],
        ) as reply:
            body = await reply.read()
            kept = {name: reply.headers[name] for name in reply.headers if name.startswith("ce-")}
            return web.Response(status=reply.status, body=body, headers=kept)
