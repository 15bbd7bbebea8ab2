"""How many events a counter saw in one step: what stands for each `rate` of a query.

A query that can be added up is linear in its counters, so with the increments of a step in place
of each `rate` or `increase` its value is the number of events in that step.
"""

import re
from collections.abc import Callable

from slos.schema.promql import render
from slos.schema.units import Duration, plain

# Of the newest sample only the time is sure: until its scrape is over, it cannot be read.
_SAMPLES_AT_LEAST = 3


def _calls_of(*functions: str) -> re.Pattern[str]:
    """Finds calls of these functions and closing parentheses; strings and comments are passed."""
    return re.compile(
        r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|\#[^\n]*'
        rf"|(?<![\w:])(?P<call>(?P<name>{'|'.join(functions)})\s*\()|(?P<close>\))"
    )


_OF_INCREMENTS = _calls_of("rate", "increase")
_OF_SAMPLES = _calls_of("count_over_time", "sum_over_time")


def reach(step: Duration, scrape: Duration) -> Duration:
    """How far back a step that ends now reads raw series.

    One scrape more than the step, or the increment across its border would be lost. And never
    less than three scrapes: at the moment of an evaluation the newest sample may not be in yet,
    at every step alike, for neither scrapes nor steps move against each other. `rate` needs two
    more, or that target would never be counted.
    """
    return max(step + scrape, scrape * _SAMPLES_AT_LEAST)


def at_once(template: str, step: Duration, scrape: Duration) -> str:
    """The increments of the step that ends now, estimated from the samples that are in.

    The range is longer than the step, see `reach`, and the rate is scaled back to the step. And
    `rate` extrapolates from its samples to the whole range, but never to before the moment at
    which the counter would have been zero (`extrapolatedRate` in Prometheus'
    promql/functions.go): near zero, where every counter of errors stands after a restart, it
    loses up to a scrape. `delta` knows no such limit and is smaller wherever a counter was
    reset, so the greater one is right.
    """
    longer = reach(step, scrape)

    def greater(_: str, series: str) -> str:
        selected = render(series, str(longer))
        delta = f"delta({selected}) / {plain(longer.seconds)}"
        return f"(rate({selected}) > {delta} or {delta}) * {plain(step.seconds)}"

    return _replaced(template, _OF_INCREMENTS, greater)


def settled(template: str, step: Duration, scrape: Duration) -> str:
    """The increments of the step that ended a scrape ago, exact but for counters reset in it.

    The counter then, less the counter a step before: over many steps all but the first and the
    last cancel out, so nothing is lost in scrapes that failed. A scrape takes no longer than its
    interval, so a scrape ago all samples are in; a late one would be counted by neither step.

    Where a counter was reset, or has just appeared, `rate` scaled to the step has to do. A reset
    that its range does not see, because scrapes failed around it, shows in samples lower than
    the counter a step before; then all that the counter holds was counted since.
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
    """The samples of the step that ended a scrape ago.

    A sample carries the time at which its scrape began. One that comes in after the evaluation
    would be in no step: too late for its own, too old for the next. That of a target that is
    down comes in when its timeout is over, so it would be those that are lost. A scrape takes no
    longer than its interval, so a scrape ago all are in.

    The range is a millisecond short: Prometheus 2 would count a sample on the border twice.
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
    """The query with each call replaced, given its function and the range selector it holds.

    What is written in its place stands in parentheses, unless it `is_operand` or stands alone.
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
