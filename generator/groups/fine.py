"""Every fine step: count events, then what must be quick: short windows and pages."""

from collections.abc import Iterator

from generator import alerts, names, ratios, tiers
from generator.model import SLO, RecordingRule, Rule, RuleGroup
from slos.schema.units import plain

PROFILE = "exact"
ORDER = 1

# VAL-008 asks for the three.
_QUANTILES = ("0.5", "0.95", "0.99")


def group(slo: SLO) -> RuleGroup:
    """Counts first, then the series computed from them, then the alerts that read those."""
    return RuleGroup(
        name=f"slo-fine-{slo.id}",
        interval=slo.steps.fine,
        rules=(*_counts(slo), *_ratios(slo), *_quantiles(slo), *alerts.quick_rules(slo)),
    )


def _counts(slo: SLO) -> Iterator[Rule]:
    step, identity = slo.steps.fine, names.identity(slo)
    errors = tiers.counted(slo, slo.signal.errors)
    if slo.signal.errors_may_be_absent:
        # No error series yet is no error, not a hole in the data.
        zero = f"{names.of(names.total(step), slo)} * 0"
        errors = f"{errors}\nor ignoring ({', '.join(names.IDENTITY)})\n{zero}"
    total = tiers.counted(slo, slo.signal.total)
    yield RecordingRule(names.total(step), total, identity)
    yield RecordingRule(names.errors(step), errors, identity)


def _ratios(slo: SLO) -> Iterator[Rule]:
    for window in slo.windows:
        if tiers.is_fine(slo, window):
            yield ratios.error_ratio(slo, window)
    now = names.of(names.error_ratio(slo.windows[0]), slo)
    yield ratios.for_people(slo, names.CURRENT_BURN_RATE, f"{now} / {plain(slo.budget)}")


def _quantiles(slo: SLO) -> Iterator[Rule]:
    histogram, window = slo.signal.histogram, slo.windows[0]
    if not histogram:
        return
    by = ", ".join(["le", *histogram.by])
    rates = f"sum by ({by}) (rate({histogram.buckets}[{window}]))"
    record = names.latency_quantile(window)
    for quantile in _QUANTILES:
        # The comparison drops NaN, which a histogram without observations gives.
        expr = f"histogram_quantile({quantile}, {rates}) >= 0"
        yield ratios.for_people(slo, record, expr, **{names.QUANTILE: quantile})
