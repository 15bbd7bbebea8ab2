"""Fine group: counts of each fine step, the ratios of short windows, and alerts."""

from collections.abc import Iterator

from generator import names
from generator.model import SLO, Rule, RuleGroup
from generator.rules import alert_rules, tiers
from generator.rules.groups import Role
from slos.schema.units import format_decimal

ROLE = Role.FINE


def build_group(slo: SLO) -> RuleGroup:
    """Build the group: counts first, then the series that read them, then the alerts."""
    step = slo.steps.fine
    count_rules = tiers.build_count_rules(slo, step, tiers.render_fine_count)
    rules = (
        *count_rules,
        *_build_ratio_rules(slo),
        *_build_quantile_rules(slo),
        *alert_rules.build_fine_group_alerts(slo),
    )
    return RuleGroup(f"slo-fine-{slo.id}", step, rules)


def _build_ratio_rules(slo: SLO) -> Iterator[Rule]:
    for window in sorted(alert_rules.list_fine_group_windows(slo)):
        yield tiers.build_error_ratio_rule(slo, window)
    now = names.select_series(names.name_error_ratio(slo.windows[0]), slo)
    yield tiers.build_labelled_rule(
        slo, names.CURRENT_BURN_RATE, f"{now} / {format_decimal(slo.budget)}"
    )


def _build_quantile_rules(slo: SLO) -> Iterator[Rule]:
    histogram, window = slo.signal.histogram, slo.windows[0]
    if not histogram:
        return
    record = names.name_latency_quantile(window)
    for quantile in names.QUANTILES:
        # The comparison drops NaN, which a histogram without observations gives.
        expr = f"{tiers.render_latency_quantile(slo, histogram, quantile, window)} >= 0"
        yield tiers.build_labelled_rule(slo, record, expr, **{names.QUANTILE: quantile})
