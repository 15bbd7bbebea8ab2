"""Dashboard of load scenarios: throughput, efficiency of scaling and breaking point."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from grafana_foundation_sdk.builders import bargauge, dashboard, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common, units

from generator import names
from generator.outputs.grafana import frame, panels
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
    now,
    over_time,
)
from generator.outputs.grafana.queries import Facts, firing
from generator.slo import links
from generator.slo.links import Board
from slos.schema import contract
from slos.schema.contract import Stage

BOARD = Board.SCENARIOS
_SAYS = "Results of load scenarios: the last run and earlier runs."
_CHOSEN = 'scenario=~"$scenario"'
_THROUGHPUT, _SCALABILITY, _STRESS = (
    f'scenario="{name}"' for name in ("throughput", "scalability", "stress")
)
_MOST = f"{contract.THROUGHPUT}{{{_STRESS}}}"
_DAY = 86400
# Label, unit, title and description of the graph of each recorded metric that has a panel.
_DRAWN = (
    ("resource", units.PercentUnit, "Resources", "Highest ratio of a container to its limit."),
    ("stage", units.PercentUnit,
     "Time by stage", "Own time of each stage, as a share of the total."),
    ("", units.PercentUnit,
     "Load fairness", "1 when all pods have the same load, 1/n when one of n has all."),
    ("", units.Short, "Replicas awaited", "Replicas wanted by the autoscaler and not ready."),
    ("", panels.BURN,
     "Degradation with 100 alerts", "Ratio of the P95 of 100 concurrent alerts to that of 10."),
)  # fmt: skip


def built(facts: Facts, others: Sequence[Board]) -> dashboard.Dashboard:
    """Build the dashboard."""
    board = frame.begun(BOARD, _SAYS, span="30d", others=others)
    known = f"label_values({contract.SCENARIO_COMPLETED}, scenario)"
    frame.add(board, (frame.source(), frame.several("scenario", known)))
    frame.mark_alerts(board, firing(facts, f'{names.SERVICE}="{contract.SERVICE}"'))
    frame.row(board, 100, "Results", [_ages(facts), _running()])
    frame.row(board, 101, "Throughput", [_throughput(facts), _throughput_runs(facts)])
    frame.row(board, 102, "Scaling efficiency", list(_efficiency(facts)))
    frame.row(board, 103, "Breaking point", [_breaking(), *_completed(facts), *_breaking_runs()])
    recorded = list(_beside(facts))
    if recorded:
        frame.row(board, 104, "Meanwhile", recorded)
    return board


def _ages(facts: Facts) -> table.Panel:
    limit = facts.limit(contract.SCENARIO_COMPLETED, "time()")
    stale = float(limit or 8) * _DAY
    age = f"time() - max by (scenario) ({contract.SCENARIO_COMPLETED}{{{_CHOSEN}}})"
    panel = panels.listing(
        Frame(links.AGE.panel, "Last results", "Age of the last result of each scenario.", 24, 5),
        panels.rows(age),
    ).no_value("no scenario has run yet")
    steps = (below(GREEN), at(stale / 2, ORANGE), at(stale, RED))
    return columns(
        panel,
        Column("scenario", "Scenario"),
        Column("Value", "Age of the result", unit=units.DurationSeconds, steps=steps),
        worst="Age of the result",
    )


def _running() -> statetimeline.Panel:
    says = "Times at which a scenario sent load. Probes ran under load at these times."
    running = over_time(
        f"max by (scenario) ({contract.SCENARIO_RUNNING}{{{_CHOSEN}}})", "{{scenario}}"
    )
    return panels.states(Frame(2, "Load", says, 14, 6), running).thresholds(
        panels.limits(below("transparent"), at(1, BLUE))
    )


def _throughput(facts: Facts) -> bargauge.Panel:
    says = "Highest event rate of each stage in the last run. Red is below the target."
    last = f"max by (stage) ({contract.THROUGHPUT}{{{_THROUGHPUT}}})"
    panel = panels.levels(
        Frame(links.THROUGHPUT.panel, "Throughput of the last run", says, 10),
        now(last, "{{stage}}"), unit=units.EventsPerSecond, steps=(below(BLUE),),
    )  # fmt: skip
    for stage, target in _targets(facts):
        steps = panels.limits(below(RED), at(target, GREEN)).build()
        limit = panels.shown("thresholds", steps)
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
    panel = panels.graph(
        Frame(11, "Throughput by run", "Dashed lines: targets of the alerts.", 14),
        *queries, unit=units.EventsPerSecond,
    )  # fmt: skip
    panel.override_by_regexp("/^target/", panels.dashed("gray"))
    return _stepped(panel)


def _targets(facts: Facts) -> Iterator[tuple[str, float]]:
    for stage in Stage:
        limit = facts.limit(contract.THROUGHPUT, _THROUGHPUT, f'stage="{stage}"')
        if limit is not None:
            yield stage, float(limit)


def _efficiency(facts: Facts) -> Iterator[bargauge.Panel | timeseries.Panel]:
    says = "Throughput with n replicas, as a ratio of n times that of one."
    last = f"min by (level) ({contract.SCALING_EFFICIENCY}{{{_SCALABILITY}}})"
    yield from _by_level(
        Frame(links.EFFICIENCY.panel, "Efficiency of the last run", says, 10),
        Frame(21, "Efficiency by run", "By number of replicas.", 14),
        now(last, "{{level}} replicas"),
        over_time(last, "{{level}} replicas"),
        facts.limit(contract.SCALING_EFFICIENCY),
    )


def _breaking() -> table.Panel:
    """Build the table of the breaking point: the last run, and the best run of the time range."""
    says = (
        "Concurrent alerts at the breaking point and the executed rate, in the last run and the "
        "best run of the time range. Empty without a breaking point."
    )
    level = f"{contract.BREAKING_POINT_LEVEL}{{{_STRESS}}}"
    rate = f"{contract.BREAKING_POINT}{{{_STRESS}}}"
    asked = (_last(level), _best(level), _last(rate), _best(rate), _last(_MOST), _best(_MOST))
    against = f"{_last(_MOST)} / {_best(_MOST)} - 1"
    panel = panels.listing(
        Frame(31, "Breaking point compared with earlier runs", says, 24, 5),
        *map(panels.rows, (*asked, against)),
    ).no_value("no breaking point found")
    steps = (below(RED), at(-0.2, ORANGE), at(-0.05, GREEN))
    eps = units.EventsPerSecond
    return columns(
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


def _last(series: str) -> str:
    return f"max by (scenario) ({series})"


def _best(series: str) -> str:
    return f"max by (scenario) (max_over_time({series}[$__range]))"


def _completed(facts: Facts) -> Iterator[bargauge.Panel | timeseries.Panel]:
    says = "Share of concurrent alerts that were executed exactly once."
    last = f"min by (level) ({contract.CONCURRENCY_COMPLETED}{{{_STRESS}}})"
    yield from _by_level(
        Frame(links.COMPLETED.panel, "Completed by concurrency", says, 10),
        Frame(32, "Completed by run", "By number of concurrent alerts.", 14),
        now(f"sort({last})", "{{level}} concurrent"),
        over_time(last, "{{level}} concurrent"),
        facts.limit(contract.CONCURRENCY_COMPLETED),
    )


def _by_level(
    last: Frame, runs: Frame, present: Dataquery, past: Dataquery, least: Decimal | None
) -> Iterator[bargauge.Panel | timeseries.Panel]:
    """Build the panels of a share by level: the last run, and all runs.

    The threshold is the limit of the alert on the share.
    """
    steps = (below(RED), at(float(least or 0), GREEN))
    yield panels.levels(last, present, unit=units.PercentUnit, steps=steps)
    panel = panels.graph(runs, past, unit=units.PercentUnit)
    yield _stepped(panels.lined(panel, *steps))


def _breaking_runs() -> Iterator[timeseries.Panel]:
    """Build the graphs of the breaking point by run. Each run is a step."""
    level = _last(f"{contract.BREAKING_POINT_LEVEL}{{{_STRESS}}}")
    rate = _last(f"{contract.BREAKING_POINT}{{{_STRESS}}}")
    says = "A gap means that no breaking point was found."
    yield _stepped(
        panels.graph(
            Frame(33, "Breaking point by run", says, 12), over_time(level, "concurrent alerts"),
            unit=units.Short,
        )
    )  # fmt: skip
    yield _stepped(
        panels.graph(
            Frame(34, "Executed rate by run", "At the breaking point, and the highest.", 12),
            over_time(rate, "at the breaking point"), over_time(_last(_MOST), "highest"),
            unit=units.EventsPerSecond,
        )
    )  # fmt: skip


def _beside(facts: Facts) -> Iterator[timeseries.Panel]:
    """Build the graphs of resources and scaling during load, for the metrics that specs record."""
    drawn = zip(links.MEANWHILE.items(), _DRAWN, strict=True)
    for (metric, place), (by, unit, title, says) in drawn:
        if metric in facts.recorded:
            expr = f"max by ({by}) ({metric})"
            legend = f"{{{{{by}}}}}" if by else title
            yield panels.graph(
                Frame(place.panel, title, says, 12), over_time(expr, legend), unit=unit
            )


def _stepped(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw a value as a step that lasts until the next run."""
    return panel.line_interpolation(common.LineInterpolation.STEP_AFTER)
