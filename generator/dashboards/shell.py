"""What all dashboards have around their panels: name, times, annotations, links to the others."""

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
    """A query whose results are marked in all graphs, with the words to mark them by.

    The SDK's model is of no data source in particular; Prometheus' has these three as well.
    """

    def to_json(self) -> dict[str, object]:
        """As the SDK has it, and the words."""
        return {
            **super().to_json(),
            "titleFormat": "{{alertname}}",
            "textFormat": "{{severity}} {{sloth_id}}",
            "tagKeys": "severity",
        }


class _Alerts(dashboard.AnnotationQuery):
    """Builds such a query."""

    def __init__(self) -> None:
        super().__init__()
        self._internal = AlertAnnotation()


def begun(board: Board, says: str, *, span: str, others: Iterable[Board]) -> dashboard.Dashboard:
    """A dashboard without panels yet.

    Args:
        board: which.
        says: what it is for.
        span: how far back it looks at first.
        others: those it links to.
    """
    built = dashboard.Dashboard(_TITLES[board]).uid(board).description(says).tags([TAG])
    built.refresh(_REFRESH).time(f"now-{span}", "now").timezone("browser").editable()
    built.tooltip(models.DashboardCursorSync.CROSSHAIR)
    for other in others:
        if other != board:
            built.link(_to(other))
    return built


def mark_alerts(built: dashboard.Dashboard, expr: str, *, title: str = "Alerts") -> None:
    """Show in all graphs when alerts fired."""
    built.annotation(_Alerts().name(title).datasource(SOURCE).expr(expr).icon_color(RED))


def row(
    built: dashboard.Dashboard, id_: int, title: str, every: Sequence[Builder[models.Panel]]
) -> None:
    """A titled row of panels, side by side as long as there is room."""
    built.with_row(dashboard.Row(title).id(id_))
    for panel in every:
        built.with_panel(panel)


def _to(board: Board) -> dashboard.DashboardLink:
    link = dashboard.DashboardLink(_TITLES[board]).type(models.DashboardLinkType.LINK)
    return link.url(f"/d/{board}").include_vars(include_vars=True).keep_time(keep_time=True)
