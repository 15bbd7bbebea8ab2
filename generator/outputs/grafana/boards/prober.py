"""Dashboard of the prober: verdicts of its runs, and the health of the prober itself."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard, statetimeline, table, timeseries
from grafana_foundation_sdk.models import units

from generator import names
from generator.outputs.grafana import charts, frame, panels
from generator.outputs.grafana.frame import BoardInfo
from generator.outputs.grafana.panels import (
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Column,
    PanelOptions,
    color_base,
    color_from,
    query_range,
    set_columns,
)
from generator.outputs.grafana.queries import BuildSummary, select_firing_alerts
from generator.slo import links
from generator.slo.links import Board
from slos.schema import contract
from slos.schema.contract import (
    Criterion,
    CriterionResult,
    LeakVerdict,
    RunAcceptance,
    RunResult,
    Verdict,
)

BOARD = BoardInfo(
    uid=Board.PROBER,
    title="SLOs: prober",
    description="Runs of slo-probe by verdict, and the state of the prober.",
    span="6h",
    order=3,
    needs_prober=True,
)
PROBE_AND_PATH_MATCHERS = 'probe=~"$probe", path=~"$path"'
PROBE_MATCHER = 'probe=~"$probe"'
_RATE = "[$__rate_interval]"
_DAY = 86400
_VERDICT_COLORS = {
    Verdict.OK: GREEN,
    Verdict.LATE: YELLOW,
    Verdict.LOST: RED,
    Verdict.DUPLICATED: "purple",
    Verdict.CORRUPTED: "dark-red",
    Verdict.REJECTED: ORANGE,
    Verdict.UNREACHABLE: "dark-orange",
    Verdict.TIMEOUT: "light-red",
    Verdict.UNKNOWN: "gray",
}


def build_dashboard(summary: BuildSummary, others: Sequence[BoardInfo]) -> dashboard.Dashboard:
    """Build the dashboard."""
    board = frame.create_dashboard(BOARD, others)
    filters = (
        frame.build_multi_value_variable(label, f"label_values({contract.PROBE_RUNS}, {label})")
        for label in ("probe", "path")
    )
    frame.add_variables(board, (frame.build_source_variable(), *filters))
    services = f'{names.SERVICE}=~"slo-probe|{contract.SERVICE}", {names.ID}=""'
    frame.mark_alerts(board, select_firing_alerts(summary, services))
    frame.add_row(
        board,
        100,
        "Verdicts and stages",
        [*_build_verdict_panels(), *charts.build_stage_panels(PROBE_AND_PATH_MATCHERS)],
    )
    frame.add_row(board, 101, "Schedule and canary", _build_schedule_panels())
    frame.add_row(board, 102, "Leftovers", _build_leftover_panels())
    leaks = [_build_leak_table(), _build_slope_graph(), _build_signal_timeline()]
    frame.add_row(board, 103, "Leaks", leaks)
    frame.add_row(board, 104, "Sources", _build_source_panels())
    frame.add_row(
        board, 106, "Security", [*_build_security_panels(), _build_accepted_table(summary)]
    )
    frame.add_row(
        board, 105, "Target and prober", [*_build_target_panels(), *_build_prober_panels()]
    )
    return board


def _render_increase(metric: str, labels: str, *matchers: str) -> str:
    """Render the increase of a counter in each step of a graph."""
    selector = f"{{{', '.join(matchers)}}}" if matchers else ""
    return f"sum by ({labels}) (increase({metric}{selector}{_RATE}))"


def _build_bars(frame: PanelOptions, metric: str, labels: str, *matchers: str) -> timeseries.Panel:
    legend = " ".join(f"{{{{{label}}}}}" for label in labels.split(", "))
    query = query_range(_render_increase(metric, labels, *matchers), legend)
    return panels.build_stacked_bars(frame, query, unit=units.Short)


def _build_verdict_panels() -> list[timeseries.Panel]:
    description = "Runs by verdict. Runs with unknown are excluded from all other objectives."
    runs = _build_bars(
        PanelOptions(links.VERDICTS_PANEL.panel_id, "Verdicts", description, 8),
        contract.PROBE_RUNS,
        "verdict",
        PROBE_AND_PATH_MATCHERS,
    )
    for verdict, color in _VERDICT_COLORS.items():
        runs.override_by_name(verdict, panels.style_color(color))
    failed = _build_bars(
        PanelOptions(
            links.RESULTS_PANEL.panel_id, "Failed runs",
            "Runs of all probes with a failed check that is not accepted.", 8,
        ),
        contract.RESULTS, "probe, path", f'result="{RunResult.FAIL}"', PROBE_AND_PATH_MATCHERS,
    )  # fmt: skip
    failed_checks = _build_bars(
        PanelOptions(
            links.CHECKS_PANEL.panel_id, "Failed checks",
            "Failed checks of VAL-008 by criterion.", 8,
        ),
        contract.CHECKS, "criterion", f'result="{CriterionResult.FAIL}"',
    )  # fmt: skip
    return [runs, failed, failed_checks]


def _build_schedule_panels() -> list[timeseries.Panel]:
    lag = f"sum by (le, probe) (rate({contract.SCHEDULE_LAG}_bucket{{{PROBE_MATCHER}}}{_RATE}))"
    description = "Delay of sends against their schedule. Latencies count from the scheduled time."
    sent = panels.build_timeseries(
        PanelOptions(20, "Send lag, P50 and P99", description, 12),
        query_range(f"histogram_quantile(0.5, {lag})", "P50 {{probe}}"),
        query_range(f"histogram_quantile(0.99, {lag})", "P99 {{probe}}"),
        unit=units.Seconds,
    )
    panels.draw_thresholds(sent, color_base(GREEN), color_from(0.25, RED))
    missed = _build_bars(
        PanelOptions(
            links.MISSED_RUNS_PANEL.panel_id, "Missed slots",
            "Scheduled slots that were not used.", 12,
        ),
        contract.MISSED_RUNS, "probe", PROBE_MATCHER,
    )  # fmt: skip
    flight = f"sum by (probe) ({contract.IN_FLIGHT}{{{PROBE_MATCHER}}})"
    running = panels.build_timeseries(
        PanelOptions(22, "In flight", "Runs in flight.", 12), query_range(flight, "{{probe}}"),
        unit=units.Short,
    )  # fmt: skip
    called = _build_bars(
        PanelOptions(
            links.CANARY_PANEL.panel_id, "Calls of the canary",
            "after_verdict is a late or repeated call; unknown_id and malformed are not of a run.",
            12,
        ),
        contract.CANARY_REQUESTS, "outcome",
    )  # fmt: skip
    problems = _build_bars(
        PanelOptions(
            links.PATH_PROBLEMS_PANEL.panel_id, "Path problems",
            "Runs whose notification or Linear issue could not be traced through the path.", 12,
        ),
        contract.PATH_PROBLEMS, "path, problem",
    )  # fmt: skip
    return [sent, missed, running, called, problems]


def _build_leftover_panels() -> list[timeseries.Panel]:
    description = "Linear issues and alerts whose clean-up is overdue."
    orphans = panels.build_timeseries(
        PanelOptions(links.ORPHANS_PANEL.panel_id, "Orphans", description, 6),
        query_range(f"sum by (kind) ({contract.ORPHANS})", "{{kind}}"),
        unit=units.Short,
    )
    panels.draw_thresholds(orphans, color_base(GREEN), color_from(1, RED))
    failed = _build_bars(
        PanelOptions(
            links.CLEANUP_PANEL.panel_id, "Failed clean-ups",
            "Failed clean-ups are retried.", 6,
        ),
        contract.CLEANUP_FAILURES, "kind",
    )  # fmt: skip
    issues = _build_bars(
        PanelOptions(32, "Linear issues per run", "Runs by number of issues. One is correct.", 6),
        contract.LINEAR_ISSUES, "count",
    )  # fmt: skip
    description = "Observed runs that wait for their clean-up, and the age of the oldest."
    backlog = panels.build_timeseries(
        PanelOptions(33, "Clean-up backlog", description, 6),
        query_range(f"max({contract.CLEANUP_BACKLOG})", "runs"),
        query_range(f"max({contract.CLEANUP_BACKLOG_AGE})", "age of the oldest in seconds"),
        unit=units.Short,
    )
    return [orphans, failed, issues, backlog]


def _build_leak_table() -> table.Panel:
    description = "Verdict of each leak test, and the growth of the floor per hour with its bounds."
    labels = "signal, replica"
    queries = (
        f"max by ({labels}) ({contract.LEAK_VERDICT})",
        f"max by ({labels}) ({contract.LEAK_SLOPE})",
        f"min by ({labels}) ({contract.LEAK_SLOPE_LOW})",
        f"max by ({labels}) ({contract.LEAK_SLOPE_HIGH})",
        f"max by ({labels}) ({contract.LEAK_SAMPLES})",
        f"max by ({labels}) ({contract.LEAK_EPOCH_AGE})",
    )
    colors = ("gray", GREEN, ORANGE, RED)
    verdicts = tuple(
        (str(int(each)), each.name.lower(), color)
        for each, color in zip(LeakVerdict, colors, strict=True)
    )
    panel = panels.build_table(
        PanelOptions(links.LEAKS_PANEL.panel_id, "Leak tests", description, 14, 8),
        *map(panels.query_table, queries),
    )
    return set_columns(
        panel,
        Column("signal", "Signal"),
        Column("replica", "Replica"),
        Column("Value #A", "Verdict", mappings=verdicts),
        Column("Value #B", "Growth per hour", unit=units.SiShort),
        Column("Value #C", "Lower bound", unit=units.SiShort),
        Column("Value #D", "Upper bound", unit=units.SiShort),
        Column("Value #E", "Samples", unit=units.Short),
        Column("Value #F", "Process age", unit=units.DurationSeconds),
        sort_by="Verdict",
    )


def _build_slope_graph() -> timeseries.Panel:
    return panels.build_timeseries(
        PanelOptions(41, "Growth of the floor", "Per hour, in the unit of the signal.", 10),
        query_range(f"max by (signal, replica) ({contract.LEAK_SLOPE})", "{{signal}} {{replica}}"),
        unit=units.SiShort,
    )


def _build_signal_timeline() -> statetimeline.Panel:
    return panels.build_state_timeline(
        PanelOptions(
            links.LEAK_SIGNALS_PANEL.panel_id, "Leak signals observed",
            "0 for a signal without samples, on which the leak test has no verdict.", 24,
        ),
        query_range(f"max by (signal) ({contract.LEAK_SIGNAL_OBSERVED})", "{{signal}}"),
    )  # fmt: skip


def _build_security_panels() -> list[timeseries.Panel | statetimeline.Panel]:
    buckets = f"sum by (le, result) (increase({contract.AUTHENTICATION_DURATION}_bucket[1d]))"
    duration = panels.build_timeseries(
        PanelOptions(
            links.AUTHENTICATION_PANEL.panel_id, "Duration of authentication, P95 of a day",
            "Requests with the right credentials, and those that are refused.", 12,
        ),
        query_range(f"histogram_quantile(0.95, {buckets})", "{{result}}"),
        unit=units.Seconds,
    )  # fmt: skip
    panels.draw_thresholds(duration, color_base(GREEN), color_from(1, RED))
    checked = f"1 - max by (criterion) ({contract.CHECK_NOT_CONFIGURED})"
    configured = panels.build_state_timeline(
        PanelOptions(71, "Criteria configured", "0 where there is nothing to check.", 12),
        query_range(checked, "{{criterion}}"),
    )
    return [duration, configured]


def _build_accepted_table(summary: BuildSummary) -> table.Panel:
    def add_path(operator: str, query: str) -> str:
        """Aggregate by the criterion, with the path of an entry after it."""
        joined = f'label_join({query}, "criterion", " ", "criterion", "path")'
        return f"{operator} by (criterion) ({joined})"

    def count(checks: CriterionResult, runs: str) -> str:
        by_check = f'increase({contract.CHECKS}{{result="{checks}"}}[1d])'
        by_run = f"increase({contract.PROBE_RUNS}{{{runs}}}[1d])"
        by_run = f'label_replace({by_run}, "criterion", "{Criterion.AVAILABILITY}", "", "")'
        return (
            f"({add_path('sum', by_check)} or {add_path('sum', by_run)}) and on (criterion) {until}"
        )

    until = add_path("max", contract.ACCEPTED_UNTIL)

    panel = panels.build_table(
        PanelOptions(
            links.ACCEPTED_PANEL.panel_id, "Accepted failures",
            "Criteria that the spec accepts to fail, with the reason, and their checks of a day.",
            24,
        ),
        *map(
            panels.query_table,
            (
                f"{until} - time()",
                count(CriterionResult.ACCEPTED, f'accepted="{RunAcceptance.YES}"'),
                count(CriterionResult.PASS, 'verdict=~"ok|late"'),
            ),
        ),
    )  # fmt: skip
    texts = tuple(
        (key, f"{key.strip()}, until {entry.until}: {entry.reason}", "text")
        for entry in summary.accepted
        for key in [f"{entry.criterion} {entry.path or ''}"]
    )
    return set_columns(
        panel,
        Column("criterion", "Criterion", mappings=texts),
        Column("Value #A", "Ends in", unit=units.DurationSeconds),
        Column("Value #B", "Accepted", unit=units.Short),
        Column("Value #C", "Passed", unit=units.Short),
        sort_by="Criterion",
    )


def _build_source_panels() -> list[timeseries.Panel]:
    failed = _build_bars(
        PanelOptions(50, "Failed observer queries", "By source.", 4),
        contract.OBSERVER_FAILURES, "source",
    )  # fmt: skip
    differ = _build_bars(
        PanelOptions(
            51, "Source disagreements",
            "Runs whose sources differ by more than a second.", 5,
        ),
        contract.SOURCE_DISAGREEMENTS, "stage",
    )  # fmt: skip
    bounded = _build_bars(
        PanelOptions(
            66, "Uncertain stage times",
            "Stage times that are known within bounds only, as of concurrent runs, compared with "
            "the target. Undecided ones have it between their bounds.", 5,
        ),
        contract.STAGE_INTERVALS, "stage, result",
    )  # fmt: skip
    errors = _build_bars(
        PanelOptions(57, "Errors in traces", "Traces of runs with an error, by span.", 5),
        contract.SPAN_ERRORS, "span",
    )  # fmt: skip
    skew = panels.build_timeseries(
        PanelOptions(
            links.CLOCK_SKEW_PANEL.panel_id,
            "Clock skew",
            "Seconds by which the clock of a peer is ahead.",
            5,
        ),
        query_range(f"max by (peer) ({contract.CLOCK_SKEW})", "{{peer}}"),
        unit=units.Seconds,
    )
    return [
        failed,
        differ,
        bounded,
        errors,
        panels.draw_thresholds(skew, color_base(RED), color_from(-1, GREEN), color_from(1, RED)),
    ]


def _build_target_panels() -> list[statetimeline.Panel | timeseries.Panel]:
    description = "1 when /health or /ready of the target answers 200."
    phases = f"max by (target, phase) ({contract.TARGET_PHASE})"
    cold = _build_bars(
        PanelOptions(62, "Cold starts", "Starts of the target from zero replicas.", 8),
        contract.COLD_STARTS, "target",
    )  # fmt: skip
    expires = f"min by (target) ({contract.TLS_EXPIRY}) - time()"
    certificate = panels.build_timeseries(
        PanelOptions(63, "Certificate expires in", "Empty for a target without TLS.", 8),
        query_range(expires, "{{target}}"),
        unit=units.DurationSeconds,
    )
    return [
        panels.build_state_timeline(
            PanelOptions(links.TARGET_PANEL.panel_id, "Up and ready", description, 8),
            query_range(f"min by (target) ({contract.UP})", "up {{target}}"),
            query_range(f"min by (target) ({contract.READY})", "ready {{target}}"),
        ),
        panels.build_timeseries(
            PanelOptions(
                61,
                "Phases of a request",
                "Name resolution, connection, TLS and reply of the last request.",
                8,
            ),
            query_range(phases, "{{target}} {{phase}}"),
            unit=units.Seconds,
        ),
        cold,
        panels.draw_thresholds(
            certificate, color_base(RED), color_from(7 * _DAY, ORANGE), color_from(21 * _DAY, GREEN)
        ),
    ]


def _build_prober_panels() -> list[timeseries.Panel | statetimeline.Panel]:
    description = (
        "1 when a replica holds the lease, and when the last configuration reload succeeded."
    )
    return [
        _build_bars(
            PanelOptions(
                links.JOURNAL_PANEL.panel_id, "Failed journal operations",
                "Probing continues.", 8,
            ),
            contract.JOURNAL_FAILURES, "operation",
        ),
        panels.build_state_timeline(
            PanelOptions(links.STATE_PANEL.panel_id, "Lease and configuration", description, 8),
            query_range(f"max({contract.LEASE_HELD})", "lease held"),
            query_range(
                f"min({contract.CONFIG_LAST_RELOAD_SUCCESSFUL})", "configuration up to date"
            ),
            query_range(f"1 - clamp_max(max({contract.JOURNALS_SET_ASIDE}), 1)", "journals intact"),
            query_range(
                f"1 - clamp_max(ceil(sum(increase({contract.LEASE_FILE_LOSSES}{_RATE}))), 1)",
                "lease file intact",
            ),
            query_range(f"max by (version) ({contract.BUILD_INFO})", "version {{version}}"),
        ),
    ]  # fmt: skip
