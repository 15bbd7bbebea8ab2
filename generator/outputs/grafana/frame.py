"""Frame of a dashboard: its settings, links and variables."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.dashboard import (
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from generator import names
from generator.outputs.grafana.panels import RED, SOURCE
from generator.outputs.grafana.queries import BuildSummary
from generator.slo import links

TAG = "slo-rules"
_REFRESH = "30s"

_DEFAULT_UID = "prometheus"
_ALL_OPTION = VariableOption(selected=True, text="All", value="$__all")
# Matches series without the label as well.
_ANY_VALUE = ".*"


@dataclass(frozen=True, slots=True)
class BoardInfo:
    """Description of a dashboard.

    Attributes:
        uid: its uid, file name and the end of its ConfigMap's name.
        title: its title.
        description: its description.
        span: the time range at first, back from now.
        order: its place among the links of other dashboards.
        needs_prober: True if it is only built when rules read metrics of slo-probe.
    """

    uid: str
    title: str
    description: str
    span: str
    order: int
    needs_prober: bool = False


class AlertAnnotation(models.AnnotationQuery):
    """Annotation query that marks alerts in all graphs, with the texts of the marks.

    The model of the SDK is not specific to a data source. The one of Prometheus has these three
    fields as well.
    """

    def to_json(self) -> dict[str, object]:
        """Return the JSON of the SDK with the texts of the marks."""
        return {
            **super().to_json(),
            "titleFormat": "{{alertname}}",
            "textFormat": "{{severity}} {{sloth_id}}",
            "tagKeys": "severity",
        }


class _AlertAnnotationBuilder(dashboard.AnnotationQuery):
    """Builder of an `AlertAnnotation`."""

    def __init__(self) -> None:
        super().__init__()
        self._internal = AlertAnnotation()


def create_dashboard(board: BoardInfo, others: Iterable[BoardInfo]) -> dashboard.Dashboard:
    """Create a dashboard without panels, with links to the others."""
    builder = dashboard.Dashboard(board.title).uid(board.uid)
    builder.description(board.description).tags([TAG])
    builder.refresh(_REFRESH).time(f"now-{board.span}", "now").timezone("browser").editable()
    builder.tooltip(models.DashboardCursorSync.CROSSHAIR)
    for other in others:
        if other != board:
            builder.link(_build_board_link(other))
    return builder


def mark_alerts(builder: dashboard.Dashboard, expr: str, *, title: str = "Alerts") -> None:
    """Mark the times at which alerts fired in all graphs."""
    builder.annotation(
        _AlertAnnotationBuilder().name(title).datasource(SOURCE).expr(expr).icon_color(RED)
    )


def add_row(
    builder: dashboard.Dashboard, id_: int, title: str, panels: Sequence[Builder[models.Panel]]
) -> None:
    """Add a row with a title and its panels."""
    builder.with_row(dashboard.Row(title).id(id_))
    for panel in panels:
        builder.with_panel(panel)


def _build_board_link(board: BoardInfo) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(board.title).type(models.DashboardLinkType.LINK)
    return link.url(f"/d/{board.uid}").include_vars(include_vars=True).keep_time(keep_time=True)


def build_source_variable() -> dashboard.DatasourceVariable:
    """Build the variable of the Prometheus data source.

    The default is the usual uid of the cluster.
    """
    current = VariableOption(selected=True, text=_DEFAULT_UID, value=_DEFAULT_UID)
    variable = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return variable.current(current)


def build_service_variable() -> dashboard.QueryVariable:
    """Build the variable of services with SLOs or standalone alerts; several may be selected."""
    # The rules of the sloth profile record only the first of these metrics.
    series = f'{{__name__=~"{names.OBJECTIVE}|{names.ALERT_INFO}"}}'
    return build_multi_value_variable("service", f"label_values({series}, {names.SERVICE})")


def build_slo_service_variable() -> dashboard.QueryVariable:
    """Build the variable of services that have SLOs; several may be selected."""
    return build_multi_value_variable(
        "service", f"label_values({names.OBJECTIVE}, {names.SERVICE})"
    )


def build_slo_variable() -> dashboard.QueryVariable:
    """Build the variable of one SLO of the services."""
    series = f'{names.OBJECTIVE}{{{names.SERVICE}=~"$service"}}'
    return _build_query_variable("slo", f"label_values({series}, {names.ID})").label("SLO")


def build_run_label_variables(
    summary: BuildSummary, *, single: bool
) -> Iterator[dashboard.QueryVariable]:
    """Build a variable for each label of the run, of a single value or of several."""
    for label in summary.run_labels:
        name, query = links.name_variable(label), f"label_values({names.OBJECTIVE}, {label})"
        yield (
            _build_query_variable(name, query)
            if single
            else build_multi_value_variable(name, query)
        ).label(label)


def build_grouping_variables(summary: BuildSummary) -> Iterator[dashboard.QueryVariable]:
    """Build a variable for each label that splits SLOs; it is empty for an SLO without them."""
    for label in summary.grouping:
        series = f'{names.CURRENT_BURN_RATE}{{{names.ID}="$slo"}}'
        name = links.name_variable(label)
        yield build_multi_value_variable(name, f"label_values({series}, {label})").label(label)


def build_multi_value_variable(name: str, query: str) -> dashboard.QueryVariable:
    """Build a variable with several values, at first all."""
    variable = _build_query_variable(name, query).multi(multi=True).include_all(include_all=True)
    return variable.all_value(_ANY_VALUE).current(_ALL_OPTION)


def add_variables(
    board: dashboard.Dashboard,
    variables: Iterable[dashboard.QueryVariable | dashboard.DatasourceVariable],
) -> None:
    """Add variables to a dashboard, in this order."""
    for variable in variables:
        board.with_variable(variable)


def _build_query_variable(name: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(name.capitalize()).query(query)
    variable.datasource(SOURCE).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.sort(VariableSort.ALPHABETICAL_ASC)
