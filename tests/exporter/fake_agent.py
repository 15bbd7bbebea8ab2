"""A tiny agent-sre: takes an event and calls the canary, with one knob per way to fail."""

import asyncio
import json
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web


@dataclass
class FakeAgent:
    """Behaves well unless a knob says otherwise."""

    canary: str = ""
    """Base URL of the canary; set once it listens."""
    status: int = 200
    executions: int = 1
    edits: dict[str, object] = field(default_factory=dict)
    """Parameters to overwrite on the way."""
    event_id: str | None = None
    """The ce-id to send instead of the event's own."""
    drops_probe_id: bool = False
    asks_health: bool = True
    call_after: float = 0.0
    """Seconds between health check and call."""
    replies: bool = True
    cuts_connection: bool = False
    events: list[dict[str, object]] = field(default_factory=list)
    canary_statuses: list[int] = field(default_factory=list)
    received: asyncio.Event = field(default_factory=asyncio.Event)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    def app(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/", self._take)
        application.on_shutdown.append(self._let_go)
        return application

    async def _let_go(self, _: web.Application) -> None:
        self.over.set()

    async def _take(self, request: web.Request) -> web.Response:
        event = json.loads(await request.read())
        assert request.headers["Content-Type"] == "application/cloudevents+json"
        self.events.append(event)
        self.received.set()
        for _ in range(self.executions):
            await self._call(event)
        if self.cuts_connection:
            assert request.transport is not None
            request.transport.abort()
        if not self.replies:
            await self.over.wait()
        return web.json_response({"status": "processed"}, status=self.status)

    async def _call(self, event: dict[str, object]) -> None:
        data = event["data"]
        assert isinstance(data, dict)
        parameters = json.loads(data["annotations"]["lambda_parameters"]) | self.edits
        if self.drops_probe_id:
            del parameters["probe_id"]
        async with aiohttp.ClientSession() as client:
            if self.asks_health:
                async with client.get(f"{self.canary}/health") as reply:
                    assert (await reply.json()) == {"status": "ok"}
            await asyncio.sleep(self.call_after)
            run_id = self.event_id or str(event["id"])
            async with client.post(
                self.canary,
                data=json.dumps(parameters).encode(),
                headers=call_headers(run_id),
                skip_auto_headers=["Content-Type"],
            ) as reply:
                self.canary_statuses.append(reply.status)
                self.called.set()


def call_headers(run_id: str) -> dict[str, str]:
    """The headers agent-sre sends to a function."""
    return {
        "ce-specversion": "1.0",
        "ce-type": "io.homelab.agent-sre.remediation.request",
        "ce-source": "agent-sre",
        "ce-id": run_id,
        "ce-correlationid": run_id,
        "x-correlation-id": run_id,
        "ce-time": "2026-11-23T00:00:00Z",
    }
