"""Mutants that no unit test can tell from the rule, or that no example of a spec does; and why.

A pattern is matched against the name of the rule and what is changed in it. What stands under
`EXAMPLES` could be held by a test, if the example in the spec were another: each says how.
"""

import re

# The same in all that can be seen.
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

# Held by no example as specs have them now.
EXAMPLES = {
    r"^agent_sre_validation_load_fairness_ratio: 2 at": "the sum of its example is 1, and so is "
    "any power of it: let the two pods rise by 1.5 and 0.5",
    r"^agent_sre_validation_replicas_awaited: .*\"(ai|agent-sre)\"": "its example is of one "
    "autoscaler; the others it takes need examples of their own",
    r"^agent_sre_validation_settled: \[1h\]": "no example has a gap",
    r"^AgentSRE\w+NeverChecked: no for": "no example has a failed scrape, which `for` is there for",
    r"^AgentSRESustainedLoadLow: probe=": "no example has another probe beside it",
    r"^AgentSREContainerWithoutLimits: .*resource=\"cpu\"": "its example lacks a limit of memory; "
    "it takes another one, without a limit of CPU",
    r"^agent_sre_validation_memory_floor_bytes: (10 at|\[15m\])": "no example has gaps",
    r"^AgentSREMemoryGrowing: (?!label|10 at)": "its guards need examples of their own: young, "
    "restarted, slowing down, with gaps; a regression over six hours has no step at which it must "
    "fire",
}


def reason(what: str) -> str:
    """Why a mutant may live; empty where it may not."""
    every = {**EQUIVALENT, **EXAMPLES}
    return next((why for pattern, why in every.items() if re.search(pattern, what)), "")
