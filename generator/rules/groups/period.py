"""Period group: long windows, the budget of the period, the objective, and slow alerts."""

from collections.abc import Iterator

from generator import names
from generator.model import SLO, Rule, RuleGroup
from generator.rules import alert_rules, tiers
from slos.schema.units import plain

PROFILE = "exact"
ORDER = 3


def group(slo: SLO) -> RuleGroup:
    """Build the group: series first, then the alerts that read them."""
    return RuleGroup(
        name=f"slo-period-{slo.id}",
        interval=slo.steps.slow,
        rules=(
            *_promise(slo),
            *alert_rules.of_slo(slo),
            *_ratios(slo),
            *_budget(slo),
            *alert_rules.slow_rules(slo),
        ),
    )


def _promise(slo: SLO) -> Iterator[Rule]:
    """Rules of constants that dashboards read; names and labels are Sloth's."""
    yield tiers.for_people(slo, names.OBJECTIVE, f"vector({plain(slo.objective / 100)})")
    yield tiers.for_people(slo, names.ERROR_BUDGET, f"vector({plain(slo.budget)})")
    yield tiers.for_people(slo, names.PERIOD_DAYS, f"vector({plain(slo.period.days)})")
    yield tiers.for_people(
        slo,
        names.INFO,
        "vector(1)",
        sloth_mode="cli-gen-prom",
        sloth_objective=plain(slo.objective),
        sloth_spec="prometheus/v1",
        sloth_version="slo-rules-exact",
    )
    if histogram := slo.signal.histogram:
        yield tiers.for_people(slo, names.LATENCY_TARGET, f"vector({plain(histogram.target)})")


def _ratios(slo: SLO) -> Iterator[Rule]:
    quick = alert_rules.quick_windows(slo)
    for window in slo.windows:
        if window not in quick and window != slo.period:
            yield tiers.error_ratio(slo, window)
    if slo.signal.counts_events:
        yield from _events(slo)
    elif slo.period not in quick:
        yield tiers.error_ratio(slo, slo.period)


def _events(slo: SLO) -> Iterator[Rule]:
    """Rules of the events of the period, and of its ratio from these, so the tier is read once."""
    total, errors = names.of(names.PERIOD_EVENTS, slo), names.of(names.PERIOD_ERRORS, slo)
    yield tiers.for_people(slo, names.PERIOD_EVENTS, tiers.events_in(slo, slo.period))
    yield tiers.for_people(slo, names.PERIOD_ERRORS, tiers.errors_in(slo, slo.period))
    remaining = f"{total} * {plain(slo.budget)} - {errors}"
    yield tiers.for_people(slo, names.PERIOD_EVENTS_REMAINING, remaining)
    if slo.period not in alert_rules.quick_windows(slo):
        window = {names.WINDOW: str(slo.period)}
        record = names.error_ratio(slo.period)
        yield tiers.for_people(slo, record, f"{errors} / ({total} > 0)", **window)


def _budget(slo: SLO) -> Iterator[Rule]:
    period = names.of(names.error_ratio(slo.period), slo)
    burned = names.of(names.PERIOD_BURN_RATE, slo)
    yield tiers.for_people(slo, names.PERIOD_BURN_RATE, f"{period} / {plain(slo.budget)}")
    yield tiers.for_people(slo, names.BUDGET_REMAINING, f"1 - {burned}")
