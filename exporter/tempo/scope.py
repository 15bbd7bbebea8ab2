"""Selection of the spans of one event. Pure.

A trace may hold several events, and spans of other services.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.tempo.parts import Part, Rules
from exporter.tempo.trace import Span, Trace, mentions


@dataclass(frozen=True, slots=True)
class Scope:
    """Spans of one event in a trace."""

    spans: tuple[Span, ...]
    """Spans of agent-sre, by start."""
    by_id: Mapping[str, Span]
    """All spans of the trace, those of other services included: they may be parents."""
    repeated: int
    """Number of further times the event was handled."""
    whole: bool
    """True if the event was handled to its end and no span in between is missing."""


def scope(trace: Trace, *, correlation_id: str | None, rules: Rules) -> Scope:
    """Select the spans of one event; of an event that was handled more than once, the first time.

    Args:
        trace: the trace.
        correlation_id: correlation id of the event, when the trace may hold others; a trace without
            it is taken for that of the event.
        rules: rules that identify spans.
    """
    by_id = {span.id: span for span in trace.spans if span.id}
    ours = sorted(
        (span for span in trace.spans if span.service in ("", rules.service)),
        key=lambda span: (span.start, span.end),
    )
    handles = [span for span in ours if span.name == Part.HANDLE]
    if not handles:
        return Scope(tuple(ours), by_id, 0, whole=False)
    owners = {id(span): _owner(span, by_id, handles) for span in ours}
    asked = {
        id(owners[id(span)]) for span in ours if correlation_id and mentions(span, correlation_id)
    }
    mine = [handle for handle in handles if id(handle) in asked] or handles
    found = tuple(span for span in ours if owners[id(span)] is mine[0])
    whole = not _holes(found, mine[0], by_id) and not trace.partial and not trace.unreadable
    return Scope(found, by_id, len(mine) - 1, whole)


def _holes(found: tuple[Span, ...], handle: Span, by_id: Mapping[str, Span]) -> bool:
    """Return True if a parent is missing below the handling span.

    Above it, a parent may be any service's.
    """
    above = {id(span) for span in _upwards(handle, by_id)}
    return any(span.parent and span.parent not in by_id for span in found if id(span) not in above)


def _owner(span: Span, by_id: Mapping[str, Span], handles: list[Span]) -> Span:
    """Find the handling span of a span.

    It is among its ancestors, or else the last one started before it.
    """
    for above in _upwards(span, by_id):
        if any(above is handle for handle in handles):
            return above
    before = [handle for handle in handles if handle.start <= span.start]
    return before[-1] if before else handles[0]


def _upwards(span: Span, by_id: Mapping[str, Span]) -> Iterator[Span]:
    """Iterate over a span and its ancestors; a circle ends the iteration."""
    seen: set[str] = set()
    above: Span | None = span
    while above is not None:
        yield above
        seen.add(above.id)
        above = None if above.parent in seen else by_id.get(above.parent)
