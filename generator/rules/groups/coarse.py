"""Coarse group: the events of each coarse step, so that long windows read few samples."""

from collections.abc import Iterator

from generator import names
from generator.model import SLO, RecordingRule, RuleGroup
from generator.rules import tiers
from generator.rules.groups import Role

ROLE = Role.COARSE


def build_group(slo: SLO) -> RuleGroup:
    """Build the rules of total and errors of one coarse step."""
    step = slo.steps.coarse
    counted = tiers.has_counter_queries(slo)
    rules = (
        tiers.build_count_rules(slo, step, tiers.render_coarse_count)
        if counted
        else _build_summed_rules(slo)
    )
    return RuleGroup(f"slo-coarse-{slo.id}", step, tuple(rules))


def _build_summed_rules(slo: SLO) -> Iterator[RecordingRule]:
    fine, coarse, identity = slo.steps.fine, slo.steps.coarse, names.build_identity_labels(slo)
    for name in (names.name_total, names.name_errors):
        expr = tiers.render_tier_sum(names.select_series(name(fine), slo), coarse)
        yield RecordingRule(name(coarse), expr, identity)
