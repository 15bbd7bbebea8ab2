"""Increase of counters in one step, which replaces each `rate` and `increase` of a query.

A summable query is linear in its counters. With the increase of a step in the place of each
`rate` or `increase`, its value is the number of events in that step.
"""

import re
from collections.abc import Callable

from slos.schema.promql import render
from slos.schema.units import Duration, plain

# `rate` needs two samples, and the newest one may not have arrived while its scrape runs.
_SAMPLES_AT_LEAST = 3


def _calls_of(*functions: str) -> re.Pattern[str]:
    """Pattern of calls of functions and closing parentheses; it skips strings and comments."""
    return re.compile(
        r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|\#[^\n]*'
        rf"|(?<![\w:])(?P<call>(?P<name>{'|'.join(functions)})\s*\()|(?P<close>\))"
    )


_OF_INCREMENTS = _calls_of("rate", "increase")
_OF_SAMPLES = _calls_of("count_over_time", "sum_over_time")


def reach(step: Duration, scrape: Duration) -> Duration:
    """Range over which raw series are read for the step that ends now.

    It is one scrape longer than the step, or the increase across the border would be lost. It is
    at least three scrapes. The newest sample may not have arrived at the evaluation; as scrapes
    and steps keep their distance, that is then so at every step. `rate` needs two samples more,
    or the target would never be counted.
    """
    return max(step + scrape, scrape * _SAMPLES_AT_LEAST)


def at_once(template: str, step: Duration, scrape: Duration) -> str:
    """Expression of the increase in the step that ends now, estimated from the samples so far.

    The range is longer than the step, see `compute_range`, and the rate is scaled to the step.
    `rate` extrapolates from its samples to the whole range, but not to before the time at
    which the counter would have been zero (`extrapolatedRate` in Prometheus'
    promql/functions.go). Near zero, as an error counter is after a restart, it loses up to one
    scrape. `delta` has no such limit and is smaller wherever a counter was reset, so the greater
    one is right.
    """
    longer = reach(step, scrape)

    def greater(_: str, series: str) -> str:
        selected = render(series, str(longer))
        delta = f"delta({selected}) / {plain(longer.seconds)}"
        return f"(rate({selected}) > {delta} or {delta}) * {plain(step.seconds)}"

    return _replaced(template, _OF_INCREMENTS, greater)


def settled(template: str, step: Duration, scrape: Duration) -> str:
    """Expression of the increase in the step that ended one scrape ago.

    It is exact unless the counter was reset in the step: the counter at the end of the step minus
    the counter at its start. Over many steps all values but the first and the last cancel out, so
    failed scrapes lose nothing. A scrape takes no longer than its interval, so all samples of that
    step have arrived; a later sample would be counted in neither step.

    Where a counter was reset or has just appeared, `rate` scaled to the step is used instead. A
    reset that its range does not hold, because scrapes failed around it, shows in samples lower
    than the counter one step before; then the whole value of the counter is the increase.
    """
    longer = step + scrape

    def difference(_: str, series: str) -> str:
        within = f"{render(series, str(step))} offset {scrape}"
        now = f"{render(series, str(longer))} offset {scrape}"
        before = f"last_over_time({render(series, str(longer))} offset {longer})"
        return (
            f"\n  last_over_time({now})"
            f"\n  - {before} * (min_over_time({within}) >= bool {before})"
            f"\n  unless resets({now}) > 0"
            f"\n  or rate({now}) * {plain(step.seconds)}\n"
        )

    return _replaced(template, _OF_INCREMENTS, difference)


def sampled(template: str, step: Duration, scrape: Duration) -> str:
    """Expression of the number or sum of samples in the step that ended one scrape ago.

    A sample has the time at which its scrape began. One that arrives after the evaluation would
    be in no step: too late for its own, too old for the next. The samples of a target that is
    down arrive after the scrape timeout, so these would be lost. A scrape takes no longer than
    its interval, so one scrape later all have arrived.

    The range is one millisecond shorter: Prometheus 2 would count a sample on the border twice.
    """
    within = str(Duration(step.ms - 1))

    def shifted(function: str, series: str) -> str:
        return f"{function}({render(series, within)} offset {scrape})"

    return _replaced(template, _OF_SAMPLES, shifted, is_operand=True)


def _replaced(
    template: str,
    calls: re.Pattern[str],
    written_as: Callable[[str, str], str],
    *,
    is_operand: bool = False,
) -> str:
    """Replace each call in a query.

    `render_call` gets the function and the range selector of a call. Its result is put in
    parentheses, unless it `is_operand` or is the only argument of another call.
    """
    parts, copied, call = [], 0, None
    for token in calls.finditer(template):
        if token["call"]:
            call = token
        elif token["close"] and call:
            written = written_as(call["name"], template[call.end() : token.start()])
            before, after = template[copied : call.start()], template[token.end() :]
            alone = before.rstrip().endswith("(") and after.lstrip().startswith(")")
            parts += [before, written if alone or is_operand else f"({written})"]
            copied, call = token.end(), None
    return "".join([*parts, template[copied:]]).strip()
