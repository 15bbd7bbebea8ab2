"""Stage times of one event, from its spans."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from exporter.observers.tempo.trace import Trace, TraceSpan, mentions_event
from slos.schema.contract import Stage

_URL_ATTRIBUTES = ("url.full", "http.url")
_HOST_ATTRIBUTES = ("server.address", "net.peer.name", "http.host")


class SpanRole(StrEnum):
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


_ROLES_BY_NAME = {
    str(part): part for part in (SpanRole.HANDLE, SpanRole.ALERT, SpanRole.EXECUTE, SpanRole.CALL)
}
_ROLES_BY_METHOD = {
    "GET": SpanRole.HEALTH_REQUEST,
    "HTTP GET": SpanRole.HEALTH_REQUEST,
    "POST": SpanRole.CALL_REQUEST,
    "HTTP POST": SpanRole.CALL_REQUEST,
}


@dataclass(frozen=True, slots=True)
class SpanRules:
    """Rules that identify the spans of agent-sre."""

    service: str = "agent-sre"
    verification: frozenset[str] = frozenset({"verification", "remediation.verify", "alert.verify"})
    linear_hosts: frozenset[str] = frozenset({"api.linear.app"})


def classify_span(
    span: TraceSpan, spans: Mapping[str, TraceSpan], rules: SpanRules
) -> SpanRole | None:
    """Classify a span; None when it has no role.

    Args:
        span: a span of agent-sre.
        spans: all spans of the trace by id.
        rules: rules that identify spans.
    """
    if span.name in _ROLES_BY_NAME:
        return _ROLES_BY_NAME[span.name]
    if span.name in rules.verification:
        return SpanRole.VERIFICATION
    if span.kind not in ("client", ""):
        return None
    if get_host(span) in rules.linear_hosts:
        return SpanRole.LINEAR
    parent = spans.get(span.parent)
    if parent is not None and parent.name == SpanRole.CALL:
        return _ROLES_BY_METHOD.get(span.name)
    return None


def get_host(span: TraceSpan) -> str:
    """Return the host of a request, by old and new attribute conventions; empty if unknown."""
    for key in _URL_ATTRIBUTES:
        try:
            host_name = urlsplit(str(span.attributes.get(key, ""))).hostname
        except ValueError:
            continue
        if host_name:
            return host_name
    for key in _HOST_ATTRIBUTES:
        host_name = str(span.attributes.get(key, ""))
        if host_name:
            return host_name.partition(":")[0].lower()
    return ""


@dataclass(frozen=True, slots=True)
class EventSpans:
    """Spans of one event in a trace."""

    spans: tuple[TraceSpan, ...]
    """Spans of agent-sre, by start."""
    by_id: Mapping[str, TraceSpan]
    """All spans of the trace, those of other services included: they may be parents."""
    repeated: int
    """Number of further times the event was handled."""
    is_complete: bool
    """True if the event was handled to its end and no span in between is missing."""


def select_event_spans(trace: Trace, *, correlation_id: str | None, rules: SpanRules) -> EventSpans:
    """Select the spans of one event; of an event that was handled more than once, the first time.

    Args:
        trace: the trace.
        correlation_id: correlation id of the event, when the trace may hold others; a trace without
            it is taken for that of the event.
        rules: rules that identify spans.
    """
    by_id = {span.id: span for span in trace.spans if span.id}
    service_spans = sorted(
        (span for span in trace.spans if span.service in ("", rules.service)),
        key=lambda span: (span.start, span.end),
    )
    handles = [span for span in service_spans if span.name == SpanRole.HANDLE]
    if not handles:
        return EventSpans(tuple(service_spans), by_id, 0, is_complete=False)
    handle_by_span = {id(span): _find_handle(span, by_id, handles) for span in service_spans}
    matching_handles = {
        id(handle_by_span[id(span)])
        for span in service_spans
        if correlation_id and mentions_event(span, correlation_id)
    }
    event_handles = [handle for handle in handles if id(handle) in matching_handles] or handles
    selected = tuple(span for span in service_spans if handle_by_span[id(span)] is event_handles[0])
    is_complete = (
        not _has_missing_parent(selected, event_handles[0], by_id)
        and not trace.partial
        and not trace.unreadable
    )
    return EventSpans(selected, by_id, len(event_handles) - 1, is_complete)


def _has_missing_parent(
    spans: tuple[TraceSpan, ...], handle: TraceSpan, by_id: Mapping[str, TraceSpan]
) -> bool:
    """Return True if a parent is missing below the handling span.

    Above it, a parent may be any service's.
    """
    ancestors = {id(span) for span in _iter_ancestors(handle, by_id)}
    return any(
        span.parent and span.parent not in by_id for span in spans if id(span) not in ancestors
    )


def _find_handle(
    span: TraceSpan, by_id: Mapping[str, TraceSpan], handles: list[TraceSpan]
) -> TraceSpan:
    """Find the handling span of a span.

    It is among its ancestors, or else the last one started before it.
    """
    for ancestor in _iter_ancestors(span, by_id):
        if any(ancestor is handle for handle in handles):
            return ancestor
    started_before = [handle for handle in handles if handle.start <= span.start]
    return started_before[-1] if started_before else handles[0]


def _iter_ancestors(span: TraceSpan, by_id: Mapping[str, TraceSpan]) -> Iterator[TraceSpan]:
    """Iterate over a span and its ancestors; a circle ends the iteration."""
    seen_ids: set[str] = set()
    ancestor: TraceSpan | None = span
    while ancestor is not None:
        yield ancestor
        seen_ids.add(ancestor.id)
        ancestor = None if ancestor.parent in seen_ids else by_id.get(ancestor.parent)


_SpanGroups = Mapping[SpanRole, Sequence[TraceSpan]]


@dataclass(frozen=True, slots=True)
class TraceTimes:
    """Times of one event, in seconds."""

    stages: Mapping[Stage, float]
    durations: Mapping[SpanRole, float]
    """Duration of the first span of each role; of the calls to Linear, all before the function
    call."""
    failed: frozenset[SpanRole]
    """Roles of which a span has an error."""
    repeated: Mapping[SpanRole, int]
    """Roles that ran more than once, with the number of repetitions. Never calls to Linear:
    agent-sre makes several for one issue."""
    dropped: int
    """Number of spans and stages dropped because they end before they begin."""
    is_complete: bool
    """True if the event was handled to its end and no span is missing; another search is not
    needed."""


def compute_stage_times(
    trace: Trace, *, correlation_id: str | None = None, rules: SpanRules | None = None
) -> TraceTimes:
    """Compute the stage times of one event.

    Args:
        trace: the trace.
        correlation_id: correlation id of the event, when the trace may hold others.
        rules: rules that identify spans.
    """
    rules = rules or SpanRules()
    event_spans = select_event_spans(trace, correlation_id=correlation_id, rules=rules)
    groups = _group_spans(event_spans, rules)
    stage_times = _derive_stages(groups, is_complete=event_spans.is_complete)
    dropped = sum(span.end < span.start for span in event_spans.spans)
    return TraceTimes(
        stages={stage: stage_times[stage] for stage in Stage if stage_times.get(stage, -1.0) >= 0},
        durations=_compute_durations(groups),
        failed=frozenset(
            part for part, spans in groups.items() if any(each.failed for each in spans)
        ),
        repeated=_count_repetitions(groups, event_spans.repeated),
        dropped=dropped + sum(seconds < 0 for seconds in stage_times.values()),
        is_complete=event_spans.is_complete,
    )


def _group_spans(event_spans: EventSpans, rules: SpanRules) -> _SpanGroups:
    """Group spans by role, by start, without those that end before they begin."""
    groups: dict[SpanRole, list[TraceSpan]] = defaultdict(list)
    for span in event_spans.spans:
        role = classify_span(span, event_spans.by_id, rules)
        if role is not None and span.end >= span.start:
            groups[role].append(span)
    return dict(groups)


def _compute_durations(groups: _SpanGroups) -> dict[SpanRole, float]:
    durations = {role: spans[0].seconds for role, spans in groups.items()}
    if SpanRole.LINEAR in groups:
        durations[SpanRole.LINEAR] = _sum_covered_seconds(_select_linear_calls(groups))
    return durations


def _count_repetitions(groups: _SpanGroups, repeated_handles: int) -> dict[SpanRole, int]:
    counts = {role: len(spans) - 1 for role, spans in groups.items()} | {
        SpanRole.HANDLE: repeated_handles
    }
    return {role: count for role, count in counts.items() if count and role is not SpanRole.LINEAR}


def _derive_stages(groups: _SpanGroups, *, is_complete: bool) -> dict[Stage, float]:
    """Derive all known stage times; negative when clocks contradict each other."""
    stage_times: dict[Stage, float] = {}
    handle, alert, call, verification = (
        next(iter(groups.get(part, ())), None)
        for part in (SpanRole.HANDLE, SpanRole.ALERT, SpanRole.CALL, SpanRole.VERIFICATION)
    )
    linear = _select_linear_calls(groups)
    # In an incomplete trace without a call, the call itself may be missing.
    if handle and (call or is_complete):
        stage_times[Stage.CLOUDEVENT_PROCESSING] = handle.seconds - _sum_covered_seconds(
            groups.get(SpanRole.CALL, ()), within=(handle.start, handle.end)
        )
    if linear and not linear[-1].failed:
        stage_times[Stage.LINEAR_ISSUE_CREATION] = _sum_covered_seconds(linear)
    if alert and call:
        window = (alert.start, call.start)
        stage_times[Stage.REMEDIATION_SELECTION] = _to_seconds(window) - _sum_covered_seconds(
            linear, within=window
        )
    if call and not call.failed:
        stage_times[Stage.LAMBDA_EXECUTION] = call.seconds
    if verification and not verification.failed:
        stage_times[Stage.VERIFICATION] = verification.seconds
    return stage_times


def _select_linear_calls(groups: _SpanGroups) -> Sequence[TraceSpan]:
    """Select the calls to Linear that open the issue: those before the function call.

    There may be two, the look-up of the team and the issue; a call after a failed function call
    opens another issue.
    """
    spans = groups.get(SpanRole.LINEAR, ())
    calls = groups.get(SpanRole.CALL, ())
    return [span for span in spans if not calls or span.start < calls[0].start]


def _sum_covered_seconds(
    spans: Iterable[TraceSpan], within: tuple[int, int] | None = None
) -> float:
    """Sum the seconds in which at least one of the spans ran; the spans are sorted by start."""
    total, covered_to = 0, within[0] if within else 0
    for span in spans:
        end = min(span.end, within[1]) if within else span.end
        total += max(0, end - max(span.start, covered_to))
        covered_to = max(covered_to, end)
    return total / 1e9


def _to_seconds(window: tuple[int, int]) -> float:
    return (window[1] - window[0]) / 1e9
