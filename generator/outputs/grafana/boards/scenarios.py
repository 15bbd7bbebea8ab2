"""Dashboard of load scenarios: throughput, efficiency of scaling and breaking point."""

from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import bargauge, dashboard, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common, units

from generator import names
from generator.outputs.grafana import frame, panels
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
    query_instant,
    query_range,
    set_columns,
)
from generator.outputs.grafana.queries import BuildSummary, select_firing_alerts
from generator.slo import links
from generator.slo.links import Board
from slos.schema import contract

BOARD = BoardInfo(
    uid=Board.SCENARIOS,
    title="SLOs: load scenarios",
    description="Results of load scenarios: the last run and earlier runs.",
    span="30d",
    order=4,
    needs_prober=True,
)
_SCENARIO_MATCHER = 'scenario=~"$scenario"'
_THROUGHPUT_MATCHER, _SCALABILITY_MATCHER, _STRESS_MATCHER = (
    f'scenario="{name}"' for name in ("throughput", "scalability", "stress")
)
_MOST_EXECUTED = f"{contract.THROUGHPUT}{{{_STRESS_MATCHER}}}"
_DAY = 86400
# Label, unit, title and description of the graph of each recorded metric that has a panel.
_MEANWHILE_GRAPHS = (
    ("resource", units.PercentUnit, "Resources", "Highest ratio of a container to its limit."),
    ("stage", units.PercentUnit,
     "Time by stage", "Own time of each stage, as a share of the total."),
    ("", units.PercentUnit,
     "Load fairness", "1 when all pods have the same load, 1/n when one of n has all."),
    ("", units.Short, "Replicas awaited", "Replicas wanted by the autoscaler and not ready."),
    ("", panels.BURN_UNIT,
     "Degradation with 100 alerts", "Ratio of the P95 of 100 concurrent alerts to that of 10."),
    ("result, stage, level", units.PercentUnit,
     "Results compared with targets", "A result above 100 % meets its target."),
    ("stage, quantile", units.PercentUnit,
     "Stages compared with targets", "P50, P95 and P99 of each stage, as a share of its target."),
)  # fmt: skip


def build_dashboard(summary: BuildSummary, others: Sequence[BoardInfo]) -> dashboard.Dashboard:
    """Build the dashboard."""
    board = frame.create_dashboard(BOARD, others)
    scenarios_query = f"label_values({contract.SCENARIO_COMPLETED}, scenario)"
    frame.add_variables(
        board,
        (
            frame.build_source_variable(),
            frame.build_multi_value_variable("scenario", scenarios_query),
        ),
    )
    frame.mark_alerts(board, select_firing_alerts(summary, f'{names.SERVICE}="{contract.SERVICE}"'))
    frame.add_row(
        board,
        100,
        "Results",
        [_build_age_table(summary), _build_running_timeline(), _build_events_gauge()],
    )
    frame.add_row(
        board,
        101,
        "Throughput",
        [_build_throughput_gauge(), _build_throughput_graph()],
    )
    frame.add_row(board, 102, "Scaling efficiency", list(_build_efficiency_panels()))
    frame.add_row(
        board,
        103,
        "Breaking point",
        [
            _build_breaking_point_table(),
            *_build_completed_panels(),
            *_build_breaking_point_graphs(),
        ],
    )
    resource_graphs = list(_build_resource_graphs(summary))
    if resource_graphs:
        frame.add_row(board, 104, "Meanwhile", resource_graphs)
    return board


def _build_age_table(summary: BuildSummary) -> table.Panel:
    limit = summary.find_threshold(contract.SCENARIO_COMPLETED, "time()")
    stale = float(limit or 8) * _DAY
    age = f"time() - max by (scenario) ({contract.SCENARIO_COMPLETED}{{{_SCENARIO_MATCHER}}})"
    panel = panels.build_table(
        PanelOptions(
            links.RESULT_AGE_PANEL.panel_id,
            "Last results",
            "Age of the last result of each scenario.",
            24,
            5,
        ),
        panels.query_table(age),
    ).no_value("no scenario has run yet")
    steps = (color_base(GREEN), color_from(stale / 2, ORANGE), color_from(stale, RED))
    return set_columns(
        panel,
        Column("scenario", "Scenario"),
        Column("Value", "Age of the result", unit=units.DurationSeconds, steps=steps),
        sort_by="Age of the result",
    )


def _build_running_timeline() -> statetimeline.Panel:
    description = "Times at which a scenario sent load. Probes ran under load at these times."
    running = query_range(
        f"max by (scenario) ({contract.SCENARIO_RUNNING}{{{_SCENARIO_MATCHER}}})", "{{scenario}}"
    )
    return panels.build_state_timeline(
        PanelOptions(2, "Load", description, 14, 6), running
    ).thresholds(panels.build_thresholds(color_base("transparent"), color_from(1, BLUE)))


def _build_events_gauge() -> bargauge.Panel:
    description = "Events of the last run of each scenario, by their verdict."
    last = f"max by (scenario, verdict) ({contract.SCENARIO_EVENTS}{{{_SCENARIO_MATCHER}}}) > 0"
    return panels.build_bar_gauge(
        PanelOptions(3, "Events of the last run", description, 10, 6),
        query_instant(last, "{{scenario}} {{verdict}}"), unit=units.Short,
        steps=(color_base(BLUE),),
    )  # fmt: skip


def _build_throughput_gauge() -> bargauge.Panel:
    description = "Highest event rate of each stage in the last run."
    last = f"max by (stage) ({contract.THROUGHPUT}{{{_THROUGHPUT_MATCHER}}})"
    return panels.build_bar_gauge(
        PanelOptions(
            links.THROUGHPUT_PANEL.panel_id, "Throughput of the last run",
            description, 10,
        ),
        query_instant(last, "{{stage}}"), unit=units.EventsPerSecond, steps=(color_base(BLUE),),
    )  # fmt: skip


def _build_throughput_graph() -> timeseries.Panel:
    """Build the graph of throughput by run: a step for each run."""
    description = "Highest event rate of each stage in each run."
    query = f"max by (stage) ({contract.THROUGHPUT}{{{_THROUGHPUT_MATCHER}}})"
    panel = panels.build_timeseries(
        PanelOptions(11, "Throughput by run", description, 14),
        query_range(query, "{{stage}}"), unit=units.EventsPerSecond,
    )  # fmt: skip
    return _draw_as_steps(panel)


def _build_efficiency_panels() -> Iterator[bargauge.Panel | timeseries.Panel]:
    description = "Throughput with n replicas, as a ratio of n times that of one."
    last = f"min by (level) ({contract.SCALING_EFFICIENCY}{{{_SCALABILITY_MATCHER}}})"
    yield from _build_level_panels(
        PanelOptions(
            links.EFFICIENCY_PANEL.panel_id, "Efficiency of the last run", description, 10
        ),
        PanelOptions(21, "Efficiency by run", "By number of replicas.", 14),
        query_instant(last, "{{level}} replicas"),
        query_range(last, "{{level}} replicas"),
    )


def _build_breaking_point_table() -> table.Panel:
    """Build the table of the breaking point: the last run, and the best run of the time range."""
    description = (
        "Concurrent alerts at the breaking point and the executed rate, in the last run and the "
        "best run of the time range. Empty without a breaking point."
    )
    level = f"{contract.BREAKING_POINT_LEVEL}{{{_STRESS_MATCHER}}}"
    rate = f"{contract.BREAKING_POINT}{{{_STRESS_MATCHER}}}"
    queries = (
        _render_last(level),
        _render_best(level),
        _render_last(rate),
        _render_best(rate),
        _render_last(_MOST_EXECUTED),
        _render_best(_MOST_EXECUTED),
    )
    change = f"{_render_last(_MOST_EXECUTED)} / {_render_best(_MOST_EXECUTED)} - 1"
    panel = panels.build_table(
        PanelOptions(31, "Breaking point compared with earlier runs", description, 24, 5),
        *map(panels.query_table, (*queries, change)),
    ).no_value("no breaking point found")
    steps = (color_base(RED), color_from(-0.2, ORANGE), color_from(-0.05, GREEN))
    eps = units.EventsPerSecond
    return set_columns(
        panel,
        Column("scenario", "Scenario"),
        Column("Value #A", "Breaking point", unit=units.Short),
        Column("Value #B", "Best breaking point", unit=units.Short),
        Column("Value #C", "Executed rate", unit=eps),
        Column("Value #D", "Best executed rate", unit=eps),
        Column("Value #E", "Highest rate", unit=eps),
        Column("Value #F", "Best highest rate", unit=eps),
        Column("Value #G", "Compared with best", unit=units.PercentUnit, steps=steps),
    )


def _render_last(series: str) -> str:
    return f"max by (scenario) ({series})"


def _render_best(series: str) -> str:
    return f"max by (scenario) (max_over_time({series}[$__range]))"


def _build_completed_panels() -> Iterator[bargauge.Panel | timeseries.Panel]:
    description = "Share of concurrent alerts that were executed exactly once."
    last = f"min by (level) ({contract.CONCURRENCY_COMPLETED}{{{_STRESS_MATCHER}}})"
    yield from _build_level_panels(
        PanelOptions(links.COMPLETED_PANEL.panel_id, "Completed by concurrency", description, 10),
        PanelOptions(32, "Completed by run", "By number of concurrent alerts.", 14),
        query_instant(f"sort({last})", "{{level}} concurrent"),
        query_range(last, "{{level}} concurrent"),
    )


def _build_level_panels(
    last_options: PanelOptions,
    run_options: PanelOptions,
    instant_query: Dataquery,
    range_query: Dataquery,
) -> Iterator[bargauge.Panel | timeseries.Panel]:
    """Build the panels of a share by level: the last run, and all runs."""
    steps = (color_base(BLUE),)
    yield panels.build_bar_gauge(last_options, instant_query, unit=units.PercentUnit, steps=steps)
    yield _draw_as_steps(panels.build_timeseries(run_options, range_query, unit=units.PercentUnit))


def _build_breaking_point_graphs() -> Iterator[timeseries.Panel]:
    """Build the graphs of the breaking point by run. Each run is a step."""
    level = _render_last(f"{contract.BREAKING_POINT_LEVEL}{{{_STRESS_MATCHER}}}")
    rate = _render_last(f"{contract.BREAKING_POINT}{{{_STRESS_MATCHER}}}")
    description = "A gap means that no breaking point was found."
    yield _draw_as_steps(
        panels.build_timeseries(
            PanelOptions(
                33, "Breaking point by run",
                description, 12,
            ),
            query_range(level, "concurrent alerts"),
            unit=units.Short,
        )
    )  # fmt: skip
    yield _draw_as_steps(
        panels.build_timeseries(
            PanelOptions(34, "Executed rate by run", "At the breaking point, and the highest.", 12),
            query_range(rate, "at the breaking point"),
            query_range(_render_last(_MOST_EXECUTED), "highest"),
            unit=units.EventsPerSecond,
        )
    )  # fmt: skip


def _build_resource_graphs(summary: BuildSummary) -> Iterator[timeseries.Panel]:
    """Build the graphs of resources and scaling during load, for the metrics that specs record."""
    graphs = zip(links.RECORDED_METRIC_PANELS.items(), _MEANWHILE_GRAPHS, strict=True)
    for (metric, panel_ref), (label, unit, title, description) in graphs:
        if metric in summary.recorded_metrics:
            expr = f"max by ({label}) ({metric})"
            legend = " ".join(f"{{{{{each}}}}}" for each in label.split(", ") if each) or title
            yield panels.build_timeseries(
                PanelOptions(panel_ref.panel_id, title, description, 12),
                query_range(expr, legend),
                unit=unit,
            )


def _draw_as_steps(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw a value as a step that lasts until the next run."""
    return panel.line_interpolation(common.LineInterpolation.STEP_AFTER)
