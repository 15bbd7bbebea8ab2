"""Decoder of OTLP JSON into spans."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Scalar = str | int | float | bool

_HEX = re.compile(r"(?:[0-9a-fA-F]{16}){1,2}")
_ID_BYTES = (8, 16)
_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_ERROR_CODES = (2, "2", "STATUS_CODE_ERROR", "ERROR")


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """One span of one service."""

    name: str
    service: str
    """Empty when the resource does not name it."""
    id: str
    """Hex; empty when it could not be read."""
    parent: str
    """Hex; empty for a root."""
    start: int
    """Nanoseconds since 1970, by the clock of its service."""
    end: int
    kind: str = ""
    """server, client, ...; empty when the span has none."""
    failed: bool = False
    attributes: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Duration; negative when the clock was set back."""
        return (self.end - self.start) / 1e9


@dataclass(frozen=True, slots=True)
class Trace:
    """Spans found of one trace."""

    spans: tuple[TraceSpan, ...] = ()
    partial: bool = False
    """True if the source reports that spans were left out."""
    unreadable: int = 0
    """Number of spans that could not be parsed."""


def merge_traces(traces: Iterable[Trace]) -> Trace:
    """Merge several traces of one event into one."""
    traces = tuple(traces)
    return Trace(
        spans=tuple(span for trace in traces for span in trace.spans),
        partial=any(trace.partial for trace in traces),
        unreadable=sum(trace.unreadable for trace in traces),
    )


def mentions_event(span: TraceSpan, correlation_id: str) -> bool:
    """Return True if a span names an event by its correlation id."""
    return correlation_id in (
        span.attributes.get("correlation_id"),
        span.attributes.get("event_id"),
    )


def parse_trace(document: object) -> Trace:
    """Parse the response of `/api/traces/<id>` or `/api/v2/traces/<id>`.

    Raises:
        ValueError: it is no trace. Single invalid spans are counted instead.
    """
    if not isinstance(document, Mapping):
        raise ValueError("the trace is not a JSON object")  # noqa: TRY004 - a wrong value, not a bug
    inner = document.get("trace", document)
    if not isinstance(inner, Mapping):
        raise ValueError("'trace' is not a JSON object")  # noqa: TRY004 - likewise
    batches = _get_list(inner, "resourceSpans", "batches")
    if batches is None and inner is document:
        raise ValueError("there is neither resourceSpans nor batches")
    partial = document.get("status") in ("PARTIAL", 1)
    return _build_trace(batches or [], partial=partial)


def _build_trace(batches: list[Any], *, partial: bool) -> Trace:
    """Build a trace with each span once, in the given order: storage keeps copies of some."""
    spans: dict[object, TraceSpan] = {}
    unreadable = 0
    for service, raw in _iter_raw_spans(batches):
        span = _parse_span(service, raw)
        if span is None:
            unreadable += 1
        else:
            spans.setdefault((span.id, span.service, span.name) if span.id else object(), span)
    return Trace(tuple(spans.values()), partial, unreadable)


def _iter_raw_spans(batches: list[Any]) -> Iterator[tuple[str, object]]:
    for batch in batches:
        resource = _parse_attributes(_get_mapping(batch, "resource"))
        service = resource.get("service.name", "")
        for scope in _get_list(batch, "scopeSpans", "instrumentationLibrarySpans") or []:
            for raw in _get_list(scope, "spans") or []:
                yield str(service), raw


def _parse_span(service: str, raw: object) -> TraceSpan | None:
    if not isinstance(raw, Mapping):
        return None
    name, start, end = raw.get("name"), *map(_parse_integer, _get_times(raw))
    if not isinstance(name, str) or start is None or end is None:
        return None
    return TraceSpan(
        name=name,
        service=service,
        id=to_hex_id(raw.get("spanId")),
        parent=to_hex_id(raw.get("parentSpanId")),
        start=start,
        end=end,
        kind=_parse_kind(raw.get("kind")),
        failed=_get_mapping(raw, "status").get("code") in _ERROR_CODES,
        attributes=_parse_attributes(raw),
    )


def _get_times(raw: Mapping[str, Any]) -> tuple[object, object]:
    """Return start and end; a span without an end was never closed and ends at 0."""
    return raw.get("startTimeUnixNano"), raw.get("endTimeUnixNano", 0)


def to_hex_id(text: object) -> str:
    """Convert an id to hex, from hex or base64, told apart by length; empty if it is invalid."""
    if not isinstance(text, str):
        return ""
    if _HEX.fullmatch(text):
        raw = bytes.fromhex(text)
    else:
        unpadded = text.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            raw = base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
        except ValueError:
            return ""
    return raw.hex() if len(raw) in _ID_BYTES and any(raw) else ""


def _parse_kind(value: object) -> str:
    if isinstance(value, int):
        return _KINDS.get(value, "")
    if not isinstance(value, str):
        return ""
    name = value.removeprefix("SPAN_KIND_").lower()
    return name if name in _KINDS.values() else ""


def _parse_attributes(node: Mapping[str, Any]) -> dict[str, Scalar]:
    """Parse the attributes that have one scalar value."""
    attributes: dict[str, Scalar] = {}
    for entry in _get_list(node, "attributes") or []:
        key, value = _get_value(entry, "key"), _parse_scalar(_get_mapping(entry, "value"))
        if isinstance(key, str) and value is not None:
            attributes[key] = value
    return attributes


def _parse_scalar(value: Mapping[str, Any]) -> Scalar | None:
    match value:
        case {"stringValue": str(text)}:
            return text
        case {"boolValue": bool(flag)}:
            return flag
        case {"intValue": number}:
            return _parse_integer(number)
        case {"doubleValue": (int() | float()) as number}:
            return number
    return None


def _parse_integer(value: object) -> int | None:
    """Parse a 64-bit number, which JSON may hold as text."""
    number = None
    match value:
        case bool():
            pass
        case int():
            number = value
        case float() if value.is_integer():
            number = int(value)
        case str() if re.fullmatch(r"-?[0-9]{1,20}", value):
            number = int(value)
    return number if number is not None and abs(number) < 2**64 else None


def _get_value(node: object, key: str) -> object:
    return node.get(key) if isinstance(node, Mapping) else None


def _get_mapping(node: object, key: str) -> Mapping[str, Any]:
    child = _get_value(node, key)
    return child if isinstance(child, Mapping) else {}


def _get_list(node: object, *keys: str) -> list[Any] | None:
    """Return the first of some keys that holds a list."""
    lists = (_get_value(node, key) for key in keys)
    return next((child for child in lists if isinstance(child, list)), None)
