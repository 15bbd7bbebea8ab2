"""Dashboard of one SLO: objective, budget left, burn rates, latency and alerts."""

from collections.abc import Iterator, Sequence

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.models import units

from generator import names
from generator.outputs.grafana import charts, frame, panels, queries
from generator.outputs.grafana.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    Column,
    Frame,
    at,
    below,
    columns,
)
from generator.outputs.grafana.queries import FIRING, Facts, Selection
from generator.slo import links
from generator.slo.links import Board
from slos.schema.units import plain

BOARD = Board.DETAIL
_SAYS = "One SLO: error budget, burn rates, events, latency, alerts."
_QUANTILE_COLORS = {"0.5": GREEN, "0.95": ORANGE, "0.99": RED}


def built(facts: Facts, others: Sequence[Board]) -> dashboard.Dashboard:
    """Build the dashboard."""
    slo = queries.of_slo(facts)
    board = frame.begun(BOARD, _SAYS, span="24h", others=others)
    chosen = (
        frame.service_with_slos(),
        *frame.run_labels(facts, one=True),
        frame.slo(),
    )
    frame.add(board, (frame.source(), *chosen, *frame.grouping(facts)))
    frame.mark_alerts(board, slo.of("ALERTS", FIRING))
    for panel in (*_figures(slo), _sli(slo), _burn_rates(slo), charts.burn_down(slo)):
        board.with_panel(panel)
    if facts.steps:
        board.with_panel(_events(slo))
    if facts.latency:
        board.with_panel(_latency(slo))
    frame.row(board, 100, "Alerts and runbooks", [_alerts(slo)])
    return board


def _figures(slo: Selection) -> Iterator[stat.Panel]:
    left = f"min({slo.split(names.BUDGET_REMAINING)})"
    burn = f"max({slo.split(names.CURRENT_BURN_RATE)})"
    days = f"max({slo.of(names.PERIOD_DAYS)})"
    lasts = (below(RED), at(3600, ORANGE), at(86400, GREEN))
    told = (
        (1, "Budget left", left, units.PercentUnit, panels.BUDGET, "Of the rolling period."),
        (2, "Burn rate now", burn, panels.BURN, panels.BURNING, "At 1 the budget lasts a period."),
        (
            3, "Exhausted in", f"86400 * {days} * clamp_min({left}, 0) / ({burn} > 0)",
            units.DurationSeconds, lasts, "At the current burn rate. Empty without errors.",
        ),
        (
            4, "Errors left", f"floor(min({slo.split(names.PERIOD_EVENTS_REMAINING)}))",
            units.Short, (below(RED), at(1, GREEN)),
            "Bad events that the period still allows. Empty for SLOs that count time.",
        ),
        (
            5, "Objective", f"max({slo.of(names.OBJECTIVE)})",
            units.PercentUnit, (below(BLUE),), "Objective of the SLO.",
        ),
        (
            6, "Alerts firing", f"count({slo.of('ALERTS', FIRING)}) or vector(0)",
            units.Short, (below(GREEN), at(1, RED)), "Firing alerts of this SLO, all severities.",
        ),
    )  # fmt: skip
    for id_, title, expr, unit, steps, says in told:
        yield panels.figure(
            Frame(id_, title, says, 4, 4), panels.now(expr), unit=unit, steps=steps
        ).no_value("none")


def _sli(slo: Selection) -> timeseries.Panel:
    says = (
        "Share of good events over the shortest window and over the rolling period. Below the "
        "line the objective is missed."
    )
    now = slo.times(slo.split(names.CURRENT_BURN_RATE), names.ERROR_BUDGET)
    period = slo.times(slo.split(names.PERIOD_BURN_RATE), names.ERROR_BUDGET)
    panel = panels.graph(
        Frame(links.SLI.panel, "SLI against objective", says),
        panels.over_time(f"1 - {now}", f"now{slo.groups}"),
        panels.over_time(f"1 - {period}", f"period{slo.groups}"),
        panels.over_time(slo.of(names.OBJECTIVE), "objective"),
        unit=units.PercentUnit,
    )
    panel.override_by_name("objective", panels.dashed(RED))
    return panel.axis_soft_min(1).max(1)


def _burn_rates(slo: Selection) -> timeseries.Panel:
    """Build the graph of the burn rates of all windows and the thresholds of the alerts."""
    says = (
        "Burn rate over each window. A burn-rate alert fires while both its windows are above "
        "its dashed line. The line links to its runbook."
    )
    ratios = slo.split("", f'__name__=~"{names.error_ratio_pattern()}"')
    key = f"{names.ALERT}, {slo.key}"
    told = f"max by ({key}, {names.RUNBOOK_URL}) ({slo.of(names.ALERT_INFO)})"
    limit = slo.of(names.BURN_THRESHOLD)
    limits = (
        f"{limit} * on ({key}) group_left ({names.RUNBOOK_URL}) {told} or {limit} unless on ({key})"
        f" {slo.of(names.ALERT_INFO)}"
    )
    panel = panels.graph(
        Frame(links.BURN_RATES.panel, "Burn rates and alert thresholds", says),
        panels.over_time(
            slo.times(ratios, names.ERROR_BUDGET, "/"), f"{{{{{names.WINDOW}}}}}{slo.groups}"
        ),
        panels.over_time(limits, f"{{{{{names.ALERT}}}}} over {{{{{names.WINDOW}}}}}"),
        unit=panels.BURN,
    )
    runbook = panels.link("Runbook", f"${{__field.labels.{names.RUNBOOK_URL}}}", leaves=True)
    link = panels.shown("links", [runbook.build()])
    return panel.override_by_query("B", [*panels.dashed(RED), link])


def _events(slo: Selection) -> timeseries.Panel:
    says = "Events per second as counted by the rules; time slices for SLOs that count time."
    bad = _counted(slo, names.errors)
    panel = panels.bars(
        Frame(links.EVENTS.panel, "Good and bad events", says),
        panels.over_time(f"{_counted(slo, names.total)} - ({bad})", "good"),
        panels.over_time(bad, "bad"),
        unit=units.EventsPerSecond,
    )
    panel.override_by_name("good", panels.painted(GREEN))
    return panel.override_by_name("bad", panels.painted(RED))


def _counted(slo: Selection, name: names.OfStep) -> str:
    """Render events per second, from the counts of the steps that the SLOs have."""
    each = (
        f"sum(avg_over_time({slo.split(name(step))}[$__rate_interval])) / {plain(step.seconds)}"
        for step in slo.facts.steps
    )
    return "(" + " or ".join(each) + ")"


def _latency(slo: Selection) -> timeseries.Panel:
    says = "Latency quantiles, and the target of the spec."
    # Without a known unit, the number is shown as the metric has it.
    unit = units.Seconds if slo.facts.seconds else units.Short
    measured = slo.split("", f'__name__=~"{names.latency_pattern()}"')
    panel = panels.graph(
        Frame(24, "P50, P95, P99", says, 24),
        panels.over_time(f"max by ({names.QUANTILE}) ({measured})", f"P{{{{{names.QUANTILE}}}}}"),
        panels.over_time(f"max({slo.of(names.LATENCY_TARGET)})", "target"),
        unit=unit,
    ).no_value("this SLO has no latency")
    for quantile, color in _QUANTILE_COLORS.items():
        panel.override_by_name(f"P{quantile}", panels.painted(color))
    return panel.override_by_name("target", panels.dashed(RED))


def _alerts(slo: Selection) -> table.Panel:
    """Build the table of all alerts of the SLO, firing or not, each with its runbook."""
    key = f"{names.ALERT}, {slo.key}"
    labels = f"{names.ALERT}, {names.SEVERITY}, {names.RUNBOOK_URL}"
    info = f"max by ({labels}, {slo.key}) ({slo.of(names.ALERT_INFO)})"
    firing = f"max by ({key}) ({slo.of('ALERTS', FIRING)})"
    limit = f"min by ({labels}) ({slo.of(names.BURN_THRESHOLD)} * on ({key}) group_left"
    panel = panels.listing(
        Frame(30, "Alerts of this SLO", "Each alert links to its runbook.", 24, 7),
        panels.rows(
            f"max by ({labels}) ({info} * on ({key}) group_left () {firing} or 0 * {info})"
        ),
        panels.rows(f"{limit} ({names.SEVERITY}, {names.RUNBOOK_URL}) {info})"),
    )
    runbook = panels.link("Runbook", f"${{__data.fields.{names.RUNBOOK_URL}}}", leaves=True)
    states = (("0", "silent", GREEN), ("1", "firing", RED))
    return columns(
        panel,
        Column(names.ALERT, "Alert", links=(runbook,)),
        Column(names.SEVERITY, "Severity", width=120),
        Column("Value #A", "State", texts=states, width=120),
        Column("Value #B", "Threshold", unit=panels.BURN, width=160),
        Column(names.RUNBOOK_URL, links=(runbook,)),
        worst="State",
    )
