"""Coarse group: the events of each coarse step and of the period, which read few samples."""

from collections.abc import Iterator

from generator import names
from generator.model import SLO, RecordingRule, RuleGroup
from generator.rules import tiers
from generator.rules.groups import Role

ROLE = Role.COARSE


def build_group(slo: SLO) -> RuleGroup:
    """Build the rules of total and errors of one coarse step, and of the period."""
    step = slo.steps.coarse
    counted = tiers.has_counter_queries(slo)
    rules = (
        tiers.build_count_rules(slo, step, tiers.render_coarse_count)
        if counted
        else _build_summed_rules(slo)
    )
    return RuleGroup(f"slo-coarse-{slo.id}", step, (*rules, *_build_period_rules(slo)))


def _build_period_rules(slo: SLO) -> Iterator[RecordingRule]:
    """Rules of the sums of the period. It changes by one step only, so each step is enough."""
    period, identity = slo.period, names.build_identity_labels(slo)
    if tiers.is_fine(slo, period):
        return
    events, errors = tiers.render_event_count(slo, period), tiers.render_error_count(slo, period)
    yield RecordingRule(names.name_total(period), events, identity)
    yield RecordingRule(names.name_errors(period), errors, identity)
    yield RecordingRule(names.name_coverage(period), tiers.render_coverage(slo), identity)


def _build_summed_rules(slo: SLO) -> Iterator[RecordingRule]:
    fine, coarse = slo.steps.fine, slo.steps.coarse
    for name in (names.name_total, names.name_errors):
        expr = tiers.render_tier_sum(slo, name, fine, coarse)
        yield tiers.build_step_rule(slo, name, coarse, expr)
