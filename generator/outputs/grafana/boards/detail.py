"""Dashboard of one SLO: objective, budget left, burn rates, latency and alerts."""

from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.models import units

from generator import names
from generator.outputs.grafana import charts, frame, panels, queries
from generator.outputs.grafana.frame import BoardInfo
from generator.outputs.grafana.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    Column,
    PanelOptions,
    color_base,
    color_from,
    set_columns,
)
from generator.outputs.grafana.queries import FIRING, BuildSummary, SeriesSelection
from generator.slo import links
from generator.slo.links import Board
from slos.schema.units import format_decimal

BOARD = BoardInfo(
    uid=Board.DETAIL,
    title="SLOs: one in detail",
    description="One SLO: error budget, burn rates, events, latency, alerts.",
    span="24h",
    order=2,
)
_QUANTILE_COLORS = {"0.5": GREEN, "0.95": ORANGE, "0.99": RED}


def build_dashboard(summary: BuildSummary, others: Sequence[BoardInfo]) -> dashboard.Dashboard:
    """Build the dashboard."""
    slo = queries.select_slo(summary)
    board = frame.create_dashboard(BOARD, others)
    filters = (
        frame.build_slo_service_variable(),
        *frame.build_run_label_variables(summary, single=True),
        frame.build_slo_variable(),
    )
    frame.add_variables(
        board, (frame.build_source_variable(), *filters, *frame.build_grouping_variables(summary))
    )
    frame.mark_alerts(board, slo.select("ALERTS", FIRING))
    for panel in (
        *_build_stats(slo),
        _build_sli_graph(slo),
        _build_burn_rate_graph(slo),
        charts.build_burn_down(slo),
    ):
        board.with_panel(panel)
    if summary.steps:
        board.with_panel(_build_event_bars(slo))
    if summary.has_latency:
        board.with_panel(_build_latency_graph(slo))
    frame.add_row(board, 100, "Alerts and runbooks", [_build_alert_table(slo)])
    return board


def _build_stats(slo: SeriesSelection) -> Iterator[stat.Panel]:
    left = f"min({slo.select_groups(names.BUDGET_REMAINING)})"
    burn = f"max({slo.select_groups(names.CURRENT_BURN_RATE)})"
    days = f"max({slo.select(names.PERIOD_DAYS)})"
    duration_colors = (color_base(RED), color_from(3600, ORANGE), color_from(86400, GREEN))
    stats = (
        (1, "Budget left", left, units.PercentUnit, panels.BUDGET_COLORS, "Of the rolling period."),
        (
            2, "Burn rate now", burn, panels.BURN_UNIT, panels.BURN_COLORS,
            "At 1 the budget lasts a period.",
        ),
        (
            3, "Exhausted in",
            f"86400 * {days} * clamp_min({left}, 0) / ({burn} > 0)",
            units.DurationSeconds, duration_colors,
            "At the current burn rate. Empty without errors.",
        ),
        (
            4, "Errors left", f"floor(min({slo.select_groups(names.PERIOD_EVENTS_REMAINING)}))",
            units.Short, (color_base(RED), color_from(1, GREEN)),
            "Bad events that the period still allows. Empty for SLOs that count time.",
        ),
        (
            5, "Objective", f"max({slo.select(names.OBJECTIVE)})",
            units.PercentUnit, (color_base(BLUE),), "Objective of the SLO.",
        ),
        (
            6, "Alerts firing", f"count({slo.select('ALERTS', FIRING)}) or vector(0)",
            units.Short, (color_base(GREEN), color_from(1, RED)),
            "Firing alerts of this SLO, all severities.",
        ),
    )  # fmt: skip
    for id_, title, expr, unit, steps, description in stats:
        yield panels.build_stat(
            PanelOptions(id_, title, description, 4, 4),
            panels.query_instant(expr),
            unit=unit,
            steps=steps,
        ).no_value("none")


def _build_sli_graph(slo: SeriesSelection) -> timeseries.Panel:
    description = (
        "Share of good events over the shortest window and over the rolling period. Below the "
        "line the objective is missed."
    )
    now = slo.join_slo(slo.select_groups(names.CURRENT_BURN_RATE), names.ERROR_BUDGET)
    period = slo.join_slo(slo.select_groups(names.PERIOD_BURN_RATE), names.ERROR_BUDGET)
    panel = panels.build_timeseries(
        PanelOptions(links.SLI_PANEL.panel_id, "SLI against objective", description),
        panels.query_range(f"1 - {now}", f"now{slo.group_legend}"),
        panels.query_range(f"1 - {period}", f"period{slo.group_legend}"),
        panels.query_range(slo.select(names.OBJECTIVE), "objective"),
        unit=units.PercentUnit,
    )
    panel.override_by_name("objective", panels.style_dashed(RED))
    return panel.axis_soft_min(1).max(1)


def _build_burn_rate_graph(slo: SeriesSelection) -> timeseries.Panel:
    """Build the graph of the burn rates of all windows and the thresholds of the alerts."""
    description = (
        "Burn rate over each window. A burn-rate alert fires while both its windows are above "
        "its dashed line. The line links to its runbook."
    )
    ratios = slo.select_groups("", f'__name__=~"{names.build_error_ratio_pattern()}"')
    key = f"{names.ALERT}, {slo.key}"
    alert_info = f"max by ({key}, {names.RUNBOOK_URL}) ({slo.select(names.ALERT_INFO)})"
    limit = slo.select(names.BURN_THRESHOLD)
    limits = (
        f"{limit} * on ({key}) group_left ({names.RUNBOOK_URL}) {alert_info}"
        f" or {limit} unless on ({key}) {slo.select(names.ALERT_INFO)}"
    )
    panel = panels.build_timeseries(
        PanelOptions(
            links.BURN_RATES_PANEL.panel_id, "Burn rates and alert thresholds", description
        ),
        panels.query_range(
            slo.join_slo(ratios, names.ERROR_BUDGET, "/"),
            f"{{{{{names.WINDOW}}}}}{slo.group_legend}",
        ),
        panels.query_range(limits, f"{{{{{names.ALERT}}}}} over {{{{{names.WINDOW}}}}}"),
        unit=panels.BURN_UNIT,
    )
    runbook = panels.build_link(
        "Runbook", f"${{__field.labels.{names.RUNBOOK_URL}}}", opens_new_tab=True
    )
    link = panels.override_property("links", [runbook.build()])
    return panel.override_by_query("B", [*panels.style_dashed(RED), link])


def _build_event_bars(slo: SeriesSelection) -> timeseries.Panel:
    description = "Events per second as counted by the rules; time slices for SLOs that count time."
    bad = _render_event_rate(slo, names.name_errors)
    panel = panels.build_stacked_bars(
        PanelOptions(links.EVENTS_PANEL.panel_id, "Good and bad events", description),
        panels.query_range(f"{_render_event_rate(slo, names.name_total)} - ({bad})", "good"),
        panels.query_range(bad, "bad"),
        unit=units.EventsPerSecond,
    )
    panel.override_by_name("good", panels.style_color(GREEN))
    return panel.override_by_name("bad", panels.style_color(RED))


def _render_event_rate(slo: SeriesSelection, name: names.MetricNamer) -> str:
    """Render events per second, from the counts of the steps that the SLOs have."""
    rates = (
        f"sum(avg_over_time({slo.select_groups(name(step))}[$__rate_interval]))"
        f" / {format_decimal(step.seconds)}"
        for step in slo.summary.steps
    )
    return "(" + " or ".join(rates) + ")"


def _build_latency_graph(slo: SeriesSelection) -> timeseries.Panel:
    description = "Latency quantiles, and the target of the spec."
    # Without a known unit, the number is shown as the metric has it.
    unit = units.Seconds if slo.summary.latency_in_seconds else units.Short
    measured = slo.select_groups("", f'__name__=~"{names.build_latency_pattern()}"')
    panel = panels.build_timeseries(
        PanelOptions(24, "P50, P95, P99", description, 24),
        panels.query_range(f"max by ({names.QUANTILE}) ({measured})", f"P{{{{{names.QUANTILE}}}}}"),
        panels.query_range(f"max({slo.select(names.LATENCY_TARGET)})", "target"),
        unit=unit,
    ).no_value("this SLO has no latency")
    for quantile, color in _QUANTILE_COLORS.items():
        panel.override_by_name(f"P{quantile}", panels.style_color(color))
    return panel.override_by_name("target", panels.style_dashed(RED))


def _build_alert_table(slo: SeriesSelection) -> table.Panel:
    """Build the table of all alerts of the SLO, firing or not, each with its runbook."""
    key = f"{names.ALERT}, {slo.key}"
    labels = f"{names.ALERT}, {names.SEVERITY}, {names.RUNBOOK_URL}"
    info = f"max by ({labels}, {slo.key}) ({slo.select(names.ALERT_INFO)})"
    firing = f"max by ({key}) ({slo.select('ALERTS', FIRING)})"
    limit = f"min by ({labels}) ({slo.select(names.BURN_THRESHOLD)} * on ({key}) group_left"
    panel = panels.build_table(
        PanelOptions(30, "Alerts of this SLO", "Each alert links to its runbook.", 24, 7),
        panels.query_table(
            f"max by ({labels}) ({info} * on ({key}) group_left () {firing} or 0 * {info})"
        ),
        panels.query_table(f"{limit} ({names.SEVERITY}, {names.RUNBOOK_URL}) {info})"),
    )
    runbook = panels.build_link(
        "Runbook", f"${{__data.fields.{names.RUNBOOK_URL}}}", opens_new_tab=True
    )
    states = (("0", "silent", GREEN), ("1", "firing", RED))
    return set_columns(
        panel,
        Column(names.ALERT, "Alert", links=(runbook,)),
        Column(names.SEVERITY, "Severity", width=120),
        Column("Value #A", "State", mappings=states, width=120),
        Column("Value #B", "Threshold", unit=panels.BURN_UNIT, width=160),
        Column(names.RUNBOOK_URL, links=(runbook,)),
        sort_by="State",
    )
