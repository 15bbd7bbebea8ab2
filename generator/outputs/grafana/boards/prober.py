"""Dashboard of the prober: verdicts of its runs, and the health of the prober itself."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard, statetimeline, table, timeseries
from grafana_foundation_sdk.models import units

from generator import names
from generator.outputs.grafana import charts, frame, panels
from generator.outputs.grafana.panels import (
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Frame,
    at,
    below,
    columns,
    over_time,
)
from generator.outputs.grafana.queries import Facts, firing
from generator.slo import links
from generator.slo.links import Board
from slos.schema import contract
from slos.schema.contract import CheckResult, LeakVerdict, Verdict

BOARD = Board.PROBER
_SAYS = "Runs of slo-probe by verdict, and the state of the prober."
CHOSEN = 'probe=~"$probe", path=~"$path"'
PROBE = 'probe=~"$probe"'
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


def built(facts: Facts, others: Sequence[Board]) -> dashboard.Dashboard:
    """Build the dashboard."""
    board = frame.begun(BOARD, _SAYS, span="6h", others=others)
    chosen = (
        frame.several(label, f"label_values({contract.PROBE_RUNS}, {label})")
        for label in ("probe", "path")
    )
    frame.add(board, (frame.source(), *chosen))
    services = f'{names.SERVICE}=~"slo-probe|{contract.SERVICE}", {names.ID}=""'
    frame.mark_alerts(board, firing(facts, services))
    frame.row(board, 100, "Verdicts and stages", [*_verdicts(), *charts.panels_of(CHOSEN)])
    frame.row(board, 101, "Schedule and canary", _schedule())
    frame.row(board, 102, "Leftovers", _left())
    frame.row(board, 103, "Leaks", [_leaks(), _slopes()])
    frame.row(board, 104, "Sources", _sources())
    frame.row(board, 105, "Target and prober", [*_target(), *_itself()])
    return board


def _risen(metric: str, by: str, *matchers: str) -> str:
    """Render the increase of a counter in each step of a graph."""
    selector = f"{{{', '.join(matchers)}}}" if matchers else ""
    return f"sum by ({by}) (increase({metric}{selector}{_RATE}))"


def _bars(frame: Frame, metric: str, by: str, *matchers: str) -> timeseries.Panel:
    legend = " ".join(f"{{{{{label}}}}}" for label in by.split(", "))
    query = over_time(_risen(metric, by, *matchers), legend)
    return panels.bars(frame, query, unit=units.Short)


def _verdicts() -> list[timeseries.Panel]:
    says = "Runs by verdict. Runs with unknown are excluded from all other objectives."
    runs = _bars(
        Frame(links.VERDICTS.panel, "Verdicts", says), contract.PROBE_RUNS, "verdict", CHOSEN
    )
    for verdict, color in _VERDICT_COLORS.items():
        runs.override_by_name(verdict, panels.painted(color))
    failed = _bars(
        Frame(links.CHECKS.panel, "Failed checks", "Failed checks of VAL-008 by criterion."),
        contract.CHECKS, "criterion", f'result="{CheckResult.FAIL}"',
    )  # fmt: skip
    return [runs, failed]


def _schedule() -> list[timeseries.Panel]:
    lag = f"sum by (le, probe) (rate({contract.SCHEDULE_LAG}_bucket{{{PROBE}}}{_RATE}))"
    says = "Delay of sends against their schedule. Latencies count from the scheduled time."
    sent = panels.graph(
        Frame(20, "Send lag, P50 and P99", says, 12),
        over_time(f"histogram_quantile(0.5, {lag})", "P50 {{probe}}"),
        over_time(f"histogram_quantile(0.99, {lag})", "P99 {{probe}}"),
        unit=units.Seconds,
    )
    panels.lined(sent, below(GREEN), at(0.25, RED))
    missed = _bars(
        Frame(links.MISSED.panel, "Missed slots", "Scheduled slots that were not used.", 12),
        contract.MISSED_RUNS, "probe", PROBE,
    )  # fmt: skip
    flight = f"sum by (probe) ({contract.IN_FLIGHT}{{{PROBE}}})"
    running = panels.graph(
        Frame(22, "In flight", "Runs in flight.", 12), over_time(flight, "{{probe}}"),
        unit=units.Short,
    )  # fmt: skip
    called = _bars(
        Frame(
            links.CANARY.panel, "Calls of the canary",
            "after_verdict is a late or repeated call; unknown_id and malformed are not of a run.",
            12,
        ),
        contract.CANARY_REQUESTS, "outcome",
    )  # fmt: skip
    return [sent, missed, running, called]


def _left() -> list[timeseries.Panel]:
    says = "Linear issues and alerts whose clean-up is overdue."
    orphans = panels.graph(
        Frame(links.ORPHANS.panel, "Orphans", says, 8),
        over_time(f"sum by (kind) ({contract.ORPHANS})", "{{kind}}"),
        unit=units.Short,
    )
    panels.lined(orphans, below(GREEN), at(1, RED))
    failed = _bars(
        Frame(links.CLEANUP.panel, "Failed clean-ups", "Failed clean-ups are retried.", 8),
        contract.CLEANUP_FAILURES, "kind",
    )  # fmt: skip
    issues = _bars(
        Frame(32, "Linear issues per run", "Runs by number of issues. One is correct.", 8),
        contract.LINEAR_ISSUES, "count",
    )  # fmt: skip
    return [orphans, failed, issues]


def _leaks() -> table.Panel:
    says = "Verdict of each leak test, and the growth of the floor per hour with its bounds."
    by = "signal, replica"
    asked = (
        f"max by ({by}) ({contract.LEAK_VERDICT})",
        f"max by ({by}) ({contract.LEAK_SLOPE})",
        f"min by ({by}) ({contract.LEAK_SLOPE_LOW})",
        f"max by ({by}) ({contract.LEAK_SLOPE_HIGH})",
        f"max by ({by}) ({contract.LEAK_SAMPLES})",
        f"max by ({by}) ({contract.LEAK_EPOCH_AGE})",
    )
    colors = ("gray", GREEN, ORANGE, RED)
    verdicts = tuple(
        (str(int(each)), each.name.lower(), color)
        for each, color in zip(LeakVerdict, colors, strict=True)
    )
    panel = panels.listing(
        Frame(links.LEAKS.panel, "Leak tests", says, 14, 8), *map(panels.rows, asked)
    )
    return columns(
        panel,
        Column("signal", "Signal"),
        Column("replica", "Replica"),
        Column("Value #A", "Verdict", texts=verdicts),
        Column("Value #B", "Growth per hour", unit=units.SiShort),
        Column("Value #C", "Lower bound", unit=units.SiShort),
        Column("Value #D", "Upper bound", unit=units.SiShort),
        Column("Value #E", "Samples", unit=units.Short),
        Column("Value #F", "Process age", unit=units.DurationSeconds),
        worst="Verdict",
    )


def _slopes() -> timeseries.Panel:
    return panels.graph(
        Frame(41, "Growth of the floor", "Per hour, in the unit of the signal.", 10),
        over_time(f"max by (signal, replica) ({contract.LEAK_SLOPE})", "{{signal}} {{replica}}"),
        unit=units.SiShort,
    )


def _sources() -> list[timeseries.Panel]:
    failed = _bars(
        Frame(50, "Failed observer queries", "By source.", 6),
        contract.OBSERVER_FAILURES, "source",
    )  # fmt: skip
    differ = _bars(
        Frame(51, "Source disagreements", "Runs whose sources differ by more than a second.", 6),
        contract.SOURCE_DISAGREEMENTS, "stage",
    )  # fmt: skip
    errors = _bars(
        Frame(57, "Errors in traces", "Traces of runs with an error, by span.", 6),
        contract.SPAN_ERRORS, "span",
    )  # fmt: skip
    skew = panels.graph(
        Frame(links.SKEW.panel, "Clock skew", "Seconds by which the clock of a peer is ahead.", 6),
        over_time(f"max by (peer) ({contract.CLOCK_SKEW})", "{{peer}}"),
        unit=units.Seconds,
    )
    return [failed, differ, errors, panels.lined(skew, below(RED), at(-1, GREEN), at(1, RED))]


def _target() -> list[statetimeline.Panel | timeseries.Panel]:
    says = "1 when /health or /ready of the target answers 200."
    phases = f"max by (target, phase) ({contract.TARGET_PHASE})"
    cold = _bars(
        Frame(62, "Cold starts", "Starts of the target from zero replicas.", 8),
        contract.COLD_STARTS, "target",
    )  # fmt: skip
    expires = f"min by (target) ({contract.TLS_EXPIRY}) - time()"
    certificate = panels.graph(
        Frame(63, "Certificate expires in", "Empty for a target without TLS.", 8),
        over_time(expires, "{{target}}"),
        unit=units.DurationSeconds,
    )
    return [
        panels.states(
            Frame(links.TARGET.panel, "Up and ready", says, 8),
            over_time(f"min by (target) ({contract.UP})", "up {{target}}"),
            over_time(f"min by (target) ({contract.READY})", "ready {{target}}"),
        ),
        panels.graph(
            Frame(
                61,
                "Phases of a request",
                "Name resolution, connection, TLS and reply of the last request.",
                8,
            ),
            over_time(phases, "{{target}} {{phase}}"),
            unit=units.Seconds,
        ),
        cold,
        panels.lined(certificate, below(RED), at(7 * _DAY, ORANGE), at(21 * _DAY, GREEN)),
    ]


def _itself() -> list[timeseries.Panel | statetimeline.Panel]:
    says = "1 when a replica holds the lease, and when the last configuration reload succeeded."
    return [
        _bars(
            Frame(links.JOURNAL.panel, "Failed journal operations", "Probing continues.", 8),
            contract.JOURNAL_FAILURES, "operation",
        ),
        panels.states(
            Frame(links.STATE.panel, "Lease and configuration", says, 8),
            over_time(f"max({contract.LEASE_HELD})", "lease held"),
            over_time(f"min({contract.CONFIG_LAST_RELOAD_SUCCESSFUL})", "configuration up to date"),
            over_time(f"1 - clamp_max(max({contract.JOURNALS_SET_ASIDE}), 1)", "journals intact"),
            over_time(f"max by (version) ({contract.BUILD_INFO})", "version {{version}}"),
        ),
    ]  # fmt: skip
