"""Every coarse step: add up the fine counts, so that long windows have few samples to read."""

from generator import names, tiers
from generator.model import SLO, RecordingRule, RuleGroup

PROFILE = "exact"
ORDER = 2


def group(slo: SLO) -> RuleGroup:
    """Errors and total of one coarse step."""
    fine, coarse, identity = slo.steps.fine, slo.steps.coarse, names.identity(slo)
    return RuleGroup(
        name=f"slo-coarse-{slo.id}",
        interval=coarse,
        rules=tuple(
            RecordingRule(name(coarse), tiers.summed(names.of(name(fine), slo), coarse), identity)
            for name in (names.total, names.errors)
        ),
    )
