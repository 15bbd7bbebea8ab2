"""Observer of the reply: agent-sre's own share of the time."""

from exporter.model.evidence import Evidence
from slos.schema.contract import Route, Source, Stage

SOURCE = Source.REPLY
STAGES = frozenset({Stage.CLOUDEVENT_PROCESSING})
ROUTES = frozenset({Route.DIRECT})


def stages(evidence: Evidence) -> dict[Stage, float]:
    """Measure CloudEvent processing: the wait for a 2xx less the time of the canary's calls.

    The reply is synchronous, so the wait holds the function call; time that overlaps with it
    belongs to the function, not to agent-sre. A refusal is no processing and gives nothing, and so
    does the reply of a broker.
    """
    if evidence.replied_at is None or not evidence.accepted or not evidence.synchronous:
        return {}
    waited = evidence.replied_at - evidence.since
    return {Stage.CLOUDEVENT_PROCESSING: waited - _busy(evidence, evidence.replied_at)}


def _busy(evidence: Evidence, until: float) -> float:
    """Measure the seconds before `until` in which at least one call was under way."""
    total, covered_to = 0.0, evidence.since
    for start, end in sorted(
        (call.contact_at, until if call.finished_at is None else min(call.finished_at, until))
        for call in evidence.calls
    ):
        total += max(0.0, end - max(start, covered_to))
        covered_to = max(covered_to, end)
    return total
