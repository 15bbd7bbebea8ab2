"""Explanation of an SLO as text: objective, error budget, alerts, rules and approximations."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from generator import names
from generator.model import SLO, BurnAlert, BurnCondition, Firing, RuleGroup
from generator.rules import alert_rules, cost
from generator.rules.groups import groups_of
from generator.slo import annotations, burn_rate
from slos.schema.sli_signal import Weight
from slos.schema.units import Duration, plain

_PROFILE = "exact"


def text(slo: SLO) -> str:
    """Explanation in plain text of at most 100 columns, except for the user's description."""
    groups = [module.group(slo) for module in groups_of(_PROFILE)]
    sections = (
        _promise(slo),
        ("Error budget", *_indented(_budget(slo))),
        ("Alerts", *_indented(_alerts(slo))),
        ("Rules", *_indented(_rules(slo, groups))),
        ("Approximated", *_indented(_approximated(slo))),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _promise(slo: SLO) -> list[str]:
    what = "events" if slo.signal.weight is Weight.EVENTS else "the time"
    promise = (
        f"{slo.id}: {plain(slo.objective)} % of {what} good over {annotations.span(slo.period)}"
    )
    split = [f"one budget for each {', '.join(slo.signal.by)}"] if slo.signal.by else []
    return [promise, *_indented([*" ".join(slo.description.split()).splitlines(), *split])]


def _budget(slo: SLO) -> Iterator[str]:
    spent = burn_rate.all_failing(slo)
    yield f"{plain(100 * slo.budget)} %: as much as {spent} in which everything fails"
    if not slo.signal.counts_events:
        yield f"not counted in events: {_why_no_counts(slo)}"
        if slo.signal.note:
            yield slo.signal.note
        return
    yield f"{burn_rate.allowed(slo)} may fail; what is left now, in events:"
    yield names.of(names.PERIOD_EVENTS_REMAINING, slo)
    if slo.budget:
        fewest = (1 / slo.budget).to_integral_value(rounding="ROUND_CEILING")
        yield f"with fewer than {fewest:,.0f} events a period, one failure is more than all of it"


def _why_no_counts(slo: SLO) -> str:
    if slo.signal.weight is Weight.TIME:
        return "its query gives no events to add up, so each slice of time weighs the same"
    return "its queries count samples, of which an event may have any number"


def _alerts(slo: SLO) -> Iterator[str]:
    columns = ("severity", "burns", "over", "budget gone", *map(_at, burn_rate.SHARES))
    rows = [
        (
            str(burn.severity),
            f"{plain(condition.factor, 2)}x",
            f"{condition.long} and {condition.short}",
            f"{plain(100 * burn_rate.spent(slo, condition), 1)} %",
            *(_after(slo, condition, share, burn.firing.for_) for share in burn_rate.SHARES),
        )
        for burn in slo.burn_alerts
        for condition in burn.conditions
    ]
    if rows:
        yield from _table(columns, rows)
    for burn in slo.burn_alerts:
        yield f"{burn.severity} is {burn.firing.name}{_conditions(burn.firing)}"
        yield from _held_down(slo, burn)
    for threshold in slo.threshold_alerts:
        limit = f"above {plain(100 * threshold.above)} % over {threshold.over}"
        yield f"{threshold.firing.name}: {limit}{_conditions(threshold.firing)}"
    if slo.absent_alert:
        yield f"{slo.absent_alert.name}: nothing is counted{_conditions(slo.absent_alert)}"


def _after(slo: SLO, condition: BurnCondition, share: Decimal, held: Duration | None) -> str:
    return str(burn_rate.after(slo, condition, share, held) or "-")


def _at(share: Decimal) -> str:
    return f"at {plain(100 * share)} %"


def _conditions(firing: Firing) -> str:
    least = [f"at {firing.min_events} events or more"] if firing.min_events else []
    held = [f"for {firing.for_}"] if firing.for_ else []
    return "".join(f", {each}" for each in (*least, *held))


def _held_down(slo: SLO, burn: BurnAlert) -> Iterator[str]:
    for condition in burn.conditions:
        if condition.factor != condition.wanted:
            wanted, used = plain(condition.wanted, 2), plain(condition.factor, 2)
            share = plain(100 * slo.budget)
            yield f"  {wanted}x of {share} % could never be exceeded, so {used}x is used"


def _rules(slo: SLO, groups: Sequence[RuleGroup]) -> Iterator[str]:
    columns = ("group", "every", "rules", "raw samples", "recorded samples")
    costs = [(group, cost.of_group(slo, group)) for group in groups]
    yield from _table(
        columns,
        [
            (
                group.name,
                str(group.interval),
                str(len(group.rules)),
                str(one.raw),
                str(one.recorded),
            )
            for group, one in costs
        ],
    )
    hourly = sum((one * cost.an_hour(group) for group, one in costs), cost.Cost())
    of_each = " for each group" if slo.signal.by else ""
    yield (
        f"in an hour {hourly.raw:,} samples of each series the SLI reads, "
        f"and {hourly.recorded:,} recorded ones{of_each}"
    )


def _approximated(slo: SLO) -> Iterator[str]:
    fine, coarse, slow = slo.steps.fine, slo.steps.coarse, slo.steps.slow
    if slo.signal.note and slo.signal.counts_events:
        yield slo.signal.note
    if slo.signal.counts_events:
        yield f"events count in the {fine} or {coarse} step in which a scrape first shows them"
    elif slo.signal.weight is Weight.TIME:
        yield f"a slice of time is {fine}; slices without a value are left out"
    if slo.signal.histogram:
        yield "quantiles are interpolated within a bucket of the histogram"
    slowly = [window for window in slo.windows if window not in alert_rules.quick_windows(slo)]
    listed = ", ".join(map(str, sorted({*slowly, slo.period})))
    yield f"{listed}: as of the last {slow}, in steps of {coarse}"
    yield "after the first build, the period counts from then on"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    lines = [columns, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _indented(lines: Iterator[str] | Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]
