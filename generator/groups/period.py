"""What changes slowly: long windows, the period's budget, the promise itself, tickets."""

from collections.abc import Iterator

from generator import alerts, names, ratios, tiers
from generator.model import SLO, Rule, RuleGroup
from slos.schema.units import plain

PROFILE = "exact"
ORDER = 3


def group(slo: SLO) -> RuleGroup:
    """Series first, then the alerts that read them."""
    return RuleGroup(
        name=f"slo-period-{slo.id}",
        interval=slo.steps.slow,
        rules=(*_promise(slo), *_ratios(slo), *_budget(slo), *alerts.slow_rules(slo)),
    )


def _promise(slo: SLO) -> Iterator[Rule]:
    """Constants that dashboards read; names and labels are Sloth's."""
    yield ratios.for_people(slo, names.OBJECTIVE, f"vector({plain(slo.objective / 100)})")
    yield ratios.for_people(slo, names.ERROR_BUDGET, f"vector({plain(slo.budget)})")
    yield ratios.for_people(slo, names.PERIOD_DAYS, f"vector({plain(slo.period.days)})")
    yield ratios.for_people(
        slo,
        names.INFO,
        "vector(1)",
        sloth_mode="cli-gen-prom",
        sloth_objective=plain(slo.objective),
        sloth_spec="prometheus/v1",
        sloth_version="slo-rules-exact",
    )


def _ratios(slo: SLO) -> Iterator[Rule]:
    recorded = {window for window in slo.windows if tiers.is_fine(slo, window)}
    for window in sorted({*slo.windows, slo.period} - recorded):
        yield ratios.error_ratio(slo, window)


def _budget(slo: SLO) -> Iterator[Rule]:
    period = names.of(names.error_ratio(slo.period), slo)
    burned = names.of(names.PERIOD_BURN_RATE, slo)
    yield ratios.for_people(slo, names.PERIOD_BURN_RATE, f"{period} / {plain(slo.budget)}")
    yield ratios.for_people(slo, names.BUDGET_REMAINING, f"1 - {burned}")
