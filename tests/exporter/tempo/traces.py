"""Traces in the formats of Tempo, and a fake Tempo with fault injection."""

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
class DrawnSpan:
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


def draw_handled_alert(
    correlation_id: str, *, first: int = 1, start: float = 0.0
) -> list[DrawnSpan]:
    """One alert as agent-sre handles it: an issue in Linear, a health check, the function.

    Args:
        correlation_id: the event.
        first: id of its first span.
        start: when, in seconds after the epoch.
    """
    linear = {"http.url": "https://api.linear.app/graphql", "http.status_code": 200}
    canary = {"http.url": "http://agent-sre-canary.ai.svc.cluster.local/health"}
    event, correlated = {"event_id": correlation_id}, {"correlation_id": correlation_id}
    spans = [
        DrawnSpan(1, "cloudevent.handle", 0.0, 1.0, attributes=event),
        DrawnSpan(2, "alert.process", 0.01, 0.99, 1, attributes=correlated),
        DrawnSpan(3, "POST", 0.02, 0.1, 2, kind=3, attributes=linear),
        DrawnSpan(4, "POST", 0.1, 0.3, 2, kind=3, attributes=linear),
        DrawnSpan(5, "remediation.execute", 0.31, 0.3102, 2),
        DrawnSpan(7, "GET", 0.35, 0.352, 2, kind=3, attributes=canary | {"http.status_code": 200}),
        DrawnSpan(6, "lambda_function.call", 0.6, 0.9, 2, attributes=correlated),
        DrawnSpan(8, "POST", 0.88, 0.884, 6, kind=3, attributes=canary),
    ]
    return [
        replace(
            span,
            id=span.id + first - 1,
            parent=span.parent and span.parent + first - 1,
            start=span.start + start,
            end=span.end + start,
        )
        for span in spans
    ]


def remove_spans(spans: Sequence[DrawnSpan], *names: str) -> list[DrawnSpan]:
    return [span for span in spans if span.name not in names]


def change_span(spans: Sequence[DrawnSpan], name: str, **changes: Any) -> list[DrawnSpan]:  # noqa: ANN401 - as `replace`
    return [replace(span, **changes) if span.name == name else span for span in spans]


@dataclass(frozen=True)
class TempoFormat:
    """Format of a trace in a version of Tempo."""

    resources: str = "batches"
    scopes: str = "scopeSpans"
    is_wrapped: bool = False
    has_hex_ids: bool = False
    has_numeric_enums: bool = False
    """Enums as numbers and times as numbers, instead of names and text."""


TEMPO_FORMATS = {
    "tempo 1": TempoFormat(scopes="instrumentationLibrarySpans"),
    "tempo 2, v1": TempoFormat(),
    "tempo 2, v2": TempoFormat(resources="resourceSpans", is_wrapped=True),
    "otlp json": TempoFormat(resources="resourceSpans", has_hex_ids=True, has_numeric_enums=True),
}


def build_trace_document(
    spans: Sequence[DrawnSpan],
    trace_format: TempoFormat = TEMPO_FORMATS["tempo 2, v1"],
    *,
    trace: str = TRACE,
) -> dict[str, Any]:
    """A trace as the API answers."""
    services = dict.fromkeys(span.service for span in spans)
    batches = [
        {
            "resource": {
                "attributes": _build_attributes({"service.name": service} if service else {})
            },
            trace_format.scopes: [
                {
                    "scope": {"name": "agent-sre"},
                    "spans": [
                        _build_span(each, trace_format, trace)
                        for each in spans
                        if each.service == service
                    ],
                }
            ],
        }
        for service in services
    ]
    inner = {trace_format.resources: batches}
    return {"trace": inner, "metrics": {}} if trace_format.is_wrapped else inner


def _build_span(span: DrawnSpan, trace_format: TempoFormat, trace: str) -> dict[str, Any]:
    kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT"]
    start, end = (EPOCH + round(seconds * 1e9) for seconds in (span.start, span.end))
    code = {"code": 2 if trace_format.has_numeric_enums else "STATUS_CODE_ERROR", "message": "x"}
    span_json = {
        "traceId": _encode_id(bytes.fromhex(trace), trace_format),
        "spanId": _encode_id(span.id.to_bytes(8, "big"), trace_format),
        "name": span.name,
        "kind": span.kind if trace_format.has_numeric_enums else f"SPAN_KIND_{kinds[span.kind]}",
        "startTimeUnixNano": start if trace_format.has_numeric_enums else str(start),
        "endTimeUnixNano": end if trace_format.has_numeric_enums else str(end),
        "attributes": _build_attributes(span.attributes),
        "status": code if span.error else {},
    }
    if span.parent:
        span_json["parentSpanId"] = _encode_id(span.parent.to_bytes(8, "big"), trace_format)
    return span_json


def _encode_id(raw: bytes, trace_format: TempoFormat) -> str:
    return raw.hex() if trace_format.has_hex_ids else base64.b64encode(raw).decode()


def _build_attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _build_value(value)} for key, value in attributes.items()]


def _build_value(value: object) -> dict[str, object]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case list():
            return {"arrayValue": {"values": [_build_value(each) for each in value]}}
    return {"stringValue": value}


_CLAUSE = re.compile(r'span\.correlation_id = "((?:[^"\\]|\\.)*)"')


@dataclass
class FakeTempo:
    """Knows some traces; behaves well unless a knob says otherwise."""

    traces: dict[str, list[DrawnSpan]] = field(default_factory=dict)
    """By trace id in full."""
    shape: TempoFormat = TEMPO_FORMATS["tempo 2, v1"]
    visible_after: int = 0
    """Requests until the spans are ingested; before that nothing is found."""
    searchable: bool = True
    search_status: int = 200
    trace_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of a search that is refused."""
    broken: dict[str, bytes] = field(default_factory=dict)
    """Answers to give instead of a trace."""
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
            if ingested and self.searchable and _has_correlation_id(spans, wanted)
        ]
        limited = found[: int(request.query["limit"])]
        return web.json_response({"traces": limited, "metrics": {"totalBlocks": 1}})

    async def _trace(self, request: web.Request) -> web.Response:
        ingested, name = await self._ingested(request), request.match_info["id"]
        if name in self.broken:
            return web.Response(body=self.broken[name])
        if not ingested or name not in self.traces:
            return web.Response(status=404, text="trace not found")
        document = build_trace_document(self.traces[name], self.shape, trace=name)
        return web.json_response(document, status=self.trace_status)


def _has_correlation_id(spans: Sequence[DrawnSpan], wanted: Sequence[str]) -> bool:
    return any(span.attributes.get("correlation_id") in wanted for span in spans)
