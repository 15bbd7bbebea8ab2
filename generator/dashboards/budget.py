"""Burn-down chart of a budget since the start of the shown time range, beside the ideal line."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import units

from generator import names
from generator.dashboards import parts
from generator.dashboards.parts import BLUE, Frame
from generator.dashboards.selection import Selection

_FROM = "${__from:date:seconds}"
_RANGE = "${__range_s}s"


def burn_down(slo: Selection) -> timeseries.Panel:
    """Build the burn-down chart: the budget left if it was whole at the start of the time range.

    The lost share is the share of errors since the start, times the share of the period that has
    passed. Over a whole period that is exactly what the rolling budget has lost.
    """
    says = (
        "Remaining error budget, if it was complete at the start of the time range. On the ideal "
        "line it lasts exactly one period; below the line it is exhausted earlier. The rolling "
        "budget is that of the figures above: old errors leave it at the end of the period."
    )
    days = f"max({slo.of(names.PERIOD_DAYS)})"
    passed = f"(time() - {_FROM}) / (86400 * {days})"
    rolling = f"min({slo.split(names.BUDGET_REMAINING)})"
    panel = parts.graph(
        Frame(22, "Budget burn-down", says),
        parts.over_time(f"1 - {_burned(slo)} * {passed}", "since start of range"),
        parts.over_time(f"1 - {passed}", "ideal"),
        parts.over_time(rolling, "rolling period"),
        unit=units.PercentUnit,
    )
    panel.override_by_name("ideal", parts.dashed(BLUE))
    return panel.max(1).axis_soft_min(0)


def _burned(slo: Selection) -> str:
    """Render the burn rate since the start of the time range.

    Every window of the subquery is as long as the time range. Events before its start are
    multiplied by zero.
    """
    if not slo.facts.steps:
        return _mean(slo)
    errors, total = _since(slo, names.errors), _since(slo, names.total)
    return f"({errors}) / ({total} > 0) / scalar(max({slo.of(names.ERROR_BUDGET)}))"


def _since(slo: Selection, name: names.OfStep) -> str:
    """Sum the events since the start of the time range, in the steps they are counted in."""
    each = (
        f"sum_over_time((sum({slo.split(name(step))}) * (time() > bool {_FROM}))[{_RANGE}:{step}])"
        for step in slo.facts.steps
    )
    return "(" + " or ".join(each) + ")"


def _mean(slo: Selection) -> str:
    """Render the mean burn rate for rules without counts, such as Sloth's.

    Each minute weighs the same.
    """
    inside = f"(time() > bool {_FROM})"
    burn = f"max({slo.split(names.CURRENT_BURN_RATE)})"
    spent = f"sum_over_time(({burn} * {inside})[{_RANGE}:1m])"
    passed = f"sum_over_time(({burn} * 0 + {inside})[{_RANGE}:1m])"
    return f"{spent} / ({passed} > 0)"
