"""Mutants that no test can tell from the rule, and why.

A pattern is matched against the name of the rule and what is changed in it.
"""

import re

EQUIVALENT = {
    r"^[A-Z]\w+: without sloth_id": "the other side of `and` has it, and sides match by all labels",
    r"^slo:sli_error:ratio_rate\w+: without sloth_id": "both sides of the division have it",
    r"^slo:period_events:remaining: without sloth_id": "both sides of the difference have it",
    r"^[A-Z]\w+: sloth_id=.* becomes sloth_id!=": "the condition that is left out is tried by "
    "mutants of its numbers; with no series on one side, `or` leaves the other",
    r"^slo:sli_errors:\w+: sloth_id=.* becomes sloth_id!=": "no errors are zero times the total of "
    "whoever has one",
    r"^agent_sre_validation_dominating_stage_ratio: 1 at": "topk takes whole numbers",
    r"^AgentSRELoadUneven: 1 at": "a count is whole",
    r"^AgentSREValidationWatchdog: (1|0\.01) at": "its text shows no value",
    r"^(SLOProbeTargetDown|SLOProbeConfigRejected|AgentSRELeak): 0\.01 at": "it shows no value",
    r"^[A-Z]\w+: 0\.0*1 at \d+ becomes 0\.0*15$": "whether what it shows is a multiple of both is "
    "chance; where it is not, other alerts hold the rounding",
    r"^agent_sre_validation_resource_utilization_ratio: without (pod|container)=~": "pods and "
    "containers are those of both sides of the division, or of the sum",
    r"^agent_sre_validation_memory_floor_bytes: without": "both sides of `and` have it",
    r"^AgentSREContainerWithoutLimits: without namespace=": "the sides are matched by namespace",
    r"^AgentSREMemoryGrowing: without namespace=": "the sides are matched by namespace",
    r"^agent_sre_validation_load_fairness_ratio: (without (names|cont)|\[10m\]).* at 2\d\d": "pods "
    "are counted, and a pod has one namespace whatever its containers do",
}


def reason(what: str) -> str:
    """Why a mutant may live; empty where it may not."""
    return next((why for pattern, why in EQUIVALENT.items() if re.search(pattern, what)), "")
