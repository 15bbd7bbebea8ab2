"""The burn-down of a budget since the left edge of what is shown, beside the ideal line."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import units

from generator import names
from generator.dashboards import parts
from generator.dashboards.parts import BLUE, Frame
from generator.dashboards.selection import Selection

_FROM = "${__from:date:seconds}"
_RANGE = "${__range_s}s"


def burn_down(slo: Selection) -> timeseries.Panel:
    """What is left of a budget that was whole at the left edge, and what a steady pace leaves.

    The share of errors since the left edge, times the share of the period that has passed: over a
    whole period, exactly what the rolling budget has lost.
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
    """The burn rate over the time since the left edge.

    Every window of the subquery is as long as what is shown; what lies before the left edge is
    multiplied by zero.
    """
    if not slo.facts.steps:
        return _mean(slo)
    errors, total = _since(slo, names.errors), _since(slo, names.total)
    return f"({errors}) / ({total} > 0) / scalar(max({slo.of(names.ERROR_BUDGET)}))"


def _since(slo: Selection, name: names.OfStep) -> str:
    """Events since the left edge, in the steps they are counted in."""
    each = (
        f"sum_over_time((sum({slo.split(name(step))}) * (time() > bool {_FROM}))[{_RANGE}:{step}])"
        for step in slo.facts.steps
    )
    return "(" + " or ".join(each) + ")"


def _mean(slo: Selection) -> str:
    """Where nothing is counted, as in Sloth's rules, each minute weighs the same."""
    inside = f"(time() > bool {_FROM})"
    burn = f"max({slo.split(names.CURRENT_BURN_RATE)})"
    spent = f"sum_over_time(({burn} * {inside})[{_RANGE}:1m])"
    passed = f"sum_over_time(({burn} * 0 + {inside})[{_RANGE}:1m])"
    return f"{spent} / ({passed} > 0)"
