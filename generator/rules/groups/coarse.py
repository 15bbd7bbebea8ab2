"""Coarse group: the events of each coarse step, so that long windows read few samples."""

from collections.abc import Iterator

from generator import names
from generator.model import SLO, RecordingRule, RuleGroup
from generator.rules import tiers

PROFILE = "exact"
ORDER = 2


def group(slo: SLO) -> RuleGroup:
    """Build the rules of total and errors of one coarse step."""
    step = slo.steps.coarse
    counted = tiers.counts_increments(slo)
    rules = tiers.rules(slo, step, tiers.coarse) if counted else _added_up(slo)
    return RuleGroup(f"slo-coarse-{slo.id}", step, tuple(rules))


def _added_up(slo: SLO) -> Iterator[RecordingRule]:
    fine, coarse, identity = slo.steps.fine, slo.steps.coarse, names.identity(slo)
    for name in (names.total, names.errors):
        expr = tiers.summed(names.of(name(fine), slo), coarse)
        yield RecordingRule(name(coarse), expr, identity)
