"""A trace as we use it: spans with ids in hex and times in nanoseconds. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Span:
    """One piece of work of one service."""

    name: str
    service: str
    """Empty when the resource does not say."""
    id: str
    """Hex; empty when it could not be read."""
    parent: str
    """Hex; empty for a root."""
    start: int
    """Nanoseconds since 1970, by the clock of its service."""
    end: int
    kind: str = ""
    """server, client, ...; empty when the span does not say."""
    failed: bool = False
    attributes: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it took; negative when its clock went back."""
        return (self.end - self.start) / 1e9


@dataclass(frozen=True, slots=True)
class Trace:
    """What was found of one trace."""

    spans: tuple[Span, ...] = ()
    partial: bool = False
    """The source says that it left spans out."""
    unreadable: int = 0
    """Spans that were no spans."""


def merged(traces: Iterable[Trace]) -> Trace:
    """Several traces of one event as one."""
    traces = tuple(traces)
    return Trace(
        spans=tuple(span for trace in traces for span in trace.spans),
        partial=any(trace.partial for trace in traces),
        unreadable=sum(trace.unreadable for trace in traces),
    )


def mentions(span: Span, correlation_id: str) -> bool:
    """Whether a span says that it belongs to an event."""
    return correlation_id in (
        span.attributes.get("correlation_id"),
        span.attributes.get("event_id"),
    )
