"""The exact profile: every event is counted once, in tiers, and budgets are sums of counts."""

from generator.groups import groups_of
from generator.model import SLO, RuleGroup

NAME = "exact"


def plan(slo: SLO) -> tuple[RuleGroup, ...]:
    """Fine, coarse and period group of an SLO."""
    return tuple(module.group(slo) for module in groups_of(NAME))
