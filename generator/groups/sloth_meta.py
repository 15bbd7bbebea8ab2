"""Sloth's metadata rules: the objective, burn rates and the remaining budget."""

from collections.abc import Iterator

from generator import go_format, names
from generator.model import RecordingRule
from generator.sloth.model import SlothSLO, hours

_VERSION = "slo-rules"


def metadata_rules(slo: SlothSLO) -> Iterator[RecordingRule]:
    """Build the seven rules, in Sloth's order."""
    labels = {**slo.identity, **slo.labels}
    objective = go_format.number(slo.objective / 100)
    budget, burned = slo.series(names.ERROR_BUDGET), slo.series(names.PERIOD_BURN_RATE)
    per_budget = f"\n/ on(sloth_id, sloth_slo, sloth_service) group_left\n{budget}\n"
    for record, expr in (
        (names.OBJECTIVE, f"vector({objective})"),
        (names.ERROR_BUDGET, f"vector(1-{objective})"),
        (names.PERIOD_DAYS, f"vector({go_format.number(hours(slo.period) / 24)})"),
        (names.CURRENT_BURN_RATE, slo.error_ratio(slo.shortest) + per_budget),
        (names.PERIOD_BURN_RATE, slo.error_ratio(slo.period) + per_budget),
        (names.BUDGET_REMAINING, f"1 - {burned}"),
    ):
        yield RecordingRule(record, expr, labels)
    about = {
        "sloth_version": _VERSION,
        "sloth_mode": slo.mode,
        "sloth_spec": slo.dialect,
        "sloth_objective": go_format.shortest(slo.objective),
    }
    yield RecordingRule(names.INFO, "vector(1)", {**labels, **about})
