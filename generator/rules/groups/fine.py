"""Fine group: counts of each fine step, the ratios of short windows, and quick alerts."""

from collections.abc import Iterator

from generator import names
from generator.model import SLO, Rule, RuleGroup
from generator.rules import alert_rules, tiers
from slos.schema.units import plain

PROFILE = "exact"
ORDER = 1


def group(slo: SLO) -> RuleGroup:
    """Build the group: counts first, then the series that read them, then the alerts."""
    step = slo.steps.fine
    counted = tiers.rules(slo, step, tiers.fine)
    rules = (*counted, *_ratios(slo), *_quantiles(slo), *alert_rules.quick_rules(slo))
    return RuleGroup(f"slo-fine-{slo.id}", step, rules)


def _ratios(slo: SLO) -> Iterator[Rule]:
    for window in sorted(alert_rules.quick_windows(slo)):
        yield tiers.error_ratio(slo, window)
    now = names.of(names.error_ratio(slo.windows[0]), slo)
    yield tiers.for_people(slo, names.CURRENT_BURN_RATE, f"{now} / {plain(slo.budget)}")


def _quantiles(slo: SLO) -> Iterator[Rule]:
    histogram, window = slo.signal.histogram, slo.windows[0]
    if not histogram:
        return
    by = ", ".join(["le", *histogram.by])
    read = max(window, tiers.reach(slo.steps.fine, slo.steps.scrape))
    rates = f"sum by ({by}) (rate({histogram.buckets}[{read}]))"
    record = names.latency_quantile(window)
    for quantile in names.QUANTILES:
        # The comparison drops NaN, which a histogram without observations gives.
        expr = f"histogram_quantile({quantile}, {rates}) >= 0"
        yield tiers.for_people(slo, record, expr, **{names.QUANTILE: quantile})
