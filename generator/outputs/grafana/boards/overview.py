"""Overview dashboard: every SLO on one page, the most urgent one first."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Threshold

from generator import names
from generator.outputs.grafana import frame, panels, queries
from generator.outputs.grafana.frame import BoardInfo
from generator.outputs.grafana.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Column,
    PanelOptions,
    color_base,
    color_from,
    set_columns,
)
from generator.outputs.grafana.queries import BuildSummary, SeriesSelection
from generator.slo import links
from generator.slo.links import Board, PanelRef

BOARD = BoardInfo(
    uid=Board.OVERVIEW,
    title="SLOs: overview",
    description="Error budgets, burn rates and alerts of all SLOs.",
    span="6h",
    order=1,
)
# Upper limit of ten times the burn rate. A budget that burns outweighs one that is spent.
_MAX_BURN_SCORE = 90


def build_dashboard(summary: BuildSummary, others: Sequence[BoardInfo]) -> dashboard.Dashboard:
    """Build the dashboard."""
    services = queries.select_services(summary)
    board = frame.create_dashboard(BOARD, others)
    filters = (
        frame.build_service_variable(),
        *frame.build_run_label_variables(summary, single=False),
    )
    frame.add_variables(board, (frame.build_source_variable(), *filters))
    frame.mark_alerts(board, services.select_pages(), title="Pages")
    for figure in _build_stats(services):
        board.with_panel(figure)
    board.with_panel(_build_firing_table(services, "SLO"))
    board.with_panel(_build_slo_table(services))
    frame.add_row(board, 100, "Worst SLOs over time", _build_worst_graphs(services))
    return board


def build_url(panel_ref: PanelRef | Board, *parameters: str) -> str:
    """Build the URL of another dashboard or panel, with the same time range and data source."""
    board, panel = (
        (panel_ref.board, panel_ref.panel_id) if isinstance(panel_ref, PanelRef) else (panel_ref, 0)
    )
    view = [f"viewPanel={panel}"] if panel else []
    query = "&".join([*parameters, "${datasource:queryparam}", "${__url_time_range}", *view])
    return f"/d/{board}?{query}"


def build_detail_url(services: SeriesSelection, panel_ref: PanelRef | Board) -> str:
    """Build the URL from a table row to the detail of its SLO."""
    labels = {"slo": names.ID} | {
        links.name_variable(label): label for label in services.summary.run_labels
    }
    parameters = (
        f"var-{name}=${{__data.fields.{label}:percentencode}}" for name, label in labels.items()
    )
    return build_url(panel_ref, *parameters)


def _build_stats(services: SeriesSelection) -> list[stat.Panel]:
    identity = services.identity
    slos = f"max by ({identity}) ({services.select(names.OBJECTIVE)})"
    left = f"min by ({identity}) ({services.select(names.BUDGET_REMAINING)})"
    burn = f"max by ({identity}) ({services.select(names.CURRENT_BURN_RATE)})"
    stats = (
        (1, "SLOs", f"count({slos})", "Number of SLOs.", (color_base(BLUE),)),
        (
            2, "Budget exhausted", _count_or_zero(f"{left} <= 0"),
            "SLOs without error budget.", _color_any(RED),
        ),
        (
            3, "Burning", _count_or_zero(f"{burn} > 1"),
            "SLOs with a burn rate above 1.", _color_any(ORANGE),
        ),
        (
            4, "Pages firing", _count_or_zero(services.select_pages()),
            "Firing alerts that page.", _color_any(RED),
        ),
        (
            5, "Other alerts firing", _count_or_zero(services.select_other_alerts()),
            "Firing alerts that do not page, such as tickets. Without heartbeats.",
            _color_any(ORANGE),
        ),
        (
            6, "Without data", _count_or_zero(f"{slos} unless on ({services.key}) {burn}"),
            "SLOs without a current burn rate: no events, or no data.",
            _color_any(YELLOW),
        ),
    )  # fmt: skip
    return [
        panels.build_stat(
            PanelOptions(id_, title, description, 4, 4),
            panels.query_instant(expr),
            unit=units.Short,
            steps=steps,
        )
        for id_, title, expr, description, steps in stats
    ]


def _count_or_zero(expr: str) -> str:
    return f"count({expr}) or vector(0)"


def _color_any(color: str) -> tuple[Threshold, ...]:
    return color_base(GREEN), color_from(1, color)


def _build_firing_table(services: SeriesSelection, title: str) -> table.Panel:
    """Build the table of firing alerts, each with links to its SLO and its runbook."""
    description = (
        "Each alert links to its runbook, each SLO to its detail dashboard. "
        "Standalone alerts have no SLO. Heartbeats always fire."
    )
    labels = f"{names.ALERT}, {names.SEVERITY}, {services.identity}, {names.RUNBOOK_URL}"
    since = services.join_runbooks("ALERTS_FOR_STATE")
    panel = panels.build_table(
        PanelOptions(links.FIRING_PANEL.panel_id, "Firing alerts", description, 24, 7),
        panels.query_table(f"1000 * min by ({labels}) ({since})"),
    ).no_value("no firing alerts")
    runbook = panels.build_link(
        "Runbook", f"${{__data.fields.{names.RUNBOOK_URL}}}", opens_new_tab=True
    )
    burn_rates = panels.build_link("Burn rates", build_detail_url(services, links.BURN_RATES_PANEL))
    return set_columns(
        panel,
        Column(names.ALERT, "Alert", links=(runbook,)),
        Column(names.SEVERITY, "Severity", mappings=_SEVERITIES, width=120),
        Column(names.SERVICE, "Service"),
        Column(names.SLO_NAME, title, links=(burn_rates,)),
        *(Column(label) for label in services.summary.run_labels),
        Column("Value", "Since", unit=units.DateTimeFromNow, width=180),
        Column(names.RUNBOOK_URL, hidden=True),
        Column(names.ID, hidden=True),
        sort_by="Since",
    )


_SEVERITIES = (
    ("critical", "critical", RED),
    ("warning", "warning", ORANGE),
    ("info", "info", BLUE),
)


def render_urgency(services: SeriesSelection) -> str:
    """Render the urgency of an SLO as a number: firing alerts, burn rate, budget spent."""
    identity = services.identity
    base = f"0 * max by ({identity}) ({services.select(names.OBJECTIVE)})"

    def fill_missing(expr: str) -> str:
        return f"({expr} or {base})"

    def render_is_firing(alerts: str) -> str:
        return fill_missing(f"(count by ({identity}) ({alerts}) > bool 0)")

    burn = fill_missing(f"max by ({identity}) ({services.select(names.CURRENT_BURN_RATE)})")
    left = fill_missing(f"1 - min by ({identity}) ({services.select(names.BUDGET_REMAINING)})")
    return (
        f"1000 * {render_is_firing(services.select_pages())}"
        f" + 100 * {render_is_firing(services.select_other_alerts())}"
        f" + clamp(10 * {burn}, 0, {_MAX_BURN_SCORE}) + 9 * clamp({left}, 0, 1)"
    )


def _build_slo_table(services: SeriesSelection) -> table.Panel:
    description = (
        "Sorted by rank: 1000 for a firing page, 100 for any other firing alert, ten times the "
        "burn rate (90 at most), and 9 times the spent share of the error budget. 'Period known' "
        "is the share of the period that has been recorded; the rest counts as unspent budget. For "
        "an SLO with groups, each column shows the worst group."
    )
    queries = map(panels.query_table, _list_slo_queries(services))
    detail = panels.build_link("Detail", build_detail_url(services, Board.DETAIL))
    return set_columns(
        panels.build_table(PanelOptions(11, "SLOs by rank", description, 24, 14), *queries),
        Column(names.SLO_NAME, "SLO", links=(detail,)),
        Column(names.SERVICE, "Service"),
        *(Column(label) for label in services.summary.run_labels),
        Column("Value #B", "Budget left", unit=units.PercentUnit, steps=panels.BUDGET_COLORS),
        Column("Value #C", "Burn rate now", unit=panels.BURN_UNIT, steps=panels.BURN_COLORS),
        Column("Value #D", "Exhausted in", unit=units.DurationSeconds),
        Column("Value #E", "Errors left", unit=units.Short),
        Column("Value #H", "Period known", unit=units.PercentUnit),
        Column(
            "Value #F",
            "Firing",
            unit=units.Short,
            steps=(color_base("transparent"), color_from(1, RED)),
        ),
        Column("Value #G", "Objective", unit=units.PercentUnit),
        Column("Value #A", "Rank", unit=units.Short),
        Column(names.ID, hidden=True),
        sort_by="Rank",
    )


def _list_slo_queries(services: SeriesSelection) -> tuple[str, ...]:
    """List the queries of the SLO table; each takes the worst group of an SLO."""
    identity = services.identity
    left = f"min by ({identity}) ({services.select(names.BUDGET_REMAINING)})"
    burn = f"max by ({identity}) ({services.select(names.CURRENT_BURN_RATE)})"
    days = f"max by ({identity}) ({services.select(names.PERIOD_DAYS)})"
    has_slo = f'{names.ID}!=""'
    return (
        render_urgency(services),
        left,
        burn,
        f"86400 * {days} * clamp_min({left}, 0) / ({burn} > 0)",
        f"floor(min by ({identity}) ({services.select(names.PERIOD_EVENTS_REMAINING)}))",
        f"count by ({identity}) ({services.select_firing(has_slo)})",
        f"max by ({identity}) ({services.select(names.OBJECTIVE)})",
        f"min by ({identity}) ({services.select(names.PERIOD_COVERAGE)})",
    )


def _build_worst_graphs(services: SeriesSelection) -> list[timeseries.Panel]:
    identity, legend = services.identity, f"{{{{{names.ID}}}}}"
    burn = f"topk(10, max by ({identity}) ({services.select(names.CURRENT_BURN_RATE)}))"
    left = f"bottomk(10, min by ({identity}) ({services.select(names.BUDGET_REMAINING)}))"
    description = (
        "At a burn rate of 1 the budget lasts exactly one period. The ten highest at any time."
    )
    budget_description = "Remaining error budget of the rolling period. The ten lowest at any time."
    burn_graph = panels.build_timeseries(
        PanelOptions(20, "Burn rate", description),
        panels.query_range(burn, legend),
        unit=panels.BURN_UNIT,
    )
    budget_graph = panels.build_timeseries(
        PanelOptions(21, "Budget left", budget_description),
        panels.query_range(left, legend),
        unit=units.PercentUnit,
    )
    thresholds = (color_base(RED), color_from(0, GREEN))
    return [
        panels.draw_thresholds(burn_graph, color_base(GREEN), color_from(1, RED)),
        panels.draw_thresholds(budget_graph, *thresholds),
    ]
