"""Texts for each stage: its extent, the stages inside it, and the meaning if it is slow."""

from collections.abc import Mapping

from slos.schema.contract import Stage

STAGE_TEXTS: Mapping[Stage, str] = {
    Stage.CLOUDEVENT_PROCESSING: (
        "from the intended send to the reply, without the time of the function. If neither the "
        "selection nor the Linear issue is slow, events are queued: check CPU, the event loop, "
        "the number of replicas, and cold starts."
    ),
    Stage.REMEDIATION_SELECTION: (
        "from the intended send to the first contact with the function. As observed by the canary "
        "it includes the Linear issue; as observed by Tempo it does not. Check the label `source` "
        "before you compare."
    ),
    Stage.LINEAR_ISSUE_CREATION: (
        "from the intended send to the creation of the Linear issue. If only this stage is slow, "
        "check Linear, the network path to it, and its rate limit."
    ),
    Stage.LAMBDA_EXECUTION: (
        "from the first contact with the function to the end of its response. The canary answers "
        "at once. If this stage is slow, check the health check before the call, the network, and "
        "the CPU of slo-probe."
    ),
    Stage.VERIFICATION: "the verification of the remediation, as recorded in the trace.",
    Stage.END_TO_END: (
        "from the intended send to the end of the function. It includes all other stages except "
        "the verification. Find the stage that grew."
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
