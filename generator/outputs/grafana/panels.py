"""Panel builders, tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import (
    common as looks,
)
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.common import TableCellHeight
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsConfig,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

Panel = TypeVar(
    "Panel",
    barchart.Panel,
    bargauge.Panel,
    stat.Panel,
    statetimeline.Panel,
    table.Panel,
    timeseries.Panel,
)

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"
BURN = "suffix: x"

_VALUE = "Value"


@dataclass(frozen=True, slots=True)
class Frame:
    """Options of a panel: id, title, description and size.

    Attributes:
        id: never changes, since links contain it.
        title: in a few words.
        description: how to read the panel.
        width: in columns of 24.
        height: in rows of the grid.
    """

    id: int
    title: str
    says: str
    width: int = 12
    height: int = 8


def over_time(expr: str, legend: str = "__auto") -> prometheus.Dataquery:
    """Build a range query, for a graph."""
    return prometheus.Dataquery().expr(expr).legend_format(legend).range()


def now(expr: str, legend: str = "__auto") -> prometheus.Dataquery:
    """Build an instant query, for the present value."""
    return prometheus.Dataquery().expr(expr).legend_format(legend).instant()


def rows(expr: str) -> prometheus.Dataquery:
    """Build an instant query whose series are the rows of a table."""
    return prometheus.Dataquery().expr(expr).instant().format(PromQueryFormat.TABLE)


def graph(frame: Frame, *queries: prometheus.Dataquery, unit: str) -> timeseries.Panel:
    """Build a time series panel: lines, with the last and the highest value in the legend."""
    legend = looks.VizLegendOptions().display_mode(common.LegendDisplayMode.TABLE)
    legend.placement(common.LegendPlacement.BOTTOM).show_legend(show_legend=True)
    tooltip = looks.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    panel = _begun(timeseries.Panel(), frame, queries).unit(unit).axis_soft_min(0)
    panel.legend(legend.calcs(["lastNotNull", "max"])).line_width(2).fill_opacity(0)
    return panel.tooltip(tooltip.sort(common.SortOrder.DESCENDING))


def bars(frame: Frame, *queries: prometheus.Dataquery, unit: str) -> timeseries.Panel:
    """Build a time series panel of counts as stacked bars."""
    stacking = looks.StackingConfig().mode(common.StackingMode.NORMAL)
    panel = graph(frame, *queries, unit=unit).draw_style(common.GraphDrawStyle.BARS)
    return panel.stacking(stacking).fill_opacity(80).line_width(0)


def figure(
    frame: Frame, *queries: prometheus.Dataquery, unit: str, steps: Sequence[Threshold]
) -> stat.Panel:
    """Build a stat panel: one number with a colour by thresholds."""
    panel = _begun(stat.Panel(), frame, queries).unit(unit).thresholds(limits(*steps))
    panel.graph_mode(common.BigValueGraphMode.NONE)
    return panel.color_mode(common.BigValueColorMode.BACKGROUND).reduce_options(_last())


def levels(
    frame: Frame, *queries: prometheus.Dataquery, unit: str, steps: Sequence[Threshold]
) -> bargauge.Panel:
    """Build a bar gauge: a few present values side by side."""
    panel = _begun(bargauge.Panel(), frame, queries).unit(unit).thresholds(limits(*steps)).min(0)
    panel.orientation(common.VizOrientation.HORIZONTAL).reduce_options(_last())
    return panel.display_mode(common.BarGaugeDisplayMode.GRADIENT)


def states(frame: Frame, *queries: prometheus.Dataquery) -> statetimeline.Panel:
    """Build a state timeline: on and off over time."""
    panel = _begun(statetimeline.Panel(), frame, queries)
    panel.thresholds(limits(below(RED), at(1, GREEN)))
    color = dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)
    return panel.color_scheme(color).show_value(common.VisibilityMode.NEVER)


def chart(frame: Frame, *queries: prometheus.Dataquery, unit: str) -> barchart.Panel:
    """Build a bar chart: horizontal stacked bars with names."""
    panel = _begun(barchart.Panel(), frame, queries).unit(unit)
    panel.orientation(common.VizOrientation.HORIZONTAL).stacking(common.StackingMode.NORMAL)
    return panel.legend(looks.VizLegendOptions().show_legend(show_legend=False))


def listing(frame: Frame, *queries: prometheus.Dataquery) -> table.Panel:
    """Build a table; `set_columns` sets its columns."""
    return _begun(table.Panel(), frame, queries)


def below(color: str) -> Threshold:
    """Colour values below all limits."""
    return Threshold(value=None, color=color)


def at(value: float, color: str) -> Threshold:
    """Colour values from a limit on."""
    return Threshold(value=value, color=color)


# Colours of the budget left (a share) and of the burn rate.
BUDGET = (below(RED), at(0, ORANGE), at(0.25, YELLOW), at(0.5, GREEN))
BURNING = (below(GREEN), at(1, YELLOW), at(3, ORANGE), at(10, RED))


def limits(*steps: Threshold) -> dashboard.ThresholdsConfig:
    """Build thresholds of absolute values, the lowest first."""
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(list(steps))


def dashed(color: str) -> list[DynamicConfigValue]:
    """Style a line that is a limit and not a measurement."""
    style = common.LineStyle(fill="dash", dash=[10, 10])
    return [shown("custom.lineStyle", style), shown("custom.lineWidth", 1), *painted(color)]


def painted(color: str) -> list[DynamicConfigValue]:
    """Set a fixed colour in place of the palette."""
    return [shown("color", {"mode": "fixed", "fixedColor": color})]


def shown(what: str, value: object) -> DynamicConfigValue:
    """Override one property of a field."""
    return DynamicConfigValue(id_val=what, value=value)


def lined(panel: timeseries.Panel, *steps: Threshold) -> timeseries.Panel:
    """Draw the thresholds of a graph as dashed lines."""
    style = looks.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(limits(*steps)).thresholds_style(style)


def link(title: str, url: str, *, leaves: bool = False) -> dashboard.DashboardLink:
    """Build a link of a panel or a value; `opens_new_tab` is for links out of Grafana."""
    built = dashboard.DashboardLink(title).type(DashboardLinkType.LINK).url(url)
    return built.target_blank(leaves)


def _begun(panel: Panel, frame: Frame, queries: Iterable[prometheus.Dataquery]) -> Panel:
    panel.id(frame.id).title(frame.title).description(frame.says).datasource(SOURCE)
    panel.span(frame.width).height(frame.height)
    for ref, query in zip("ABCDEFGHIJ", queries, strict=False):
        panel.with_target(query.ref_id(ref).datasource(SOURCE))
    return panel


def _last() -> looks.ReduceDataOptions:
    return looks.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        field: a label, or `Value #A` for the value of the first query, `Value` of the only one.
        title: the title that is shown; empty for the field itself.
        unit: of its values.
        steps: thresholds by which its cells are coloured.
        links: targets of a click on a cell.
        mappings: value mappings: a value, its text and its colour.
        hidden: True if only links use it.
        width: in pixels; 0 for automatic.
    """

    field: str
    title: str = ""
    unit: str = ""
    steps: tuple[Threshold, ...] = ()
    links: tuple[dashboard.DashboardLink, ...] = ()
    texts: tuple[tuple[str, str, str], ...] = ()
    hidden: bool = False
    width: int = 0

    @property
    def shown(self) -> str:
        """Name of the column after it was renamed."""
        return self.title or self.field

    def properties(self) -> list[DynamicConfigValue]:
        """Build the field overrides of the column."""
        found: dict[str, object] = {}
        if self.unit:
            found["unit"] = self.unit
        if self.steps:
            mode = ThresholdsMode.ABSOLUTE
            found["thresholds"] = ThresholdsConfig(mode=mode, steps=list(self.steps))
        if self.steps or self.texts:
            found["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
        if self.texts:
            options = {value: {"text": text, "color": color} for value, text, color in self.texts}
            found["mappings"] = [{"type": "value", "options": options}]
        if self.links:
            found["links"] = [link.build() for link in self.links]
        if self.hidden:
            found["custom.hidden"] = True
        if self.width:
            found["custom.width"] = self.width
        return [shown(key, value) for key, value in found.items()]


def columns(panel: table.Panel, *every: Column, worst: str = "") -> table.Panel:
    """Set the columns of a table, in order; other fields are left out.

    Args:
        panel: a table whose queries give rows with the same labels.
        columns: its columns.
        sort_by: the title of the column by which rows are sorted, the greatest value first.
    """
    kept = [column.field for column in every]
    titles = {column.field: column.title for column in every if column.title}
    # If only one query has a result, its value has no letter. Most likely it is the first query.
    values = [column for column in every if column.field.startswith(_VALUE)]
    titles[_VALUE] = min(values, key=lambda column: column.field).shown
    names = [*kept, *({_VALUE} - {*kept})]
    _transform(panel, "merge", {})
    _transform(panel, "filterFieldsByName", {"include": {"names": names}})
    order = {field: number for number, field in enumerate(kept)}
    _transform(panel, "organize", {"indexByName": order, "renameByName": titles})
    for column in every:
        if properties := column.properties():
            panel.override_by_name(column.shown, properties)
    if worst:
        panel.sort_by([looks.TableSortByFieldState().display_name(worst).desc(desc=True)])
    return panel.show_header(show_header=True).cell_height(TableCellHeight.SM)


def ordered(panel: barchart.Panel, by: str, kept: Sequence[tuple[str, str]]) -> None:
    """Order rows by a column that is then left out, and keep the given fields with their titles."""
    _transform(panel, "merge", {})
    _transform(panel, "sortBy", {"fields": {}, "sort": [{"field": by, "desc": False}]})
    _transform(panel, "filterFieldsByName", {"include": {"names": [field for field, _ in kept]}})
    order = {field: number for number, (field, _) in enumerate(kept)}
    titles = {field: title for field, title in kept if title}
    _transform(panel, "organize", {"indexByName": order, "renameByName": titles})


def _transform(panel: table.Panel | barchart.Panel, id_: str, options: dict[str, object]) -> None:
    panel.with_transformation(DataTransformerConfig(id_val=id_, options=options))
