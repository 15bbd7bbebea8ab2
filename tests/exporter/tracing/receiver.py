"""A small OTLP/HTTP receiver: keeps every span it is sent."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Receiver:
    """Takes spans; `status` and `hang` make it fail."""

    status: int = 200
    hang: bool = False
    requests: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    bodies: bytes = b""
    resource: dict[str, str] = field(default_factory=dict)
    scope: str = ""
    spans: dict[str, Span] = field(default_factory=dict)
    """By name."""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        app.on_shutdown.append(self._end)
        return app

    async def _end(self, _: web.Application) -> None:
        self.over.set()

    async def _take(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.headers = request.headers
        body = await request.read()
        if self.hang:
            await self.over.wait()
        if self.status == 200:
            self.bodies += body
            self._keep(ExportTraceServiceRequest.FromString(body))
        return web.Response(status=self.status)

    def _keep(self, sent: ExportTraceServiceRequest) -> None:
        for batch in sent.resource_spans:
            self.resource = {
                each.key: each.value.string_value for each in batch.resource.attributes
            }
            for scope in batch.scope_spans:
                self.scope = scope.scope.name
                self.spans |= {span.name: span for span in scope.spans}
