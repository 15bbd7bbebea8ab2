"""Mutants that no test can tell from the rule, and why.

A pattern is matched against the name of the rule and what is changed in it.
"""

import re

EQUIVALENT_MUTATIONS = {
    r"^[A-Z]\w+(?<!NoData): without sloth_id": "the other side of `and` has it, "
    "and sides match by all labels",
    r"^slo:sli_error:ratio_rate\w+: without sloth_id": "both sides of the division have it",
    r"^slo:period_events:remaining: without sloth_id": "both sides of the difference have it",
    r"^agent_sre_validation_dominating_stage_ratio: 1 becomes 1\.5": "topk takes whole "
    "numbers, and cuts others off",
    r"^AgentSRELoadUneven: 1 becomes 1\.5": "a count is whole",
    r"^AgentSRE(\w+NeverRun|ReplicasUnknown): (1 becomes 0\.6|0\.01 becomes)": "it is a whole "
    "count that fires at 0 alone, and 0 is a multiple of all",
    r"^AgentSRE(ReplicasMissing|ContainerWithoutLimits|ValidationWatchdog): 0\.01 becomes "
    r"0\.006": "its values are whole, and so are multiples of both",
    r"^(AgentSREScalingSlow|SLORules\w+): a shorter for": "80 seconds are two rounds of a minute, "
    "as two minutes are",
    r"^AgentSRESustainedLoadLow: (without probe=\S+ at 1[67]\d|1h becomes 5400000ms at 18\d)": "it "
    "is times 0, and the guard asks for such a series within the hour anyway",
    r"^agent_sre_validation_resource_utilization_ratio: without (pod|container)=~": "pods and "
    "containers are those of both sides of the division, or of the sum",
    r"^agent_sre_validation_memory_floor_bytes: without": "both sides of `and` have it",
    r"^AgentSREContainerWithoutLimits: without namespace=\S+ at [23]\d\d": "the containers before "
    "`unless` have it, and are matched by it",
    r"^AgentSREMemoryGrowing: without namespace=\S+ at 4\d\d": "the start of the pod, before "
    "`unless`, has it, and is matched by it",
}


def find_reason(description: str) -> str:
    """Why a mutant may live; empty where it may not."""
    return next(
        (
            explanation
            for pattern, explanation in EQUIVALENT_MUTATIONS.items()
            if re.search(pattern, description)
        ),
        "",
    )
