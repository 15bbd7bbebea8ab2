"""How many events a counter saw in one step: what stands for each `rate` of a query.

A query that can be added up is linear in its counters, so with the increments of a step in place
of each `rate` or `increase` its value is the number of events in that step.
"""

import re
from collections.abc import Callable

from slos.schema.promql import render
from slos.schema.units import Duration, plain

_TOKEN = re.compile(
    r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|\#[^\n]*'
    r"|(?<![\w:])(?P<call>(?:rate|increase)\s*\()|(?P<close>\))"
)


def at_once(template: str, step: Duration, scrape: Duration) -> str:
    """The increments of the step that ends now, estimated from the samples that are in.

    A range as long as the step misses the increment across its border, so the range is one
    scrape longer and the rate is scaled back to the step. And `rate` extrapolates from its
    samples to the whole range, but never to before the moment at which the counter would have
    been zero (`extrapolatedRate` in Prometheus' promql/functions.go): near zero, where every
    counter of errors stands after a restart, it loses up to that scrape. `delta` knows no such
    limit and is smaller wherever a counter was reset, so the greater one is right.
    """
    longer = step + scrape

    def greater(series: str) -> str:
        selected = render(series, str(longer))
        delta = f"delta({selected}) / {plain(longer.seconds)}"
        return f"(rate({selected}) > {delta} or {delta}) * {plain(step.seconds)}"

    return _replaced(template, greater)


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

    def difference(series: str) -> str:
        within = f"{render(series, str(step))} offset {scrape}"
        now = f"{render(series, str(longer))} offset {scrape}"
        before = f"last_over_time({render(series, str(longer))} offset {longer})"
        return (
            f"\n  last_over_time({now})"
            f"\n  - {before} * (min_over_time({within}) >= bool {before})"
            f"\n  unless resets({now}) > 0"
            f"\n  or rate({now}) * {plain(step.seconds)}\n"
        )

    return _replaced(template, difference)


def _replaced(template: str, increments: Callable[[str], str]) -> str:
    """The query with each call replaced, given the text of the range selector it holds."""
    parts, copied, call = [], 0, None
    for token in _TOKEN.finditer(template):
        if token["call"]:
            call = token
        elif token["close"] and call:
            written = increments(template[call.end() : token.start()])
            before, after = template[copied : call.start()], template[token.end() :]
            alone = before.rstrip().endswith("(") and after.lstrip().startswith(")")
            parts += [before, written if alone else f"({written})"]
            copied, call = token.end(), None
    return "".join([*parts, template[copied:]]).strip()
