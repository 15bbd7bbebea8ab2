"""OTLP JSON to spans."""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Scalar = str | int | float | bool

_HEX = re.compile(r"(?:[0-9a-fA-F]{16}){1,2}")
_ID_BYTES = (8, 16)
_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
_FAILED = (2, "2", "STATUS_CODE_ERROR", "ERROR")


@dataclass(frozen=True, slots=True)
class Span:
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

    spans: tuple[Span, ...] = ()
    partial: bool = False
    """True if the source reports that spans were left out."""
    unreadable: int = 0
    """Number of spans that could not be parsed."""


def merged(traces: Iterable[Trace]) -> Trace:
    """Merge several traces of one event into one."""
    traces = tuple(traces)
    return Trace(
        spans=tuple(span for trace in traces for span in trace.spans),
        partial=any(trace.partial for trace in traces),
        unreadable=sum(trace.unreadable for trace in traces),
    )


def mentions(span: Span, correlation_id: str) -> bool:
    """Return True if a span names an event by its correlation id."""
    return correlation_id in (
        span.attributes.get("correlation_id"),
        span.attributes.get("event_id"),
    )


def read_trace(document: object) -> Trace:
    """Parse the response of `/api/traces/<id>` or `/api/v2/traces/<id>`.

    Raises:
        ValueError: it is no trace. Single invalid spans are counted instead.
    """
    if not isinstance(document, Mapping):
        raise ValueError("a trace is a JSON object")  # noqa: TRY004 - a wrong value, not a bug
    inner = document.get("trace", document)
    if not isinstance(inner, Mapping):
        raise ValueError("'trace' is no JSON object")  # noqa: TRY004 - likewise
    batches = _list(inner, "resourceSpans", "batches")
    if batches is None and inner is document:
        raise ValueError("there is neither resourceSpans nor batches")
    partial = document.get("status") in ("PARTIAL", 1)
    return _trace(batches or [], partial=partial)


def _trace(batches: list[Any], *, partial: bool) -> Trace:
    """Build a trace with each span once, in the given order: storage keeps copies of some."""
    spans: dict[object, Span] = {}
    unreadable = 0
    for service, raw in _raw_spans(batches):
        span = _span(service, raw)
        if span is None:
            unreadable += 1
        else:
            spans.setdefault((span.id, span.service, span.name) if span.id else object(), span)
    return Trace(tuple(spans.values()), partial, unreadable)


def _raw_spans(batches: list[Any]) -> Iterator[tuple[str, object]]:
    for batch in batches:
        resource = _attributes(_child(batch, "resource"))
        service = resource.get("service.name", "")
        for scope in _list(batch, "scopeSpans", "instrumentationLibrarySpans") or []:
            for raw in _list(scope, "spans") or []:
                yield str(service), raw


def _span(service: str, raw: object) -> Span | None:
    if not isinstance(raw, Mapping):
        return None
    name, start, end = raw.get("name"), *map(_integer, _times(raw))
    if not isinstance(name, str) or start is None or end is None:
        return None
    return Span(
        name=name,
        service=service,
        id=hex_id(raw.get("spanId")),
        parent=hex_id(raw.get("parentSpanId")),
        start=start,
        end=end,
        kind=_kind(raw.get("kind")),
        failed=_child(raw, "status").get("code") in _FAILED,
        attributes=_attributes(raw),
    )


def _times(raw: Mapping[str, Any]) -> tuple[object, object]:
    """Return start and end; a span without an end was never closed and ends at 0."""
    return raw.get("startTimeUnixNano"), raw.get("endTimeUnixNano", 0)


def hex_id(written: object) -> str:
    """Convert an id to hex, from hex or base64, told apart by length; empty if it is invalid."""
    if not isinstance(written, str):
        return ""
    if _HEX.fullmatch(written):
        raw = bytes.fromhex(written)
    else:
        bare = written.rstrip("=").replace("-", "+").replace("_", "/")
        try:
            raw = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
        except ValueError:
            return ""
    return raw.hex() if len(raw) in _ID_BYTES and any(raw) else ""


def _kind(written: object) -> str:
    if isinstance(written, int):
        return _KINDS.get(written, "")
    if not isinstance(written, str):
        return ""
    name = written.removeprefix("SPAN_KIND_").lower()
    return name if name in _KINDS.values() else ""


def _attributes(of: Mapping[str, Any]) -> dict[str, Scalar]:
    """Parse the attributes that have one scalar value."""
    found: dict[str, Scalar] = {}
    for entry in _list(of, "attributes") or []:
        key, value = _child_of(entry, "key"), _scalar(_child(entry, "value"))
        if isinstance(key, str) and value is not None:
            found[key] = value
    return found


def _scalar(value: Mapping[str, Any]) -> Scalar | None:
    match value:
        case {"stringValue": str(text)}:
            return text
        case {"boolValue": bool(answer)}:
            return answer
        case {"intValue": number}:
            return _integer(number)
        case {"doubleValue": (int() | float()) as number}:
            return number
    return None


def _integer(written: object) -> int | None:
    """Parse a 64-bit number, which JSON may hold as text."""
    number = None
    match written:
        case bool():
            pass
        case int():
            number = written
        case float() if written.is_integer():
            number = int(written)
        case str() if re.fullmatch(r"-?[0-9]{1,20}", written):
            number = int(written)
    return number if number is not None and abs(number) < 2**64 else None


def _child_of(of: object, key: str) -> object:
    return of.get(key) if isinstance(of, Mapping) else None


def _child(of: object, key: str) -> Mapping[str, Any]:
    found = _child_of(of, key)
    return found if isinstance(found, Mapping) else {}


def _list(of: object, *keys: str) -> list[Any] | None:
    """Return the first of some keys that holds a list."""
    lists = (_child_of(of, key) for key in keys)
    return next((found for found in lists if isinstance(found, list)), None)
