"""Period group: long windows, the budget of the period, the objective, and slow alerts."""

from collections.abc import Iterator

from generator import names
from generator.model import SLO, RecordingRule, Rule, RuleGroup
from generator.rules import alert_rules, tiers
from generator.rules.groups import Role
from slos.schema.units import format_decimal

ROLE = Role.PERIOD


def build_group(slo: SLO) -> RuleGroup:
    """Build the group: series first, then the alerts that read them."""
    return RuleGroup(
        name=f"slo-period-{slo.id}",
        interval=slo.steps.slow,
        rules=(
            *_build_objective_rules(slo),
            *alert_rules.build_alert_series(slo),
            *_build_ratio_rules(slo),
            *_build_budget_rules(slo),
            *alert_rules.build_period_group_alerts(slo),
        ),
    )


def _build_objective_rules(slo: SLO) -> Iterator[Rule]:
    """Rules of constants that dashboards read; names and labels are Sloth's."""
    yield tiers.build_labelled_rule(
        slo, names.OBJECTIVE, f"vector({format_decimal(slo.objective / 100)})"
    )
    yield tiers.build_labelled_rule(
        slo, names.ERROR_BUDGET, f"vector({format_decimal(slo.budget)})"
    )
    yield tiers.build_labelled_rule(
        slo, names.PERIOD_DAYS, f"vector({format_decimal(slo.period.days)})"
    )
    yield tiers.build_labelled_rule(
        slo,
        names.INFO,
        "vector(1)",
        sloth_mode="cli-gen-prom",
        sloth_objective=format_decimal(slo.objective),
        sloth_spec="prometheus/v1",
        sloth_version="slo-rules-exact",
    )
    if histogram := slo.signal.histogram:
        yield tiers.build_labelled_rule(
            slo, names.LATENCY_TARGET, f"vector({format_decimal(histogram.target)})"
        )


def _build_ratio_rules(slo: SLO) -> Iterator[Rule]:
    coverage = tiers.render_period_value(slo, names.name_coverage, tiers.render_coverage(slo))
    yield tiers.build_labelled_rule(slo, names.PERIOD_COVERAGE, coverage)
    fine_windows = alert_rules.list_fine_group_windows(slo)
    for window in slo.windows:
        if window not in fine_windows and window != slo.period:
            yield tiers.build_error_ratio_rule(slo, window)
    if slo.signal.is_event_count:
        yield from _build_event_rules(slo)
    elif slo.period not in fine_windows:
        yield _build_period_ratio_rule(slo, _render_errors(slo), _render_total(slo))


def _build_event_rules(slo: SLO) -> Iterator[Rule]:
    """Rules of the events of the period, and of its ratio from these."""
    total, errors, coverage = (
        names.select_series(names.PERIOD_EVENTS, slo),
        names.select_series(names.PERIOD_ERRORS, slo),
        names.select_series(names.PERIOD_COVERAGE, slo),
    )
    yield tiers.build_labelled_rule(slo, names.PERIOD_EVENTS, _render_total(slo))
    yield tiers.build_labelled_rule(slo, names.PERIOD_ERRORS, _render_errors(slo))
    # The rest of a period that has just begun is expected to be like what is known.
    remaining = f"{total} / {coverage} * {format_decimal(slo.budget)} - {errors}"
    yield tiers.build_labelled_rule(slo, names.PERIOD_EVENTS_REMAINING, remaining)
    if slo.period not in alert_rules.list_fine_group_windows(slo):
        yield _build_period_ratio_rule(slo, errors, total)


def _build_period_ratio_rule(slo: SLO, errors: str, total: str) -> RecordingRule:
    window = {names.WINDOW: str(slo.period)}
    record = names.name_error_ratio(slo.period)
    return tiers.build_labelled_rule(slo, record, f"{errors} / ({total} > 0)", **window)


def _render_total(slo: SLO) -> str:
    direct = tiers.render_event_count(slo, slo.period)
    return tiers.render_period_value(slo, names.name_total, direct)


def _render_errors(slo: SLO) -> str:
    direct = tiers.render_error_count(slo, slo.period)
    return tiers.render_period_value(slo, names.name_errors, direct)


def _build_budget_rules(slo: SLO) -> Iterator[Rule]:
    period = names.select_series(names.name_error_ratio(slo.period), slo)
    burned = names.select_series(names.PERIOD_BURN_RATE, slo)
    coverage = names.select_series(names.PERIOD_COVERAGE, slo)
    yield tiers.build_labelled_rule(
        slo, names.PERIOD_BURN_RATE, f"{period} / {format_decimal(slo.budget)}"
    )
    # Without the label of the window on one side.
    known = f"{burned} * ignoring ({names.WINDOW}) group_left () {coverage}"
    yield tiers.build_labelled_rule(slo, names.BUDGET_REMAINING, f"1 - {known}")
