"""Dashboard shell, links, variables."""

from collections.abc import Iterable, Iterator, Sequence

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
from generator.outputs.grafana.queries import Facts
from generator.slo import links
from generator.slo.links import Board

TAG = "slo-rules"
_TITLES = {
    Board.OVERVIEW: "SLOs: overview",
    Board.DETAIL: "SLOs: one in detail",
    Board.PROBER: "SLOs: prober",
    Board.SCENARIOS: "SLOs: load scenarios",
}
_REFRESH = "30s"

_UID = "prometheus"
_ALL = VariableOption(selected=True, text="All", value="$__all")
# Matches series without the label as well.
_ANY = ".*"


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


class _Alerts(dashboard.AnnotationQuery):
    """Builder of an `AlertAnnotation`."""

    def __init__(self) -> None:
        super().__init__()
        self._internal = AlertAnnotation()


def begun(board: Board, says: str, *, span: str, others: Iterable[Board]) -> dashboard.Dashboard:
    """Create a dashboard without panels.

    Args:
        board: the dashboard.
        description: its description.
        span: the time range at first, back from now.
        others: the dashboards that it links to.
    """
    built = dashboard.Dashboard(_TITLES[board]).uid(board).description(says).tags([TAG])
    built.refresh(_REFRESH).time(f"now-{span}", "now").timezone("browser").editable()
    built.tooltip(models.DashboardCursorSync.CROSSHAIR)
    for other in others:
        if other != board:
            built.link(_to(other))
    return built


def mark_alerts(built: dashboard.Dashboard, expr: str, *, title: str = "Alerts") -> None:
    """Mark the times at which alerts fired in all graphs."""
    built.annotation(_Alerts().name(title).datasource(SOURCE).expr(expr).icon_color(RED))


def row(
    built: dashboard.Dashboard, id_: int, title: str, every: Sequence[Builder[models.Panel]]
) -> None:
    """Add a row with a title and its panels."""
    built.with_row(dashboard.Row(title).id(id_))
    for panel in every:
        built.with_panel(panel)


def _to(board: Board) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(_TITLES[board]).type(models.DashboardLinkType.LINK)
    return link.url(f"/d/{board}").include_vars(include_vars=True).keep_time(keep_time=True)


def source() -> dashboard.DatasourceVariable:
    """Build the variable of the Prometheus data source.

    The default is the usual uid of the cluster.
    """
    current = VariableOption(selected=True, text=_UID, value=_UID)
    variable = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    return variable.current(current)


def service() -> dashboard.QueryVariable:
    """Build the variable of services with SLOs or standalone alerts; several may be selected."""
    # The rules of the sloth profile record only the first of these metrics.
    either = f'{{__name__=~"{names.OBJECTIVE}|{names.ALERT_INFO}"}}'
    return several("service", f"label_values({either}, {names.SERVICE})")


def service_with_slos() -> dashboard.QueryVariable:
    """Build the variable of services that have SLOs; several may be selected."""
    return several("service", f"label_values({names.OBJECTIVE}, {names.SERVICE})")


def slo() -> dashboard.QueryVariable:
    """Build the variable of one SLO of the services."""
    series = f'{names.OBJECTIVE}{{{names.SERVICE}=~"$service"}}'
    return _query("slo", f"label_values({series}, {names.ID})").label("SLO")


def run_labels(facts: Facts, *, one: bool) -> Iterator[dashboard.QueryVariable]:
    """Build a variable for each label of the run, of a single value or of several."""
    for label in facts.run_labels:
        name, query = links.variable(label), f"label_values({names.OBJECTIVE}, {label})"
        yield (_query(name, query) if one else several(name, query)).label(label)


def grouping(facts: Facts) -> Iterator[dashboard.QueryVariable]:
    """Build a variable for each label that splits SLOs; it is empty for an SLO without them."""
    for label in facts.grouping:
        series = f'{names.CURRENT_BURN_RATE}{{{names.ID}="$slo"}}'
        name = links.variable(label)
        yield several(name, f"label_values({series}, {label})").label(label)


def several(name: str, query: str) -> dashboard.QueryVariable:
    """Build a variable with several values, at first all."""
    variable = _query(name, query).multi(multi=True).include_all(include_all=True)
    return variable.all_value(_ANY).current(_ALL)


def add(
    board: dashboard.Dashboard,
    variables: Iterable[dashboard.QueryVariable | dashboard.DatasourceVariable],
) -> None:
    """Add variables to a dashboard, in this order."""
    for variable in variables:
        board.with_variable(variable)


def _query(name: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(name.capitalize()).query(query)
    variable.datasource(SOURCE).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.sort(VariableSort.ALPHABETICAL_ASC)
