"""Fixtures: a function server, a simulated Linear and a client that sends events."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exporter.simulator.agent_sre.server import Simulator, serve_simulator
from exporter.simulator.agent_sre.settings import Settings

SUCCESS = {"status": "success", "message": "done"}
CE_REPLY = {
    "ce-specversion": "1.0",
    "ce-type": "function.reply",
    "ce-source": "function",
    "ce-id": "reply-1",
}


@dataclass
class Call:
    """One request a fake server saw."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    peer: tuple[str, int]
    """Address of the client's end: equal for requests on one connection."""


@dataclass
class FakeFunction:
    """A remediation function whose behaviour the test sets."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    health_status: int = 200
    status: int = 200
    reply: Any = field(default_factory=lambda: SUCCESS)
    reply_headers: Mapping[str, str] = field(default_factory=lambda: CE_REPLY)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    """Requests other than health checks wait for it; open from the start."""
    health_gate: asyncio.Event = field(default_factory=asyncio.Event)
    checked: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a health check has come in."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a call is waiting at the gate."""
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def executed(self) -> list[Call]:
        return [call for call in self.calls if call.method == "POST"]

    @property
    def bodies(self) -> list[Any]:
        return [call.body for call in self.executed]

    async def health(self, request: web.Request) -> web.Response:
        self.calls.append(await _parse_call(request))
        self.checked.set()
        await self.health_gate.wait()
        return web.json_response({"status": "ok"}, status=self.health_status)

    async def execute(self, request: web.Request) -> web.Response:
        self.calls.append(await _parse_call(request))
        self.arrived.set()
        await self.gate.wait()
        self.finished.set()
        return web.json_response(self.reply, status=self.status, headers=self.reply_headers)


@dataclass
class FakeLinear:
    """A GraphQL endpoint with one team."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    status: int = 200
    success: bool = True

    @property
    def issues(self) -> list[dict[str, Any]]:
        created = [call.body for call in self.calls if "issueCreate" in call.body["query"]]
        return [body["variables"]["input"] for body in created]

    @property
    def team_lookups(self) -> int:
        return sum("teams" in call.body["query"] for call in self.calls)

    async def answer(self, request: web.Request) -> web.Response:
        call = await _parse_call(request)
        self.calls.append(call)
        teams = {"teams": {"nodes": [{"id": "team-1", "key": "BVL"}]}}
        created = {"issueCreate": {"success": self.success, "issue": {"id": "i"}}}
        data = teams if "teams" in call.body["query"] else created
        return web.json_response({"data": data}, status=self.status)


async def _parse_call(request: web.Request) -> Call:
    text = await request.text()
    assert request.transport is not None
    peer = request.transport.get_extra_info("peername")
    headers = request.headers.copy()
    return Call(request.method, request.path, headers, json.loads(text) if text else None, peer)


@dataclass
class Answer:
    """Answer of the simulator, and its seconds."""

    status: int
    body: Any
    seconds: float


@dataclass
class Client:
    """Sends requests to one simulator."""

    session: aiohttp.ClientSession
    simulator: Simulator

    async def request(self, method: str, path: str, **options: Any) -> Answer:  # noqa: ANN401
        start = time.monotonic()
        async with self.session.request(method, self.simulator.url + path, **options) as response:
            text = await response.text()
        is_json = response.content_type == "application/json"
        return Answer(response.status, json.loads(text) if is_json else text, _seconds_since(start))

    async def send(self, event: Mapping[str, Any] | bytes) -> Answer:
        """Post a structured CloudEvent."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        headers = {"Content-Type": "application/cloudevents+json"}
        return await self.request("POST", "/", data=io.BytesIO(body), headers=headers)


Start = Callable[..., Awaitable[Client]]


def _seconds_since(start: float) -> float:
    return time.monotonic() - start


def build_event(
    event_id: str = "probe-1",
    *,
    parameters: object = None,
    annotations: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    resolved: bool = False,
) -> dict[str, Any]:
    """A structured alert event that asks for the canary function."""
    named = {
        "lambda_function": "canary",
        "lambda_parameters": json.dumps(parameters or {"probe_id": event_id, "nonce": "abc"}),
    }
    return {
        "specversion": "1.0",
        "type": f"io.homelab.prometheus.alert.{'resolved' if resolved else 'fired'}",
        "source": "tests",
        "id": event_id,
        "data": {
            "labels": {"alertname": "Synthetic", "severity": "info", **(labels or {})},
            "annotations": named if annotations is None else annotations,
        },
    }


@pytest.fixture
async def function() -> AsyncIterator[FakeFunction]:
    fake = FakeFunction()
    fake.gate.set()
    fake.health_gate.set()
    app = web.Application(client_max_size=0)
    app.router.add_get("/health", fake.health)
    app.router.add_post("/", fake.execute)
    async with TestServer(app) as server:
        fake.url = str(server.make_url("/"))
        yield fake


@pytest.fixture
async def linear() -> AsyncIterator[FakeLinear]:
    fake = FakeLinear()
    app = web.Application()
    app.router.add_post("/graphql", fake.answer)
    async with TestServer(app) as server:
        fake.url = str(server.make_url("/graphql"))
        yield fake


@pytest.fixture
async def start(function: FakeFunction) -> AsyncIterator[Start]:
    """Start a simulator with other settings than the defaults; stopped after the test."""
    async with AsyncExitStack() as stack:

        async def started(**settings: Any) -> Client:  # noqa: ANN401
            options = {"function_url": function.url, "model_seconds": 0.05, **settings}
            running = serve_simulator(Settings(**options))
            simulator = await stack.enter_async_context(running)
            session = await stack.enter_async_context(
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
            )
            return Client(session, simulator)

        yield started


@pytest.fixture
async def client(start: Start) -> Client:
    """A client of a simulator with default settings, but a short wait for the model."""
    return await start()
