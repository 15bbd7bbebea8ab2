"""Explanation of an SLO as text: objective, error budget, alerts, rules and approximations."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from generator import names
from generator.model import SLO, BurnAlert, BurnCondition, RuleGroup
from generator.outputs.tests.slo import find_untested_reason
from generator.rules import alert_rules, cost
from generator.rules.groups import build_groups
from generator.slo import annotations, burn_rate
from slos.schema.query_analysis import counts_native_histograms
from slos.schema.sli_signal import Weight
from slos.schema.units import Duration, format_decimal


def render_slo_explanation(slo: SLO) -> str:
    """Explanation in plain text of at most 100 columns, except for the user's description."""
    groups = build_groups(slo)
    sections = (
        _explain_objective(slo),
        ("Error budget", *_indent_lines(_explain_budget(slo))),
        ("Alerts", *_indent_lines(_explain_alerts(slo))),
        ("Rules", *_indent_lines(_explain_rules(slo, groups))),
        ("Approximations", *_indent_lines(_explain_approximations(slo))),
    )
    return "\n\n".join("\n".join(section) for section in sections) + "\n"


def _explain_objective(slo: SLO) -> list[str]:
    unit = "events" if slo.signal.weight is Weight.EVENTS else "the time"
    period = annotations.format_period(slo.period)
    headline = f"{slo.id}: {format_decimal(slo.objective)} % of {unit} good over {period}"
    split = [f"one budget for each {', '.join(slo.signal.group_by)}"] if slo.signal.group_by else []
    return [headline, *_indent_lines([*" ".join(slo.description.split()).splitlines(), *split])]


def _explain_budget(slo: SLO) -> Iterator[str]:
    outage = burn_rate.compute_outage_budget(slo)
    yield f"{format_decimal(100 * slo.budget)} %: equal to a full outage of {outage}"
    if not slo.signal.is_event_count:
        yield f"not counted in events: {_explain_missing_counts(slo)}"
        if slo.signal.note:
            yield slo.signal.note
        return
    yield f"{burn_rate.describe_allowed_events(slo)} may fail; remaining events:"
    yield names.select_series(names.PERIOD_EVENTS_REMAINING, slo)
    if slo.budget:
        fewest = (1 / slo.budget).to_integral_value(rounding="ROUND_CEILING")
        yield f"with fewer than {fewest:,.0f} events a period, one failure exceeds the budget"


def _explain_missing_counts(slo: SLO) -> str:
    if slo.signal.weight is Weight.TIME:
        return "the query does not count events; every time slice has the same weight"
    return "the queries count samples, and an event can have any number of samples"


def _explain_alerts(slo: SLO) -> Iterator[str]:
    columns = (
        "severity",
        "burn rate",
        "over",
        "budget spent",
        *map(_format_share, burn_rate.ERROR_SHARES),
    )
    rows = [
        (
            str(burn.severity),
            f"{format_decimal(condition.factor, 2)}x",
            f"{condition.long} and {condition.short}",
            f"{format_decimal(100 * burn_rate.compute_budget_spent(slo, condition), 1)} %",
            *(
                _format_delay(slo, condition, share, burn.meta.for_)
                for share in burn_rate.ERROR_SHARES
            ),
        )
        for burn in slo.burn_alerts
        for condition in burn.conditions
    ]
    if rows:
        yield from _render_table(columns, rows)
    for burn in slo.burn_alerts:
        yield f"{burn.severity} is {burn.meta.name}{burn_rate.describe_timing(burn.meta)}"
        yield from _explain_lowered_factors(slo, burn)
    for threshold in slo.threshold_alerts:
        limit = f"above {format_decimal(100 * threshold.above)} % over {threshold.over}"
        yield f"{threshold.meta.name}: {limit}{burn_rate.describe_timing(threshold.meta)}"
    if slo.absent_alert:
        conditions = burn_rate.describe_timing(slo.absent_alert)
        yield f"{slo.absent_alert.name}: no events are counted{conditions}"


def _format_delay(slo: SLO, condition: BurnCondition, share: Decimal, hold: Duration | None) -> str:
    return str(burn_rate.compute_alert_delay(slo, condition, share, hold) or "-")


def _format_share(share: Decimal) -> str:
    return f"at {format_decimal(100 * share)} %"


def _explain_lowered_factors(slo: SLO, burn: BurnAlert) -> Iterator[str]:
    for condition in burn.conditions:
        if condition.factor != condition.configured_factor:
            configured_factor, factor = (
                format_decimal(condition.configured_factor, 2),
                format_decimal(condition.factor, 2),
            )
            share = format_decimal(100 * slo.budget)
            limit = f"{configured_factor}x a budget of {share} % is over 100 % errors"
            yield f"  {limit}; {factor}x is used"


def _explain_rules(slo: SLO, groups: Sequence[RuleGroup]) -> Iterator[str]:
    columns = ("group", "every", "rules", "raw samples", "recorded samples")
    costs = [(group, cost.compute_group_cost(slo, group)) for group in groups]
    yield from _render_table(
        columns,
        [
            (
                group.name,
                str(group.interval),
                str(len(group.rules)),
                str(group_cost.raw),
                str(group_cost.recorded),
            )
            for group, group_cost in costs
        ],
    )
    hourly = cost.compute_hourly_cost(slo, groups)
    suffix = " for each group" if slo.signal.group_by else ""
    yield (
        f"per hour: {hourly.raw:,} samples of each series that the SLI reads, "
        f"{hourly.recorded:,} recorded samples{suffix}"
    )


def _explain_approximations(slo: SLO) -> Iterator[str]:
    fine, coarse, slow = slo.steps.fine, slo.steps.coarse, slo.steps.slow
    if slo.signal.note and slo.signal.is_event_count:
        yield slo.signal.note
    if slo.signal.is_event_count:
        yield f"short windows are counted in steps of {fine}, with the next scrape"
        yield f"long windows are counted in steps of {coarse}, {slo.steps.coarse_delay} later"
        gap = f"long windows include the events of scrape gaps of up to {slo.steps.max_gap}"
        if counts_native_histograms(slo.signal.total):
            gap = "the events of a scrape gap between two steps are not counted"
        yield gap
    elif slo.signal.weight is Weight.TIME:
        yield f"a time slice is {fine}; slices without a value are ignored"
    if slo.steps.delay.ms:
        yield f"samples are read {slo.steps.delay} late, so every alert is {slo.steps.delay} later"
    if untested := find_untested_reason(slo):
        yield f"there is no generated test of the counted events: {untested}"
    if slo.signal.histogram:
        yield "quantiles are interpolated within a bucket of the histogram"
    if slo.signal.histogram and slo.signal.histogram.is_native:
        yield "the share of errors is interpolated within the bucket of the threshold"
    slow_windows = [
        window for window in slo.windows if window not in alert_rules.list_fine_group_windows(slo)
    ]
    listed = ", ".join(map(str, sorted({*slow_windows, slo.period})))
    yield f"{listed}: evaluated every {slow}, in steps of {coarse}"
    yield "the period starts when the rules are first evaluated"


def _render_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    lines = [columns, *rows]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _indent_lines(lines: Iterator[str] | Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]
