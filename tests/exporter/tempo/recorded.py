"""Traces in the shapes Tempo gives them, and a small Tempo with a knob for every fault."""

import asyncio
import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiohttp import web

SENT_AT = 1_700_000_000.0
EPOCH = 1_700_000_000_000_000_000
TRACE = "0af7651916cd43dd8448eb211c80319c"


@dataclass(frozen=True)
class Drawn:
    """A span; ids are numbers, times are seconds after an epoch."""

    id: int
    name: str
    start: float
    end: float
    parent: int = 0
    kind: int = 1
    error: bool = False
    service: str = "agent-sre"
    attributes: Mapping[str, Any] = field(default_factory=dict)


def handled(correlation_id: str, *, first: int = 1, at: float = 0.0) -> list[Drawn]:
    """One alert as agent-sre handles it: an issue in Linear, then the function.

    Args:
        correlation_id: the event.
        first: id of its first span.
        at: when, in seconds after the epoch.
    """
    linear = {"http.url": "https://api.linear.app/graphql", "http.status_code": 200}
    canary = {"http.url": "http://agent-sre-canary.ai.svc.cluster.local/health"}
    event, correlated = {"event_id": correlation_id}, {"correlation_id": correlation_id}
    spans = [
        Drawn(1, "cloudevent.handle", 0.0, 1.0, attributes=event),
        Drawn(2, "alert.process", 0.01, 0.99, 1, attributes=correlated),
        Drawn(3, "POST", 0.02, 0.1, 2, kind=3, attributes=linear),
        Drawn(4, "POST", 0.1, 0.3, 2, kind=3, attributes=linear),
        Drawn(5, "remediation.execute", 0.31, 0.3102, 2),
        Drawn(6, "lambda_function.call", 0.4, 0.9, 2, attributes=correlated),
        Drawn(7, "GET", 0.41, 0.42, 6, kind=3, attributes=canary),
        Drawn(8, "POST", 0.43, 0.89, 6, kind=3, attributes=canary),
    ]
    return [
        replace(
            span,
            id=span.id + first - 1,
            parent=span.parent and span.parent + first - 1,
            start=span.start + at,
            end=span.end + at,
        )
        for span in spans
    ]


def without(spans: Sequence[Drawn], *names: str) -> list[Drawn]:
    return [span for span in spans if span.name not in names]


def changed(spans: Sequence[Drawn], name: str, **changes: Any) -> list[Drawn]:  # noqa: ANN401 - as `replace`
    return [replace(span, **changes) if span.name == name else span for span in spans]


@dataclass(frozen=True)
class Shape:
    """How a version of Tempo writes a trace."""

    resources: str = "batches"
    scopes: str = "scopeSpans"
    wrapped: bool = False
    hex_ids: bool = False
    numbers: bool = False
    """Enums as numbers and times as numbers, instead of names and text."""


SHAPES = {
    "tempo 1": Shape(scopes="instrumentationLibrarySpans"),
    "tempo 2, v1": Shape(),
    "tempo 2, v2": Shape(resources="resourceSpans", wrapped=True),
    "otlp json": Shape(resources="resourceSpans", hex_ids=True, numbers=True),
}


def document(
    spans: Sequence[Drawn], shape: Shape = SHAPES["tempo 2, v1"], *, trace: str = TRACE
) -> dict[str, Any]:
    """A trace as the API answers."""
    services = dict.fromkeys(span.service for span in spans)
    batches = [
        {
            "resource": {"attributes": _attributes({"service.name": service} if service else {})},
            shape.scopes: [
                {
                    "scope": {"name": "agent-sre"},
                    "spans": [
                        _span(each, shape, trace) for each in spans if each.service == service
                    ],
                }
            ],
        }
        for service in services
    ]
    inner = {shape.resources: batches}
    return {"trace": inner, "metrics": {}} if shape.wrapped else inner


def _span(span: Drawn, shape: Shape, trace: str) -> dict[str, Any]:
    kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT"]
    start, end = (EPOCH + round(seconds * 1e9) for seconds in (span.start, span.end))
    code = {"code": 2 if shape.numbers else "STATUS_CODE_ERROR", "message": "x"}
    written = {
        "traceId": _id(bytes.fromhex(trace), shape),
        "spanId": _id(span.id.to_bytes(8, "big"), shape),
        "name": span.name,
        "kind": span.kind if shape.numbers else f"SPAN_KIND_{kinds[span.kind]}",
        "startTimeUnixNano": start if shape.numbers else str(start),
        "endTimeUnixNano": end if shape.numbers else str(end),
        "attributes": _attributes(span.attributes),
        "status": code if span.error else {},
    }
    if span.parent:
        written["parentSpanId"] = _id(span.parent.to_bytes(8, "big"), shape)
    return written


def _id(raw: bytes, shape: Shape) -> str:
    return raw.hex() if shape.hex_ids else base64.b64encode(raw).decode()


def _attributes(plain: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in plain.items()]


def _value(value: object) -> dict[str, object]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": value}


_CLAUSE = re.compile(r'span\.correlation_id = "((?:[^"\\]|\\.)*)"')


@dataclass
class FakeTempo:
    """Knows some traces; behaves well unless a knob says otherwise."""

    traces: dict[str, list[Drawn]] = field(default_factory=dict)
    """By trace id in full."""
    shape: Shape = SHAPES["tempo 2, v1"]
    visible_after: int = 0
    """Requests until the spans are ingested; before that nothing is found."""
    searchable: bool = True
    search_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of a search that is refused."""
    broken: dict[str, bytes] = field(default_factory=dict)
    """What to answer for a trace instead of it."""
    hang: bool = False
    asked: list[str] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/api/search", self._search)
        app.router.add_get("/api/traces/{id}", self._trace)
        app.router.add_get("/api/v2/traces/{id}", self._trace)
        app.on_shutdown.append(self._end)
        return app

    async def _end(self, _: web.Application) -> None:
        self._over.set()

    async def _ingested(self, request: web.Request) -> bool:
        self.asked.append(request.path)
        if self.hang:
            await self._over.wait()
        return len(self.asked) > self.visible_after

    async def _search(self, request: web.Request) -> web.Response:
        ingested = await self._ingested(request)
        self.queries.append(dict(request.query))
        if self.search_status != 200:
            return web.Response(status=self.search_status, text="no", headers=self.headers)
        wanted = _CLAUSE.findall(request.query["q"])
        found = [
            {
                "traceID": name.lstrip("0"),
                "rootServiceName": "agent-sre",
                "rootTraceName": "cloudevent.handle",
                "startTimeUnixNano": "1700000000000000000",
                "durationMs": 1000,
                "spanSets": [{"spans": [], "matched": 1}],
            }
            for name, spans in self.traces.items()
            if ingested and self.searchable and _holds(spans, wanted)
        ]
        limited = found[: int(request.query["limit"])]
        return web.json_response({"traces": limited, "metrics": {"totalBlocks": 1}})

    async def _trace(self, request: web.Request) -> web.Response:
        ingested, name = await self._ingested(request), request.match_info["id"]
        if name in self.broken:
            return web.Response(body=self.broken[name])
        if not ingested or name not in self.traces:
            return web.Response(status=404, text="trace not found")
        return web.json_response(document(self.traces[name], self.shape, trace=name))


def _holds(spans: Sequence[Drawn], wanted: Sequence[str]) -> bool:
    return any(span.attributes.get("correlation_id") in wanted for span in spans)
