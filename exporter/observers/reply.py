"""Observer of the reply: agent-sre's own share of the time."""

from exporter.model.evidence import Evidence
from exporter.model.stages import Accuracy
from slos.schema.contract import DeliveryPath, Stage

SOURCE = "reply"
STAGES = {Stage.CLOUDEVENT_PROCESSING: Accuracy.EXACT}
PATHS = frozenset({DeliveryPath.DIRECT})


def measure_stages(evidence: Evidence) -> dict[Stage, float]:
    """Measure CloudEvent processing: the wait for a 2xx less the time of the canary's calls.

    The reply is synchronous, so the wait holds the function call; time that overlaps with it
    belongs to the function, not to agent-sre. A refusal is no processing and gives nothing, and so
    does the reply of a broker.
    """
    if evidence.replied_at is None or not evidence.is_accepted or not evidence.is_synchronous:
        return {}
    waited = evidence.replied_at - evidence.clock_start
    return {Stage.CLOUDEVENT_PROCESSING: waited - _measure_busy(evidence, evidence.replied_at)}


def _measure_busy(evidence: Evidence, until: float) -> float:
    """Measure the seconds before `until` in which at least one call was under way."""
    total, covered_to = 0.0, evidence.clock_start
    for start, end in sorted(
        (call.contact_at, until if call.finished_at is None else min(call.finished_at, until))
        for call in evidence.calls
    ):
        total += max(0.0, end - max(start, covered_to))
        covered_to = max(covered_to, end)
    return total
