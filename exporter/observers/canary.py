"""Observer of the canary: when it was called, and when it was done."""

from exporter.model.bounds import Bounds
from exporter.model.evidence import Evidence
from exporter.model.stages import Accuracy
from slos.schema.contract import Stage

SOURCE = "canary"
STAGES = {
    # The first contact holds the Linear call.
    Stage.REMEDIATION_SELECTION: Accuracy.UPPER_BOUND,
    Stage.LAMBDA_EXECUTION: Accuracy.EXACT,
    Stage.END_TO_END: Accuracy.EXACT,
}
PATHS = None


def measure_stages(evidence: Evidence) -> dict[Stage, Bounds]:
    """Measure the stages of the first call, counted from where the clock starts.

    - Remediation selection ends at the first contact. It is an upper bound: it holds the
      Linear call, which agent-sre awaits first, until a finer source can separate them.
    - Lambda execution runs from first contact to the canary's finished answer. A starved
      agent-sre loses its time between health check and call, so it shows here.
    - Where the first contact is known within bounds, so are these two.
    - End to end is from the start to the finished answer. It is known within bounds where the
      start is the first contact, and where the prober stood still while it answered.
    """
    if not evidence.calls:
        return {}
    call = evidence.calls[0]
    found = {Stage.REMEDIATION_SELECTION: call.contact.measure_from(evidence.clock_start)}
    if call.finished is not None:
        found[Stage.LAMBDA_EXECUTION] = call.finished.measure_from(call.contact)
        found[Stage.END_TO_END] = call.finished.measure_from(evidence.clock_start)
    return found
