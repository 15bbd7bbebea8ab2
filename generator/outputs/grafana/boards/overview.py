"""Overview dashboard: every SLO on one page, the most urgent one first."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard, stat, table, timeseries
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Threshold

from generator import names
from generator.outputs.grafana import frame, panels, queries
from generator.outputs.grafana.panels import (
    BLUE,
    GREEN,
    ORANGE,
    RED,
    YELLOW,
    Column,
    Frame,
    at,
    below,
    columns,
)
from generator.outputs.grafana.queries import Facts, Selection
from generator.slo import links
from generator.slo.links import Board, Place

BOARD = Board.OVERVIEW
_SAYS = "Error budgets, burn rates and alerts of all SLOs."
# Upper limit of ten times the burn rate. A budget that burns outweighs one that is spent.
_BURN_AT_MOST = 90


def built(facts: Facts, others: Sequence[Board]) -> dashboard.Dashboard:
    """Build the dashboard."""
    every = queries.of_services(facts)
    board = frame.begun(BOARD, _SAYS, span="6h", others=others)
    chosen = (frame.service(), *frame.run_labels(facts, one=False))
    frame.add(board, (frame.source(), *chosen))
    frame.mark_alerts(board, every.pages(), title="Pages")
    for figure in _figures(every):
        board.with_panel(figure)
    board.with_panel(_firing(every, "SLO"))
    board.with_panel(_slos(every))
    frame.row(board, 100, "Worst SLOs over time", _worst(every))
    return board


def to(place: Place | Board, *chosen: str) -> str:
    """Build the URL of another dashboard or panel, with the same time range and data source."""
    board, panel = (place.board, place.panel) if isinstance(place, Place) else (place, 0)
    seen = [f"viewPanel={panel}"] if panel else []
    query = "&".join([*chosen, "${datasource:queryparam}", "${__url_time_range}", *seen])
    return f"/d/{board}?{query}"


def detail_of(every: Selection, place: Place | Board) -> str:
    """Build the URL from a table row to the detail of its SLO."""
    labels = {"slo": names.ID} | {links.variable(label): label for label in every.facts.run_labels}
    chosen = (
        f"var-{name}=${{__data.fields.{label}:percentencode}}" for name, label in labels.items()
    )
    return to(place, *chosen)


def _figures(every: Selection) -> list[stat.Panel]:
    by = every.identity
    slos = f"max by ({by}) ({every.of(names.OBJECTIVE)})"
    left = f"min by ({by}) ({every.of(names.BUDGET_REMAINING)})"
    burn = f"max by ({by}) ({every.of(names.CURRENT_BURN_RATE)})"
    told = (
        (1, "SLOs", f"count({slos})", "Number of SLOs.", (below(BLUE),)),
        (2, "Budget exhausted", _count(f"{left} <= 0"), "SLOs without error budget.", _any(RED)),
        (3, "Burning", _count(f"{burn} > 1"), "SLOs with a burn rate above 1.", _any(ORANGE)),
        (4, "Pages firing", _count(every.pages()), "Firing alerts that page.", _any(RED)),
        (
            5, "Other alerts firing", _count(every.others()),
            "Firing alerts that do not page, such as tickets. Without heartbeats.", _any(ORANGE),
        ),
        (
            6, "Without data", _count(f"{slos} unless on ({every.key}) {burn}"),
            "SLOs without a current burn rate: no events, or no data.",
            _any(YELLOW),
        ),
    )  # fmt: skip
    return [
        panels.figure(
            Frame(id_, title, says, 4, 4), panels.now(expr), unit=units.Short, steps=steps
        )
        for id_, title, expr, says, steps in told
    ]


def _count(expr: str) -> str:
    return f"count({expr}) or vector(0)"


def _any(color: str) -> tuple[Threshold, ...]:
    return below(GREEN), at(1, color)


def _firing(every: Selection, title: str) -> table.Panel:
    """Build the table of firing alerts, each with links to its SLO and its runbook."""
    says = (
        "Each alert links to its runbook, each SLO to its detail dashboard. "
        "Standalone alerts have no SLO. Heartbeats always fire."
    )
    labels = f"{names.ALERT}, {names.SEVERITY}, {every.identity}, {names.RUNBOOK_URL}"
    since = every.alerts("ALERTS_FOR_STATE")
    panel = panels.listing(
        Frame(links.FIRING.panel, "Firing alerts", says, 24, 7),
        panels.rows(f"1000 * min by ({labels}) ({since})"),
    ).no_value("no firing alerts")
    page = panels.link("Runbook", f"${{__data.fields.{names.RUNBOOK_URL}}}", leaves=True)
    more = panels.link("Burn rates", detail_of(every, links.BURN_RATES))
    return columns(
        panel,
        Column(names.ALERT, "Alert", links=(page,)),
        Column(names.SEVERITY, "Severity", texts=_SEVERITIES, width=120),
        Column(names.SERVICE, "Service"),
        Column(names.SLO_NAME, title, links=(more,)),
        *(Column(label) for label in every.facts.run_labels),
        Column("Value", "Since", unit=units.DateTimeFromNow, width=180),
        Column(names.RUNBOOK_URL, hidden=True),
        Column(names.ID, hidden=True),
        worst="Since",
    )


_SEVERITIES = (
    ("critical", "critical", RED),
    ("warning", "warning", ORANGE),
    ("info", "info", BLUE),
)


def hurts(every: Selection) -> str:
    """Render the urgency of an SLO as a number: firing alerts, burn rate, budget spent."""
    by = every.identity
    base = f"0 * max by ({by}) ({every.of(names.OBJECTIVE)})"

    def filled(expr: str) -> str:
        return f"({expr} or {base})"

    def fires(alerts: str) -> str:
        return filled(f"(count by ({by}) ({alerts}) > bool 0)")

    burn = filled(f"max by ({by}) ({every.of(names.CURRENT_BURN_RATE)})")
    left = filled(f"1 - min by ({by}) ({every.of(names.BUDGET_REMAINING)})")
    return (
        f"1000 * {fires(every.pages())} + 100 * {fires(every.others())}"
        f" + clamp(10 * {burn}, 0, {_BURN_AT_MOST}) + 9 * clamp({left}, 0, 1)"
    )


def _slos(every: Selection) -> table.Panel:
    says = (
        "Sorted by rank: 1000 for a firing page, 100 for any other firing alert, ten times the "
        "burn rate (90 at most), and 9 times the spent share of the error budget. For an SLO with "
        "groups, each column shows the worst group."
    )
    asked = map(panels.rows, _of_each(every))
    detail = panels.link("Detail", detail_of(every, Board.DETAIL))
    return columns(
        panels.listing(Frame(11, "SLOs by rank", says, 24, 14), *asked),
        Column(names.SLO_NAME, "SLO", links=(detail,)),
        Column(names.SERVICE, "Service"),
        *(Column(label) for label in every.facts.run_labels),
        Column("Value #B", "Budget left", unit=units.PercentUnit, steps=panels.BUDGET),
        Column("Value #C", "Burn rate now", unit=panels.BURN, steps=panels.BURNING),
        Column("Value #D", "Exhausted in", unit=units.DurationSeconds),
        Column("Value #E", "Errors left", unit=units.Short),
        Column("Value #F", "Firing", unit=units.Short, steps=(below("transparent"), at(1, RED))),
        Column("Value #G", "Objective", unit=units.PercentUnit),
        Column("Value #A", "Rank", unit=units.Short),
        Column(names.ID, hidden=True),
        worst="Rank",
    )


def _of_each(every: Selection) -> tuple[str, ...]:
    """List the queries of the SLO table; each takes the worst group of an SLO."""
    by = every.identity
    left = f"min by ({by}) ({every.of(names.BUDGET_REMAINING)})"
    burn = f"max by ({by}) ({every.of(names.CURRENT_BURN_RATE)})"
    days = f"max by ({by}) ({every.of(names.PERIOD_DAYS)})"
    of_slos = f'{names.ID}!=""'
    return (
        hurts(every),
        left,
        burn,
        f"86400 * {days} * clamp_min({left}, 0) / ({burn} > 0)",
        f"floor(min by ({by}) ({every.of(names.PERIOD_EVENTS_REMAINING)}))",
        f"count by ({by}) ({every.firing(of_slos)})",
        f"max by ({by}) ({every.of(names.OBJECTIVE)})",
    )


def _worst(every: Selection) -> list[timeseries.Panel]:
    by, legend = every.identity, f"{{{{{names.ID}}}}}"
    burn = f"topk(10, max by ({by}) ({every.of(names.CURRENT_BURN_RATE)}))"
    left = f"bottomk(10, min by ({by}) ({every.of(names.BUDGET_REMAINING)}))"
    says = "At a burn rate of 1 the budget lasts exactly one period. The ten highest at any time."
    lasts = "Remaining error budget of the rolling period. The ten lowest at any time."
    fast = panels.graph(
        Frame(20, "Burn rate", says), panels.over_time(burn, legend), unit=panels.BURN
    )
    low = panels.graph(
        Frame(21, "Budget left", lasts), panels.over_time(left, legend), unit=units.PercentUnit
    )
    gone = (below(RED), at(0, GREEN))
    return [panels.lined(fast, below(GREEN), at(1, RED)), panels.lined(low, *gone)]
