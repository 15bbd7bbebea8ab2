"""Dashboard of load scenarios: throughput, efficiency of scaling and breaking point."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from grafana_foundation_sdk.builders import bargauge, dashboard, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common, units

from generator import names, panels
from generator.dashboards import parts, shell, variables
from generator.dashboards.facts import Facts
from generator.dashboards.parts import BLUE, GREEN, ORANGE, RED, Frame, at, below, now, over_time
from generator.dashboards.selection import firing
from generator.dashboards.tables import Column, columns
from generator.panels import Board
from slos.schema import contract
from slos.schema.contract import Stage

BOARD = Board.SCENARIOS
_SAYS = "Results of the load scenarios, the last beside earlier ones."
_CHOSEN = 'scenario=~"$scenario"'
_THROUGHPUT, _SCALABILITY, _STRESS = (
    f'scenario="{name}"' for name in ("throughput", "scalability", "stress")
)
_MOST = f"{contract.THROUGHPUT}{{{_STRESS}}}"
_DAY = 86400
# Label, unit, title and description of the graph of each recorded metric that has a panel.
_DRAWN = (
    ("resource", units.PercentUnit, "Resources", "The busiest container, as a share of its limit."),
    ("stage", units.PercentUnit,
     "Where the time goes", "The own time of each stage, as a share of all."),
    ("", units.PercentUnit,
     "Fairness of the load", "1 when all pods work the same, 1/n when one of n does it all."),
    ("", units.Short, "Replicas awaited", "Wanted by the autoscaler and not ready."),
    ("", parts.BURN,
     "A hundred at once beside ten", "How many times as long the P95 of a hundred alerts takes."),
)  # fmt: skip


def built(facts: Facts, others: Sequence[Board]) -> dashboard.Dashboard:
    """Build the dashboard."""
    board = shell.begun(BOARD, _SAYS, span="30d", others=others)
    known = f"label_values({contract.SCENARIO_COMPLETED}, scenario)"
    variables.add(board, (variables.source(), variables.several("scenario", known)))
    shell.mark_alerts(board, firing(facts, f'{names.SERVICE}="{contract.SERVICE}"'))
    shell.row(board, 100, "Results", [_ages(facts), _running()])
    shell.row(board, 101, "Throughput", [_throughput(facts), _throughput_runs(facts)])
    shell.row(board, 102, "Efficiency of scaling", list(_efficiency(facts)))
    shell.row(board, 103, "Breaking point", [_breaking(), *_completed(facts), *_breaking_runs()])
    recorded = list(_beside(facts))
    if recorded:
        shell.row(board, 104, "Meanwhile", recorded)
    return board


def _ages(facts: Facts) -> table.Panel:
    limit = facts.limit(contract.SCENARIO_COMPLETED, "time()")
    stale = float(limit or 8) * _DAY
    age = f"time() - max by (scenario) ({contract.SCENARIO_COMPLETED}{{{_CHOSEN}}})"
    panel = parts.listing(
        Frame(
            panels.AGE.panel, "Last results", "How old the last result of each scenario is.", 24, 5
        ),
        parts.rows(age),
    ).no_value("no scenario has run yet")
    steps = (below(GREEN), at(stale / 2, ORANGE), at(stale, RED))
    return columns(
        panel,
        Column("scenario", "Scenario"),
        Column("Value", "Age of its result", unit=units.DurationSeconds, steps=steps),
        worst="Age of its result",
    )


def _running() -> statetimeline.Panel:
    says = "When each scenario sent its load; what the probes saw meanwhile was under load."
    running = over_time(
        f"max by (scenario) ({contract.SCENARIO_RUNNING}{{{_CHOSEN}}})", "{{scenario}}"
    )
    return parts.states(Frame(2, "Load", says, 14, 6), running).thresholds(
        parts.limits(below("transparent"), at(1, BLUE))
    )


def _throughput(facts: Facts) -> bargauge.Panel:
    says = "Events a second that each stage kept up with in the last run; red is below the target."
    last = f"max by (stage) ({contract.THROUGHPUT}{{{_THROUGHPUT}}})"
    panel = parts.levels(
        Frame(panels.THROUGHPUT.panel, "Throughput of the last run", says, 10),
        now(last, "{{stage}}"), unit=units.EventsPerSecond, steps=(below(BLUE),),
    )  # fmt: skip
    for stage, target in _targets(facts):
        steps = parts.limits(below(RED), at(target, GREEN)).build()
        limit = parts.shown("thresholds", steps)
        panel.override_by_name(stage, [limit])
    return panel


def _throughput_runs(facts: Facts) -> timeseries.Panel:
    """Build the graph of throughput by run: a step for each run, and the targets of the alerts."""
    queries = [over_time(f"max by (stage) ({contract.THROUGHPUT}{{{_THROUGHPUT}}})", "{{stage}}")]
    targets = [
        f'label_replace(vector({target:g}), "stage", "{stage}", "", "")'
        for stage, target in _targets(facts)
    ]
    if targets:
        queries.append(over_time(" or ".join(targets), "target {{stage}}"))
    panel = parts.graph(
        Frame(11, "Throughput, run by run", "Dashed: the targets of the alerts.", 14),
        *queries, unit=units.EventsPerSecond,
    )  # fmt: skip
    panel.override_by_regexp("/^target/", parts.dashed("gray"))
    return _stepped(panel)


def _targets(facts: Facts) -> Iterator[tuple[str, float]]:
    for stage in Stage:
        limit = facts.limit(contract.THROUGHPUT, _THROUGHPUT, f'stage="{stage}"')
        if limit is not None:
            yield stage, float(limit)


def _efficiency(facts: Facts) -> Iterator[bargauge.Panel | timeseries.Panel]:
    says = "What so many replicas do, as a share of so many times what one does."
    last = f"min by (level) ({contract.SCALING_EFFICIENCY}{{{_SCALABILITY}}})"
    yield from _by_level(
        Frame(panels.EFFICIENCY.panel, "Efficiency of the last run", says, 10),
        Frame(21, "Efficiency, run by run", "By number of replicas.", 14),
        now(last, "{{level}} replicas"),
        over_time(last, "{{level}} replicas"),
        facts.limit(contract.SCALING_EFFICIENCY),
    )


def _breaking() -> table.Panel:
    """Build the table of the breaking point: the last run, and the best run of the time range."""
    says = (
        "How many at once were too many, and what was executed then, in the last run and at best "
        "in the time shown. Empty where nothing was too much."
    )
    level = f"{contract.BREAKING_POINT_LEVEL}{{{_STRESS}}}"
    rate = f"{contract.BREAKING_POINT}{{{_STRESS}}}"
    asked = (_last(level), _best(level), _last(rate), _best(rate), _last(_MOST), _best(_MOST))
    against = f"{_last(_MOST)} / {_best(_MOST)} - 1"
    panel = parts.listing(
        Frame(31, "Breaking point against earlier runs", says, 24, 5),
        *map(parts.rows, (*asked, against)),
    ).no_value("nothing broke it yet")
    steps = (below(RED), at(-0.2, ORANGE), at(-0.05, GREEN))
    eps = units.EventsPerSecond
    return columns(
        panel,
        Column("scenario", "Scenario"),
        Column("Value #A", "Breaks at, at once", unit=units.Short),
        Column("Value #B", "at best", unit=units.Short),
        Column("Value #C", "Executed there", unit=eps),
        Column("Value #D", "at best ", unit=eps),
        Column("Value #E", "Most executed", unit=eps),
        Column("Value #F", "at best  ", unit=eps),
        Column("Value #G", "against the best", unit=units.PercentUnit, steps=steps),
    )


def _last(series: str) -> str:
    return f"max by (scenario) ({series})"


def _best(series: str) -> str:
    return f"max by (scenario) (max_over_time({series}[$__range]))"


def _completed(facts: Facts) -> Iterator[bargauge.Panel | timeseries.Panel]:
    says = "The share of alerts sent at once that were executed once; it falls where it breaks."
    last = f"min by (level) ({contract.CONCURRENCY_COMPLETED}{{{_STRESS}}})"
    yield from _by_level(
        Frame(panels.COMPLETED.panel, "Completed by number at once", says, 10),
        Frame(32, "Completed, run by run", "By number at once.", 14),
        now(f"sort({last})", "{{level}} at once"),
        over_time(last, "{{level}} at once"),
        facts.limit(contract.CONCURRENCY_COMPLETED),
    )


def _by_level(
    last: Frame, runs: Frame, present: Dataquery, past: Dataquery, least: Decimal | None
) -> Iterator[bargauge.Panel | timeseries.Panel]:
    """Build the panels of a share by level: the last run, and all runs.

    The threshold is the limit of the alert on the share.
    """
    steps = (below(RED), at(float(least or 0), GREEN))
    yield parts.levels(last, present, unit=units.PercentUnit, steps=steps)
    panel = parts.graph(runs, past, unit=units.PercentUnit)
    yield _stepped(parts.lined(panel, *steps))


def _breaking_runs() -> Iterator[timeseries.Panel]:
    """Build the graphs of the breaking point by run. Each run is a step."""
    level = _last(f"{contract.BREAKING_POINT_LEVEL}{{{_STRESS}}}")
    rate = _last(f"{contract.BREAKING_POINT}{{{_STRESS}}}")
    says = "A gap where nothing was too much."
    yield _stepped(
        parts.graph(
            Frame(33, "Breaks at, run by run", says, 12), over_time(level, "at once"),
            unit=units.Short,
        )
    )  # fmt: skip
    yield _stepped(
        parts.graph(
            Frame(34, "Executed, run by run", "At the breaking point, and at most.", 12),
            over_time(rate, "at the breaking point"), over_time(_last(_MOST), "most"),
            unit=units.EventsPerSecond,
        )
    )  # fmt: skip


def _beside(facts: Facts) -> Iterator[timeseries.Panel]:
    """Build the graphs of resources and scaling during load, for the metrics that specs record."""
    drawn = zip(panels.MEANWHILE.items(), _DRAWN, strict=True)
    for (metric, place), (by, unit, title, says) in drawn:
        if metric in facts.recorded:
            expr = f"max by ({by}) ({metric})"
            legend = f"{{{{{by}}}}}" if by else title
            yield parts.graph(
                Frame(place.panel, title, says, 12), over_time(expr, legend), unit=unit
            )


def _stepped(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw a value as a step that lasts until the next run."""
    return panel.line_interpolation(common.LineInterpolation.STEP_AFTER)
