"""Spans of agent-sre in a trace: their roles, their errors, and the event that they belong to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from exporter.observers.tempo.trace import Trace, TraceSpan, mentions_event

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
_PARENTS = {
    SpanRole.HEALTH_REQUEST: (SpanRole.ALERT, SpanRole.CALL),
    SpanRole.CALL_REQUEST: (SpanRole.CALL,),
}
"""Parents of the requests to the function. agent-sre checks its health before it opens the span of
the call."""
_HEALTH_PATH = "/health"
_STATUS_ATTRIBUTES = ("http.response.status_code", "http.status_code")
_OK = 200


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
    role, parent = _ROLES_BY_METHOD.get(span.name), spans.get(span.parent)
    if role is None or parent is None or parent.name not in _PARENTS[role]:
        return None
    is_health_path = _get_url_path(span) in (_HEALTH_PATH, "")
    return role if is_health_path or role is not SpanRole.HEALTH_REQUEST else None


def _get_url_path(span: TraceSpan) -> str:
    """Return the path of a request; empty if it is unknown."""
    for key in _URL_ATTRIBUTES:
        try:
            return urlsplit(str(span.attributes[key])).path
        except (KeyError, ValueError):
            continue
    return ""


def is_failed(span: TraceSpan, role: SpanRole) -> bool:
    """Return whether a span has an error.

    A health check fails with any HTTP status but 200. The span of a call whose function reported an
    error has the status OK, and the error is in an attribute.
    """
    if role is SpanRole.HEALTH_REQUEST:
        statuses = [span.attributes[key] for key in _STATUS_ATTRIBUTES if key in span.attributes]
        return span.failed or any(status != _OK for status in statuses)
    return span.failed or (
        role is SpanRole.CALL and span.attributes.get("lambda_function.status") == "error"
    )


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
        return EventSpans(tuple(service_spans), by_id, is_complete=False)
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
    return EventSpans(selected, by_id, is_complete)


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
