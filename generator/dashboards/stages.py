"""Charts of the stages of the pipeline: a waterfall, and the duration of each stage over time."""

from grafana_foundation_sdk.builders import barchart, timeseries
from grafana_foundation_sdk.models import units

from generator import panels
from generator.dashboards import parts
from generator.dashboards.parts import Frame, over_time
from generator.dashboards.tables import ordered
from slos.schema import contract
from slos.schema.contract import Stage

# Every stage is timed from the intended send, except these: they start where another one ends.
_AFTER = {
    Stage.LAMBDA_EXECUTION: Stage.REMEDIATION_SELECTION,
    Stage.VERIFICATION: Stage.END_TO_END,
}
_BUCKETS = f"{contract.STAGE_DURATION}_bucket"


def panels_of(chosen: str) -> list[barchart.Panel | timeseries.Panel]:
    """Build the waterfall and the graph of durations."""
    return [_waterfall(chosen), _over_time(chosen)]


def _waterfall(chosen: str) -> barchart.Panel:
    says = (
        "P95 of each stage in the time range, from the intended send on. Stages that were not "
        "observed are missing. The selection is an upper bound if observed by the canary."
    )
    takes = _quantile(chosen, "$__range")
    panel = parts.chart(
        Frame(panels.STAGES.panel, "Stage waterfall", says),
        parts.rows(_begins(takes)),
        parts.rows(takes),
        parts.rows(f"{_order()} and on (stage) {takes}"),
        unit=units.Seconds,
    )
    ordered(panel, "Value #C", [("stage", ""), ("Value #A", "begins"), ("Value #B", "takes")])
    clear = parts.shown("custom.fillOpacity", 0)
    line = parts.shown("custom.lineWidth", 0)
    panel.override_by_name("begins", [clear, line, *parts.painted("transparent")])
    return panel.x_field("stage")


def _over_time(chosen: str) -> timeseries.Panel:
    says = "P95 of each stage by source. The detail dashboard of each SLO shows the targets."
    rates = f"sum by (le, stage, source) (rate({_BUCKETS}{{{chosen}}}[$__rate_interval]))"
    return parts.graph(
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
