"""Frame of a dashboard: title, time range, annotations, rows, and links to the other dashboards."""

from collections.abc import Iterable, Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from generator.dashboards.parts import RED, SOURCE
from generator.panels import Board

TAG = "slo-rules"
_TITLES = {
    Board.OVERVIEW: "SLOs: overview",
    Board.DETAIL: "SLOs: one in detail",
    Board.PROBER: "SLOs: prober",
    Board.SCENARIOS: "SLOs: load scenarios",
}
_REFRESH = "30s"


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
