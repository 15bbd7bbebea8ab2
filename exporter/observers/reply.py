"""Observer of the reply: agent-sre's own share of the time."""

import math
from collections.abc import Callable

from exporter.model.bounds import Bounds
from exporter.model.evidence import Call, Evidence
from exporter.model.stages import Accuracy
from slos.schema.contract import DeliveryPath, Stage

SOURCE = "reply"
STAGES = {Stage.CLOUDEVENT_PROCESSING: Accuracy.EXACT}
PATHS = frozenset({DeliveryPath.DIRECT})


def measure_stages(evidence: Evidence) -> dict[Stage, Bounds]:
    """Measure CloudEvent processing: the wait for a 2xx less the time of the canary's calls.

    The reply is synchronous, so the wait holds the function call; time that overlaps with it
    belongs to the function, not to agent-sre. A refusal is no processing and gives nothing, and so
    does the reply of a broker.
    """
    if evidence.replied_at is None or not evidence.is_accepted or not evidence.is_synchronous:
        return {}
    waited = evidence.replied_at - evidence.clock_start.low
    longest = _measure_busy(
        evidence, evidence.replied_at, lambda call: (call.contact.low, _get_end(call).high)
    )
    shortest = _measure_busy(
        evidence, evidence.replied_at, lambda call: (call.contact.high, _get_end(call).low)
    )
    return {Stage.CLOUDEVENT_PROCESSING: Bounds(waited - longest, waited - shortest)}


def _get_end(call: Call) -> Bounds:
    return call.finished or Bounds.exactly(math.inf)


def _measure_busy(
    evidence: Evidence, until: float, get_times: Callable[[Call], tuple[float, float]]
) -> float:
    """Measure the seconds before `until` in which at least one call was under way."""
    total, covered_to = 0.0, evidence.clock_start.low
    for start, end in sorted(map(get_times, evidence.calls)):
        total += max(0.0, min(end, until) - max(start, covered_to))
        covered_to = max(covered_to, min(end, until))
    return total
