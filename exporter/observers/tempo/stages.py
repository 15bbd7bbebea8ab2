"""Spans to stage times of one event."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from exporter.observers.tempo.trace import Span, Trace, mentions
from slos.schema.contract import Stage

_URLS = ("url.full", "http.url")
_HOSTS = ("server.address", "net.peer.name", "http.host")


class Part(StrEnum):
    """Roles of spans."""

    HANDLE = "cloudevent.handle"
    ALERT = "alert.process"
    EXECUTE = "remediation.execute"
    """Opened and closed before the function call, so its duration is not used."""
    CALL = "lambda_function.call"
    HEALTH_REQUEST = "lambda_function.call GET"
    CALL_REQUEST = "lambda_function.call POST"
    LINEAR = "linear"
    VERIFICATION = "verification"


_NAMED = {str(part): part for part in (Part.HANDLE, Part.ALERT, Part.EXECUTE, Part.CALL)}
_REQUESTS = {
    "GET": Part.HEALTH_REQUEST,
    "HTTP GET": Part.HEALTH_REQUEST,
    "POST": Part.CALL_REQUEST,
    "HTTP POST": Part.CALL_REQUEST,
}


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that identify the spans of agent-sre."""

    service: str = "agent-sre"
    verification: frozenset[str] = frozenset({"verification", "remediation.verify", "alert.verify"})
    linear_hosts: frozenset[str] = frozenset({"api.linear.app"})


def part_of(span: Span, spans: Mapping[str, Span], rules: Rules) -> Part | None:
    """Classify a span; None when it has no role.

    Args:
        span: a span of agent-sre.
        spans: all spans of the trace by id.
        rules: rules that identify spans.
    """
    if span.name in _NAMED:
        return _NAMED[span.name]
    if span.name in rules.verification:
        return Part.VERIFICATION
    if span.kind not in ("client", ""):
        return None
    if host(span) in rules.linear_hosts:
        return Part.LINEAR
    parent = spans.get(span.parent)
    if parent is not None and parent.name == Part.CALL:
        return _REQUESTS.get(span.name)
    return None


def host(span: Span) -> str:
    """Return the host of a request, by old and new attribute conventions; empty if unknown."""
    for key in _URLS:
        try:
            found = urlsplit(str(span.attributes.get(key, ""))).hostname
        except ValueError:
            continue
        if found:
            return found
    for key in _HOSTS:
        found = str(span.attributes.get(key, ""))
        if found:
            return found.partition(":")[0].lower()
    return ""


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


_Groups = Mapping[Part, Sequence[Span]]


@dataclass(frozen=True, slots=True)
class TraceTimes:
    """Times of one event, in seconds."""

    stages: Mapping[Stage, float]
    durations: Mapping[Part, float]
    """Duration of the first span of each role; of the calls to Linear, all before the function
    call."""
    failed: frozenset[Part]
    """Roles of which a span has an error."""
    repeated: Mapping[Part, int]
    """Roles that ran more than once, with the number of repetitions. Never calls to Linear:
    agent-sre makes several for one issue."""
    dropped: int
    """Number of spans and stages dropped because they end before they begin."""
    whole: bool
    """True if the event was handled to its end and no span is missing; another search is not
    needed."""


def stages(
    trace: Trace, *, correlation_id: str | None = None, rules: Rules | None = None
) -> TraceTimes:
    """Compute the stage times of one event.

    Args:
        trace: the trace.
        correlation_id: correlation id of the event, when the trace may hold others.
        rules: rules that identify spans.
    """
    rules = rules or Rules()
    found = scope(trace, correlation_id=correlation_id, rules=rules)
    groups = _groups(found, rules)
    derived = _derived(groups, whole=found.whole)
    dropped = sum(span.end < span.start for span in found.spans)
    return TraceTimes(
        stages={stage: derived[stage] for stage in Stage if derived.get(stage, -1.0) >= 0},
        durations=_durations(groups),
        failed=frozenset(part for part, spans in groups.items() if any(s.failed for s in spans)),
        repeated=_repeated(groups, found.repeated),
        dropped=dropped + sum(seconds < 0 for seconds in derived.values()),
        whole=found.whole,
    )


def _groups(found: Scope, rules: Rules) -> _Groups:
    """Group spans by role, by start, without those that end before they begin."""
    groups: dict[Part, list[Span]] = defaultdict(list)
    for span in found.spans:
        part = part_of(span, found.by_id, rules)
        if part is not None and span.end >= span.start:
            groups[part].append(span)
    return dict(groups)


def _durations(groups: _Groups) -> dict[Part, float]:
    found = {part: spans[0].seconds for part, spans in groups.items()}
    if Part.LINEAR in groups:
        found[Part.LINEAR] = _covered(_linear(groups))
    return found


def _repeated(groups: _Groups, handled: int) -> dict[Part, int]:
    more = {part: len(spans) - 1 for part, spans in groups.items()} | {Part.HANDLE: handled}
    return {part: count for part, count in more.items() if count and part is not Part.LINEAR}


def _derived(groups: _Groups, *, whole: bool) -> dict[Stage, float]:
    """Derive all known stage times; negative when clocks contradict each other."""
    found: dict[Stage, float] = {}
    handle, alert, call, verification = (
        next(iter(groups.get(part, ())), None)
        for part in (Part.HANDLE, Part.ALERT, Part.CALL, Part.VERIFICATION)
    )
    linear = _linear(groups)
    # In an incomplete trace without a call, the call itself may be missing.
    if handle and (call or whole):
        found[Stage.CLOUDEVENT_PROCESSING] = handle.seconds - _covered(
            groups.get(Part.CALL, ()), within=(handle.start, handle.end)
        )
    if linear and not linear[-1].failed:
        found[Stage.LINEAR_ISSUE_CREATION] = _covered(linear)
    if alert and call:
        window = (alert.start, call.start)
        found[Stage.REMEDIATION_SELECTION] = _seconds(window) - _covered(linear, within=window)
    if call and not call.failed:
        found[Stage.LAMBDA_EXECUTION] = call.seconds
    if verification and not verification.failed:
        found[Stage.VERIFICATION] = verification.seconds
    return found


def _linear(groups: _Groups) -> Sequence[Span]:
    """Select the calls to Linear that open the issue: those before the function call.

    There may be two, the look-up of the team and the issue; a call after a failed function call
    opens another issue.
    """
    spans = groups.get(Part.LINEAR, ())
    calls = groups.get(Part.CALL, ())
    return [span for span in spans if not calls or span.start < calls[0].start]


def _covered(spans: Iterable[Span], within: tuple[int, int] | None = None) -> float:
    """Sum the seconds in which at least one of the spans ran; the spans are sorted by start."""
    total, covered_to = 0, within[0] if within else 0
    for span in spans:
        end = min(span.end, within[1]) if within else span.end
        total += max(0, end - max(span.start, covered_to))
        covered_to = max(covered_to, end)
    return total / 1e9


def _seconds(window: tuple[int, int]) -> float:
    return (window[1] - window[0]) / 1e9
