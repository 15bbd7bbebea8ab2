"""Which spans of a trace belong to one event: a trace may hold several, and others' spans. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.tempo.parts import Part, Rules
from exporter.tempo.trace import Span, Trace, mentions


@dataclass(frozen=True, slots=True)
class Scope:
    """What one trace holds of one event."""

    spans: tuple[Span, ...]
    """Of agent-sre, by start."""
    by_id: Mapping[str, Span]
    """Every span of the trace, others' too: they may be parents."""
    repeated: int
    """How many further times the event was handled."""
    whole: bool
    """It was handled to its end, and no span on the way is missing."""


def scope(trace: Trace, *, correlation_id: str | None, rules: Rules) -> Scope:
    """The spans of one event; of one that was handled more than once, the first time.

    Args:
        trace: all that was found.
        correlation_id: the event, when a trace may hold others; a trace that does not mention
            it is taken for that of the event.
        rules: what tells the spans apart.
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
    """Whether a parent is missing below the handling; above it, it may be anybody's."""
    above = {id(span) for span in _upwards(handle, by_id)}
    return any(span.parent and span.parent not in by_id for span in found if id(span) not in above)


def _owner(span: Span, by_id: Mapping[str, Span], handles: list[Span]) -> Span:
    """The handling a span belongs to: up its parents, or else the last one begun before it."""
    for above in _upwards(span, by_id):
        if any(above is handle for handle in handles):
            return above
    before = [handle for handle in handles if handle.start <= span.start]
    return before[-1] if before else handles[0]


def _upwards(span: Span, by_id: Mapping[str, Span]) -> Iterator[Span]:
    """A span and its ancestors; a circle ends it."""
    seen: set[str] = set()
    above: Span | None = span
    while above is not None:
        yield above
        seen.add(above.id)
        above = None if above.parent in seen else by_id.get(above.parent)
