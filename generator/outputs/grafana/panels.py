"""Panel builders: graphs, stats, tables and their columns."""

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
BURN_UNIT = "suffix: x"

_VALUE_FIELD = "Value"


@dataclass(frozen=True, slots=True)
class PanelOptions:
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
    description: str
    width: int = 12
    height: int = 8


def query_range(expr: str, legend: str = "__auto") -> prometheus.Dataquery:
    """Build a range query, for a graph."""
    return prometheus.Dataquery().expr(expr).legend_format(legend).range()


def query_instant(expr: str, legend: str = "__auto") -> prometheus.Dataquery:
    """Build an instant query, for the present value."""
    return prometheus.Dataquery().expr(expr).legend_format(legend).instant()


def query_table(expr: str) -> prometheus.Dataquery:
    """Build an instant query whose series are the rows of a table."""
    return prometheus.Dataquery().expr(expr).instant().format(PromQueryFormat.TABLE)


def build_timeseries(
    options: PanelOptions, *queries: prometheus.Dataquery, unit: str
) -> timeseries.Panel:
    """Build a time series panel: lines, with the last and the highest value in the legend."""
    legend = looks.VizLegendOptions().display_mode(common.LegendDisplayMode.TABLE)
    legend.placement(common.LegendPlacement.BOTTOM).show_legend(show_legend=True)
    tooltip = looks.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    panel = _configure_panel(timeseries.Panel(), options, queries).unit(unit).axis_soft_min(0)
    panel.legend(legend.calcs(["lastNotNull", "max"])).line_width(2).fill_opacity(0)
    return panel.tooltip(tooltip.sort(common.SortOrder.DESCENDING))


def build_stacked_bars(
    options: PanelOptions, *queries: prometheus.Dataquery, unit: str
) -> timeseries.Panel:
    """Build a time series panel of counts as stacked bars."""
    stacking = looks.StackingConfig().mode(common.StackingMode.NORMAL)
    panel = build_timeseries(options, *queries, unit=unit).draw_style(common.GraphDrawStyle.BARS)
    return panel.stacking(stacking).fill_opacity(80).line_width(0)


def build_stat(
    options: PanelOptions, *queries: prometheus.Dataquery, unit: str, steps: Sequence[Threshold]
) -> stat.Panel:
    """Build a stat panel: one number with a colour by thresholds."""
    panel = (
        _configure_panel(stat.Panel(), options, queries)
        .unit(unit)
        .thresholds(build_thresholds(*steps))
    )
    panel.graph_mode(common.BigValueGraphMode.NONE)
    return panel.color_mode(common.BigValueColorMode.BACKGROUND).reduce_options(_reduce_to_last())


def build_bar_gauge(
    options: PanelOptions, *queries: prometheus.Dataquery, unit: str, steps: Sequence[Threshold]
) -> bargauge.Panel:
    """Build a bar gauge: a few present values side by side."""
    panel = (
        _configure_panel(bargauge.Panel(), options, queries)
        .unit(unit)
        .thresholds(build_thresholds(*steps))
        .min(0)
    )
    panel.orientation(common.VizOrientation.HORIZONTAL).reduce_options(_reduce_to_last())
    return panel.display_mode(common.BarGaugeDisplayMode.GRADIENT)


def build_state_timeline(
    options: PanelOptions, *queries: prometheus.Dataquery
) -> statetimeline.Panel:
    """Build a state timeline: on and off over time."""
    panel = _configure_panel(statetimeline.Panel(), options, queries)
    panel.thresholds(build_thresholds(color_base(RED), color_from(1, GREEN)))
    color = dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS)
    return panel.color_scheme(color).show_value(common.VisibilityMode.NEVER)


def build_bar_chart(
    options: PanelOptions, *queries: prometheus.Dataquery, unit: str
) -> barchart.Panel:
    """Build a bar chart: horizontal stacked bars with names."""
    panel = _configure_panel(barchart.Panel(), options, queries).unit(unit)
    panel.orientation(common.VizOrientation.HORIZONTAL).stacking(common.StackingMode.NORMAL)
    return panel.legend(looks.VizLegendOptions().show_legend(show_legend=False))


def build_table(options: PanelOptions, *queries: prometheus.Dataquery) -> table.Panel:
    """Build a table; `set_columns` sets its columns."""
    return _configure_panel(table.Panel(), options, queries)


def color_base(color: str) -> Threshold:
    """Colour values below all limits."""
    return Threshold(value=None, color=color)


def color_from(value: float, color: str) -> Threshold:
    """Colour values from a limit on."""
    return Threshold(value=value, color=color)


# Colours of the budget left (a share) and of the burn rate.
BUDGET_COLORS = (
    color_base(RED),
    color_from(0, ORANGE),
    color_from(0.25, YELLOW),
    color_from(0.5, GREEN),
)
BURN_COLORS = (color_base(GREEN), color_from(1, YELLOW), color_from(3, ORANGE), color_from(10, RED))


def build_thresholds(*steps: Threshold) -> dashboard.ThresholdsConfig:
    """Build thresholds of absolute values, the lowest first."""
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(list(steps))


def style_dashed(color: str) -> list[DynamicConfigValue]:
    """Style a line that is a limit and not a measurement."""
    style = common.LineStyle(fill="dash", dash=[10, 10])
    return [
        override_property("custom.lineStyle", style),
        override_property("custom.lineWidth", 1),
        *style_color(color),
    ]


def style_color(color: str) -> list[DynamicConfigValue]:
    """Set a fixed colour in place of the palette."""
    return [override_property("color", {"mode": "fixed", "fixedColor": color})]


def override_property(property_id: str, value: object) -> DynamicConfigValue:
    """Override one property of a field."""
    return DynamicConfigValue(id_val=property_id, value=value)


def draw_thresholds(panel: timeseries.Panel, *steps: Threshold) -> timeseries.Panel:
    """Draw the thresholds of a graph as dashed lines."""
    style = looks.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
    return panel.thresholds(build_thresholds(*steps)).thresholds_style(style)


def build_link(title: str, url: str, *, opens_new_tab: bool = False) -> dashboard.DashboardLink:
    """Build a link of a panel or a value; `opens_new_tab` is for links out of Grafana."""
    dashboard_link = dashboard.DashboardLink(title).type(DashboardLinkType.LINK).url(url)
    return dashboard_link.target_blank(opens_new_tab)


def _configure_panel(
    panel: Panel, options: PanelOptions, queries: Iterable[prometheus.Dataquery]
) -> Panel:
    panel.id(options.id).title(options.title).description(options.description).datasource(SOURCE)
    panel.span(options.width).height(options.height)
    for ref, query in zip("ABCDEFGHIJ", queries, strict=False):
        panel.with_target(query.ref_id(ref).datasource(SOURCE))
    return panel


def _reduce_to_last() -> looks.ReduceDataOptions:
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
    mappings: tuple[tuple[str, str, str], ...] = ()
    hidden: bool = False
    width: int = 0

    @property
    def display_name(self) -> str:
        """Name of the column after it was renamed."""
        return self.title or self.field

    def build_properties(self) -> list[DynamicConfigValue]:
        """Build the field overrides of the column."""
        properties: dict[str, object] = {}
        if self.unit:
            properties["unit"] = self.unit
        if self.steps:
            mode = ThresholdsMode.ABSOLUTE
            properties["thresholds"] = ThresholdsConfig(mode=mode, steps=list(self.steps))
        if self.steps or self.mappings:
            properties["custom.cellOptions"] = {"type": "color-background", "mode": "basic"}
        if self.mappings:
            options = {
                value: {"text": text, "color": color} for value, text, color in self.mappings
            }
            properties["mappings"] = [{"type": "value", "options": options}]
        if self.links:
            properties["links"] = [link.build() for link in self.links]
        if self.hidden:
            properties["custom.hidden"] = True
        if self.width:
            properties["custom.width"] = self.width
        return [override_property(key, value) for key, value in properties.items()]


def set_columns(panel: table.Panel, *columns: Column, sort_by: str = "") -> table.Panel:
    """Set the columns of a table, in order; other fields are left out.

    Args:
        panel: a table whose queries give rows with the same labels.
        columns: its columns.
        sort_by: the title of the column by which rows are sorted, the greatest value first.
    """
    fields = [column.field for column in columns]
    titles = {column.field: column.title for column in columns if column.title}
    # If only one query has a result, its value has no letter. Most likely it is the first query.
    values = [column for column in columns if column.field.startswith(_VALUE_FIELD)]
    titles[_VALUE_FIELD] = min(values, key=lambda column: column.field).display_name
    names = [*fields, *({_VALUE_FIELD} - {*fields})]
    _add_transformation(panel, "merge", {})
    _add_transformation(panel, "filterFieldsByName", {"include": {"names": names}})
    order = {field: number for number, field in enumerate(fields)}
    _add_transformation(panel, "organize", {"indexByName": order, "renameByName": titles})
    for column in columns:
        if properties := column.build_properties():
            panel.override_by_name(column.display_name, properties)
    if sort_by:
        panel.sort_by([looks.TableSortByFieldState().display_name(sort_by).desc(desc=True)])
    return panel.show_header(show_header=True).cell_height(TableCellHeight.SM)


def order_rows(panel: barchart.Panel, sort_field: str, fields: Sequence[tuple[str, str]]) -> None:
    """Order rows by a column that is then left out, and keep the given fields with their titles."""
    _add_transformation(panel, "merge", {})
    _add_transformation(
        panel, "sortBy", {"fields": {}, "sort": [{"field": sort_field, "desc": False}]}
    )
    _add_transformation(
        panel, "filterFieldsByName", {"include": {"names": [field for field, _ in fields]}}
    )
    order = {field: number for number, (field, _) in enumerate(fields)}
    titles = {field: title for field, title in fields if title}
    _add_transformation(panel, "organize", {"indexByName": order, "renameByName": titles})


def _add_transformation(
    panel: table.Panel | barchart.Panel, id_: str, options: dict[str, object]
) -> None:
    panel.with_transformation(DataTransformerConfig(id_val=id_, options=options))
