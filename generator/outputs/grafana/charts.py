"""Charts of several panels: error budget burn-down and stage waterfall."""

from grafana_foundation_sdk.builders import barchart, timeseries
from grafana_foundation_sdk.models import units

from generator import names
from generator.outputs.grafana import panels
from generator.outputs.grafana.panels import BLUE, PanelOptions, order_rows, query_range
from generator.outputs.grafana.queries import SeriesSelection
from generator.slo import links
from slos.schema import contract
from slos.schema.contract import Stage

_FROM = "${__from:date:seconds}"
_RANGE = "${__range_s}s"

# Every stage is timed from the intended send, except these: they start where another one ends.
_PREDECESSORS = {
    Stage.LAMBDA_EXECUTION: Stage.REMEDIATION_SELECTION,
    Stage.VERIFICATION: Stage.END_TO_END,
}
_BUCKETS = f"{contract.STAGE_DURATION}_bucket"


def build_burn_down(slo: SeriesSelection) -> timeseries.Panel:
    """Build the burn-down chart: the budget left if it was whole at the start of the time range.

    The lost share is the share of errors since the start, times the share of the period that has
    passed. Over a whole period that is exactly what the rolling budget has lost.
    """
    description = (
        "Remaining error budget, if it was complete at the start of the time range. On the ideal "
        "line it lasts exactly one period; below the line it is exhausted earlier. The rolling "
        "budget is that of the figures above: old errors leave it at the end of the period."
    )
    days = f"max({slo.select(names.PERIOD_DAYS)})"
    elapsed = f"(time() - {_FROM}) / (86400 * {days})"
    rolling = f"min({slo.select_groups(names.BUDGET_REMAINING)})"
    panel = panels.build_timeseries(
        PanelOptions(22, "Budget burn-down", description),
        panels.query_range(f"1 - {_render_burn_rate(slo)} * {elapsed}", "since start of range"),
        panels.query_range(f"1 - {elapsed}", "ideal"),
        panels.query_range(rolling, "rolling period"),
        unit=units.PercentUnit,
    )
    panel.override_by_name("ideal", panels.style_dashed(BLUE))
    return panel.max(1).axis_soft_min(0)


def _render_burn_rate(slo: SeriesSelection) -> str:
    """Render the burn rate since the start of the time range.

    Every window of the subquery is as long as the time range. Events before its start are
    multiplied by zero.
    """
    if not slo.summary.steps:
        return _average_burn_rate(slo)
    errors, total = _sum_events(slo, names.name_errors), _sum_events(slo, names.name_total)
    return f"({errors}) / ({total} > 0) / scalar(max({slo.select(names.ERROR_BUDGET)}))"


def _sum_events(slo: SeriesSelection, name: names.MetricNamer) -> str:
    """Sum the events since the start of the time range, in the steps they are counted in."""
    sums = (
        f"sum_over_time((sum({slo.select_groups(name(step))})"
        f" * (time() > bool {_FROM}))[{_RANGE}:{step}])"
        for step in slo.summary.steps
    )
    return "(" + " or ".join(sums) + ")"


def _average_burn_rate(slo: SeriesSelection) -> str:
    """Render the mean burn rate for rules without counts, such as Sloth's.

    Each minute weighs the same.
    """
    is_inside = f"(time() > bool {_FROM})"
    burn = f"max({slo.select_groups(names.CURRENT_BURN_RATE)})"
    spent = f"sum_over_time(({burn} * {is_inside})[{_RANGE}:1m])"
    elapsed = f"sum_over_time(({burn} * 0 + {is_inside})[{_RANGE}:1m])"
    return f"{spent} / ({elapsed} > 0)"


def build_stage_panels(matchers: str) -> list[barchart.Panel | timeseries.Panel]:
    """Build the waterfall and the graph of durations."""
    return [_build_waterfall(matchers), _build_stage_durations(matchers)]


def _build_waterfall(matchers: str) -> barchart.Panel:
    description = (
        "P95 of each stage in the time range, from the intended send on. Stages that were not "
        "observed are missing. The selection is an upper bound if observed by the canary."
    )
    duration = _render_p95(matchers, "$__range")
    panel = panels.build_bar_chart(
        PanelOptions(links.STAGES_PANEL.panel_id, "Stage waterfall", description),
        panels.query_table(_render_start(duration)),
        panels.query_table(duration),
        panels.query_table(f"{_render_order()} and on (stage) {duration}"),
        unit=units.Seconds,
    )
    order_rows(panel, "Value #C", [("stage", ""), ("Value #A", "begins"), ("Value #B", "takes")])
    no_fill = panels.override_property("custom.fillOpacity", 0)
    no_line = panels.override_property("custom.lineWidth", 0)
    panel.override_by_name("begins", [no_fill, no_line, *panels.style_color("transparent")])
    return panel.x_field("stage")


def _build_stage_durations(matchers: str) -> timeseries.Panel:
    description = "P95 of each stage by source. The detail dashboard of each SLO shows the targets."
    rates = f"sum by (le, stage, source) (rate({_BUCKETS}{{{matchers}}}[$__rate_interval]))"
    return panels.build_timeseries(
        PanelOptions(13, "Stages, P95", description),
        query_range(f"histogram_quantile(0.95, {rates}) >= 0", "{{stage}} ({{source}})"),
        unit=units.Seconds,
    )


def _render_p95(matchers: str, window: str) -> str:
    rates = f"sum by (le, stage) (rate({_BUCKETS}{{{matchers}}}[{window}]))"
    return f"(histogram_quantile(0.95, {rates}) >= 0)"


def _render_start(duration: str) -> str:
    """Render the start of a stage: the intended send, or the end of the stage before it."""
    starts = " or ".join(
        f"label_replace({duration} and on (stage) {_render_stage_vector(predecessor)},"
        f' "stage", "{stage}", "", "")'
        for stage, predecessor in _PREDECESSORS.items()
    )
    return f"(({starts}) and on (stage) {duration}) or 0 * {duration}"


def _render_order() -> str:
    stages = (
        f'label_replace(vector({number}), "stage", "{stage}", "", "")'
        for number, stage in enumerate(Stage)
    )
    return f"({' or '.join(stages)})"


def _render_stage_vector(stage: Stage) -> str:
    return f'label_replace(vector(1), "stage", "{stage}", "", "")'
