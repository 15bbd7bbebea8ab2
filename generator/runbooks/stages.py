"""Texts for each stage: its extent, the stages inside it, and the meaning if it is slow."""

from collections.abc import Mapping

from slos.schema.contract import Stage

SAYS: Mapping[Stage, str] = {
    Stage.CLOUDEVENT_PROCESSING: (
        "from the intended send to the reply, the function's own time left out. When neither the "
        "selection nor the ticket is slow, the event waits for its turn: CPU, a full event loop, "
        "too few replicas, or a start from zero."
    ),
    Stage.REMEDIATION_SELECTION: (
        "from the intended send to the first contact with the function. Seen by the canary it "
        "holds the opening of the ticket, seen by Tempo it does not: look at the label `source` "
        "before you compare."
    ),
    Stage.LINEAR_ISSUE_CREATION: (
        "from the intended send to the moment at which the ticket exists. Slow alone: Linear, the "
        "way to it, or its limit of requests."
    ),
    Stage.LAMBDA_EXECUTION: (
        "from the first contact with the function to the end of its answer. The canary answers at "
        "once, so slow means: the health check before the call waits, the network between, or the "
        "canary has no CPU."
    ),
    Stage.VERIFICATION: "the check that the remediation helped, as the trace has it.",
    Stage.END_TO_END: (
        "from the intended send to the end of the function: all of the others but the "
        "verification. Find the one that grew."
    ),
}

_INNER = (Stage.LINEAR_ISSUE_CREATION, Stage.REMEDIATION_SELECTION)
WITHIN: Mapping[Stage, tuple[Stage, ...]] = {
    Stage.CLOUDEVENT_PROCESSING: (Stage.CLOUDEVENT_PROCESSING, *_INNER),
    Stage.REMEDIATION_SELECTION: (Stage.REMEDIATION_SELECTION, Stage.LINEAR_ISSUE_CREATION),
    Stage.LINEAR_ISSUE_CREATION: (Stage.LINEAR_ISSUE_CREATION,),
    Stage.LAMBDA_EXECUTION: (Stage.LAMBDA_EXECUTION,),
    Stage.VERIFICATION: (Stage.VERIFICATION,),
    Stage.END_TO_END: (
        Stage.END_TO_END,
        Stage.LAMBDA_EXECUTION,
        Stage.CLOUDEVENT_PROCESSING,
        *_INNER,
    ),
}
"""The stages inside a stage, the stage itself first."""
