"""Trace model: spans with ids in hex and times in nanoseconds. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool


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
