"""Stage times of one event, computed from its trace. Pure.

A stage that is missing in the trace, or that failed, has no time. There is no end_to_end: a trace
begins when agent-sre receives the event, not at the intended send time.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exporter.tempo.parts import Part, Rules, part_of
from exporter.tempo.scope import Scope, scope
from exporter.tempo.trace import Span, Trace
from slos.schema.contract import Stage

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
