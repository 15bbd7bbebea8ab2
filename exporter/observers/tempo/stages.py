"""Stage times of one event, from its spans."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporter.model.bounds import Bounds
from exporter.observers.tempo.spans import (
    EventSpans,
    SpanRole,
    SpanRules,
    classify_span,
    is_failed,
    select_event_spans,
)
from exporter.observers.tempo.trace import Trace, TraceSpan
from slos.schema.contract import Stage

_NANOSECONDS = 1e9

_SpanGroups = Mapping[SpanRole, Sequence[TraceSpan]]


@dataclass(frozen=True, slots=True)
class TraceTimes:
    """Times of one event."""

    stages: Mapping[Stage, Bounds]
    failed: frozenset[SpanRole]
    """Roles of which a span has an error."""
    is_complete: bool
    """True if the event was handled to its end and no span is missing; another search is not
    needed."""


def compute_stage_times(
    trace: Trace,
    *,
    correlation_id: str | None = None,
    rules: SpanRules | None = None,
    end_to_end: Bounds | None = None,
) -> TraceTimes:
    """Compute the stage times of one event.

    Args:
        trace: the trace.
        correlation_id: correlation id of the event, when the trace may hold others.
        rules: rules that identify spans.
        end_to_end: seconds from the intended send to the answer of the function. Stages that count
            from the send are absent without it, because spans do not show how long an event waited
            before agent-sre read it.
    """
    rules = rules or SpanRules()
    event_spans = select_event_spans(trace, correlation_id=correlation_id, rules=rules)
    groups = _group_spans(event_spans, rules)
    return TraceTimes(
        stages=_derive_stages(groups, end_to_end=end_to_end),
        failed=_list_failed(groups),
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


def _list_failed(groups: _SpanGroups) -> frozenset[SpanRole]:
    """List the roles of which a span has an error; a failed call is one error, not two."""
    failed = {
        role for role, spans in groups.items() if any(is_failed(each, role) for each in spans)
    }
    return frozenset(failed - ({SpanRole.CALL_REQUEST} if SpanRole.CALL in failed else set()))


@dataclass(frozen=True, slots=True)
class _FunctionCall:
    """First call of the function, in seconds of agent-sre's clock."""

    contact: Bounds
    """Arrival of the health check at the function."""
    answer: Bounds
    """Answer of the function."""
    ended_at: float
    """End of the call for agent-sre."""
    is_failed: bool
    """The call has an error."""

    @property
    def execution(self) -> Bounds:
        """Time from the first contact to the answer."""
        return Bounds(
            max(0.0, self.answer.low - self.contact.high), self.answer.high - self.contact.low
        )


def _find_function_call(groups: _SpanGroups) -> _FunctionCall | None:
    """Find the first call of the function."""
    call = next(iter(groups.get(SpanRole.CALL, ())), None)
    if call is None:
        return None
    request = next(iter(groups.get(SpanRole.CALL_REQUEST, ())), call)
    answer = Bounds(request.start / _NANOSECONDS, request.end / _NANOSECONDS)
    health = next(
        (each for each in groups.get(SpanRole.HEALTH_REQUEST, ()) if each.start <= request.start),
        None,
    )
    contact = (
        Bounds(health.start / _NANOSECONDS, min(health.end, request.start) / _NANOSECONDS)
        if health
        else answer
    )
    return _FunctionCall(
        contact, answer, call.end / _NANOSECONDS, is_failed=is_failed(call, SpanRole.CALL)
    )


def _derive_stages(groups: _SpanGroups, *, end_to_end: Bounds | None) -> dict[Stage, Bounds]:
    """Derive all known stage times."""
    stage_times: dict[Stage, Bounds] = {}
    handle = next(iter(groups.get(SpanRole.HANDLE, ())), None)
    verification = next(iter(groups.get(SpanRole.VERIFICATION, ())), None)
    call = _find_function_call(groups)
    if call and not call.is_failed:
        stage_times[Stage.LAMBDA_EXECUTION] = call.execution
    if call and handle and end_to_end is not None:
        handled_at = Bounds.exactly(handle.start / _NANOSECONDS)
        queue = end_to_end.measure_from(call.answer.measure_from(handled_at))
        stage_times |= _derive_stages_from_send(groups, handle, call, queue)
    if verification and not verification.failed:
        stage_times[Stage.VERIFICATION] = Bounds.exactly(verification.seconds)
    return {stage: stage_times[stage] for stage in Stage if stage in stage_times}


def _derive_stages_from_send(
    groups: _SpanGroups, handle: TraceSpan, call: _FunctionCall, queue: Bounds
) -> dict[Stage, Bounds]:
    """Derive the stages that count from the intended send.

    Args:
        groups: spans of the event.
        handle: span of the handling of the event.
        call: call of the function.
        queue: time from the intended send to the start of the handling.
    """
    started_at, linear = handle.start / _NANOSECONDS, _select_linear_calls(groups)
    # The function's time is no processing; neither is that of a call repeated within the event.
    function_spans = (*groups.get(SpanRole.HEALTH_REQUEST, ()), *groups[SpanRole.CALL])
    own_seconds = handle.seconds - _sum_covered_seconds(
        [(call.contact.low, call.ended_at), *map(_to_seconds, function_spans)],
        within=(started_at, handle.end / _NANOSECONDS),
    )
    linear_seconds = _sum_covered_seconds(
        map(_to_seconds, linear), within=(started_at, call.contact.high)
    )
    selection = call.contact.measure_from(Bounds.exactly(started_at + linear_seconds))
    found = {
        Stage.CLOUDEVENT_PROCESSING: queue.add(Bounds.exactly(own_seconds)),
        Stage.REMEDIATION_SELECTION: queue.add(selection),
    }
    if linear and not linear[-1].failed:
        created = Bounds(*_to_seconds(linear[-1])).measure_from(Bounds.exactly(started_at))
        found[Stage.LINEAR_ISSUE_CREATION] = queue.add(created)
    return found


def _select_linear_calls(groups: _SpanGroups) -> Sequence[TraceSpan]:
    """Select the calls to Linear that open the issue: those before the function call.

    There may be two, the look-up of the team and the issue; a call after a failed function call
    opens another issue.
    """
    spans = groups.get(SpanRole.LINEAR, ())
    calls = groups.get(SpanRole.CALL, ())
    return [span for span in spans if not calls or span.start < calls[0].start]


def _sum_covered_seconds(
    spans: Iterable[tuple[float, float]], within: tuple[float, float]
) -> float:
    """Sum the seconds in which at least one of some periods runs."""
    total, covered_to = 0.0, within[0]
    for start, end in sorted(spans):
        until = min(end, within[1])
        total += max(0.0, until - max(start, covered_to))
        covered_to = max(covered_to, until)
    return total


def _to_seconds(span: TraceSpan) -> tuple[float, float]:
    return span.start / _NANOSECONDS, span.end / _NANOSECONDS
