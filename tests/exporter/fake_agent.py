"""Fake agents and a fake DNS resolver."""

import asyncio
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web


@dataclass
class FakeAgent:
    """Behaves well unless a knob says otherwise."""

    canary: str = ""
    """Base URL of the canary; set once it listens."""
    status: int = 200
    executions: int = 1
    parameter_overrides: dict[str, object] = field(default_factory=dict)
    """Parameters to overwrite on the way."""
    event_id: str | None = None
    """The ce-id to send instead of the event's own."""
    reply_overrides: dict[str, object] = field(default_factory=dict)
    """Fields of the reply to overwrite."""
    extra_bytes: bytes = b""
    """Bytes after the end of the reply."""
    omits_probe_id: bool = False
    checks_health: bool = True
    call_delay: float = 0.0
    """Seconds between health check and call."""
    replies: bool = True
    aborts_connection: bool = False
    events: list[dict[str, object]] = field(default_factory=list)
    canary_statuses: list[int] = field(default_factory=list)
    event_received: asyncio.Event = field(default_factory=asyncio.Event)
    canary_called: asyncio.Event = field(default_factory=asyncio.Event)
    shutdown: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    def build_app(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/", self._take_event)
        application.on_shutdown.append(self._release_requests)
        return application

    async def _release_requests(self, _: web.Application) -> None:
        self.shutdown.set()

    async def _take_event(self, request: web.Request) -> web.Response:
        event = json.loads(await request.read())
        assert request.headers["Content-Type"] == "application/cloudevents+json"
        self.events.append(event)
        self.event_received.set()
        for _ in range(self.executions):
            await self._call_canary(event)
        if self.aborts_connection:
            assert request.transport is not None
            request.transport.abort()
        if not self.replies:
            await self.shutdown.wait()
        reply = {"status": "processed", "event_id": event["id"], "correlation_id": event["id"]}
        body = {**reply, **self.reply_overrides}
        if self.extra_bytes:
            self._write_with_extra_bytes(request, json.dumps(body).encode())
        return web.json_response(body, status=self.status)

    def _write_with_extra_bytes(self, request: web.Request, body: bytes) -> None:
        """Write the reply and bytes after its end, as one packet."""
        assert request.transport is not None
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        request.transport.write(head + body + self.extra_bytes)
        request.transport.close()

    async def _call_canary(self, event: dict[str, object]) -> None:
        data = event["data"]
        assert isinstance(data, dict)
        parameters = json.loads(data["annotations"]["lambda_parameters"]) | self.parameter_overrides
        if self.omits_probe_id:
            del parameters["probe_id"]
        async with aiohttp.ClientSession() as client:
            if self.checks_health:
                async with client.get(f"{self.canary}/health") as reply:
                    assert (await reply.json()) == {"status": "ok"}
            await asyncio.sleep(self.call_delay)
            run_id = self.event_id or str(event["id"])
            async with client.post(
                self.canary,
                data=json.dumps(parameters).encode(),
                headers=build_call_headers(run_id),
                skip_auto_headers=["Content-Type"],
            ) as reply:
                self.canary_statuses.append(reply.status)
                self.canary_called.set()


def build_call_headers(run_id: str) -> dict[str, str]:
    """The headers agent-sre sends to a function."""
    return {
        "ce-specversion": "1.0",
        "ce-type": "io.homelab.agent-sre.remediation.request",
        "ce-source": "agent-sre",
        "ce-id": run_id,
        "ce-correlationid": run_id,
        "x-correlation-id": run_id,
        "ce-time": "2026-11-23T00:00:00Z",
        "traceparent": f"00-{run_id.encode().hex():0<32.32}-00f067aa0ba902b7-01",
    }


@dataclass
class StrictAgent:
    """Takes events of a sane size, with all attributes, from whom it knows."""

    canary: str = ""
    authorization: str | None = None
    limit: int | None = None
    """Requests that are taken; all later ones are turned away."""
    cuts_off_long_ones: bool = False
    taken: int = 0
    issues: list[str] = field(default_factory=list)
    strangers: list[str | None] = field(default_factory=list)

    def app(self) -> web.Application:
        application = web.Application(client_max_size=500_000)
        application.router.add_post("/", self._take)
        return application

    async def _take(self, request: web.Request) -> web.Response:
        if self.limit is not None and self.taken >= self.limit:
            return web.Response(status=429)
        given = request.headers.get("Authorization")
        if self.authorization and given != self.authorization:
            self.strangers.append(given)
            return web.Response(status=401)
        if self.cuts_off_long_ones and (request.content_length or 0) > 500_000:
            assert request.transport is not None
            request.transport.abort()
        try:
            event = json.loads(await request.read())
            run_id, name = event["id"], event["data"]["annotations"]["lambda_function"]
            kind, _, _ = event["type"], event["source"], event["specversion"]
        except (ValueError, KeyError, RecursionError):
            return web.Response(status=400)
        if not name.replace("-", "").isalnum():
            return web.Response(status=422)
        self.taken += 1
        if kind.endswith("fired"):
            self.issues.append(run_id)
            await self._call(run_id, event["data"]["annotations"]["lambda_parameters"])
        return web.json_response(
            {"status": "processed", "event_id": run_id, "correlation_id": run_id}
        )

    async def _call(self, run_id: str, parameters: str) -> None:
        async with (
            aiohttp.ClientSession() as client,
            client.post(
                self.canary,
                data=parameters.encode(),
                headers=build_call_headers(run_id),
                skip_auto_headers=["Content-Type"],
            ) as reply,
        ):
            await reply.read()


HOST = "agent-sre-canary.ai.svc.cluster.local"


class FakeDns:
    """Stands in for DNS, and notes who was asked for."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.ports: dict[int, int] = {}
        """From ports of the canary's Service to ours."""
        self._real = socket.getaddrinfo
        patch.setattr(socket, "getaddrinfo", self._answer)

    def route_ports(self, ports: Mapping[int, int]) -> None:
        self.ports |= ports

    def _answer(self, host: str, port: int, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - as the library's
        if host in ("127.0.0.1", "localhost"):
            return self._real(host, port, *rest, **more)
        self.asked.append(host)
        if host != HOST:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return self._real("127.0.0.1", self.ports.get(int(port), 9), *rest, **more)
