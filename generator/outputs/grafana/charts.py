"""Burn-down and stage waterfall."""

from grafana_foundation_sdk.builders import barchart, timeseries
from grafana_foundation_sdk.models import units

from generator import names
from generator.outputs.grafana import panels
from generator.outputs.grafana.panels import BLUE, Frame, ordered, over_time
from generator.outputs.grafana.queries import Selection
from generator.slo import links
from slos.schema import contract
from slos.schema.contract import Stage

_FROM = "${__from:date:seconds}"
_RANGE = "${__range_s}s"

# Every stage is timed from the intended send, except these: they start where another one ends.
_AFTER = {
    Stage.LAMBDA_EXECUTION: Stage.REMEDIATION_SELECTION,
    Stage.VERIFICATION: Stage.END_TO_END,
}
_BUCKETS = f"{contract.STAGE_DURATION}_bucket"


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
    panel = panels.graph(
        Frame(22, "Budget burn-down", says),
        panels.over_time(f"1 - {_burned(slo)} * {passed}", "since start of range"),
        panels.over_time(f"1 - {passed}", "ideal"),
        panels.over_time(rolling, "rolling period"),
        unit=units.PercentUnit,
    )
    panel.override_by_name("ideal", panels.dashed(BLUE))
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


def panels_of(chosen: str) -> list[barchart.Panel | timeseries.Panel]:
    """Build the waterfall and the graph of durations."""
    return [_waterfall(chosen), _over_time(chosen)]


def _waterfall(chosen: str) -> barchart.Panel:
    says = (
        "P95 of each stage in the time range, from the intended send on. Stages that were not "
        "observed are missing. The selection is an upper bound if observed by the canary."
    )
    takes = _quantile(chosen, "$__range")
    panel = panels.chart(
        Frame(links.STAGES.panel, "Stage waterfall", says),
        panels.rows(_begins(takes)),
        panels.rows(takes),
        panels.rows(f"{_order()} and on (stage) {takes}"),
        unit=units.Seconds,
    )
    ordered(panel, "Value #C", [("stage", ""), ("Value #A", "begins"), ("Value #B", "takes")])
    clear = panels.shown("custom.fillOpacity", 0)
    line = panels.shown("custom.lineWidth", 0)
    panel.override_by_name("begins", [clear, line, *panels.painted("transparent")])
    return panel.x_field("stage")


def _over_time(chosen: str) -> timeseries.Panel:
    says = "P95 of each stage by source. The detail dashboard of each SLO shows the targets."
    rates = f"sum by (le, stage, source) (rate({_BUCKETS}{{{chosen}}}[$__rate_interval]))"
    return panels.graph(
        Frame(13, "Stages, P95", says),
        over_time(f"histogram_quantile(0.95, {rates}) >= 0", "{{stage}} ({{source}})"),
        unit=units.Seconds,
    )


def _quantile(chosen: str, window: str) -> str:
    rates = f"sum by (le, stage) (rate({_BUCKETS}{{{chosen}}}[{window}]))"
    return f"(histogram_quantile(0.95, {rates}) >= 0)"


def _begins(takes: str) -> str:
    """Render the start of a stage: the intended send, or the end of the stage before it."""
    late = " or ".join(
        f'label_replace({takes} and on (stage) {_named(before)}, "stage", "{stage}", "", "")'
        for stage, before in _AFTER.items()
    )
    return f"(({late}) and on (stage) {takes}) or 0 * {takes}"


def _order() -> str:
    every = (
        f'label_replace(vector({number}), "stage", "{stage}", "", "")'
        for number, stage in enumerate(Stage)
    )
    return f"({' or '.join(every)})"


def _named(stage: Stage) -> str:
    return f'label_replace(vector(1), "stage", "{stage}", "", "")'
