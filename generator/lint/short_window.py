"""A rate over a window of fewer than two scrapes, which has no value."""

from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.lint._subject import Finding, OfQuery, OfSlo
from slos.schema import promql
from slos.schema.problem import Severity
from slos.schema.units import Duration

ID = "short-window"
ALWAYS = True

_SCRAPES_IN_WINDOW = 2
# Functions that need two samples.
_OF_TWO = {"rate", "irate", "increase", "delta", "idelta", "deriv"}


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Windows of an SLO that are shorter than two scrapes."""
    slo = subject.slo
    least = slo.steps.scrape * _SCRAPES_IN_WINDOW
    for window in slo.windows:
        if window < least:
            yield Finding(
                ("alerting",),
                f"the window {window} is shorter than two scrapes of {slo.steps.scrape}",
                "make the window longer, or set 'scrape_interval' to what it is",
                Severity.ERROR,
            )
    yield from _found(subject.queries, slo.steps.scrape, ("sli",))


def of_query(subject: OfQuery) -> Iterator[Finding]:
    """Ranges of a standalone alert or recording that are shorter than two scrapes."""
    yield from _found(subject.queries, subject.scrape, ("query",))


def _found(queries: Sequence[str], scrape: Duration, path: tuple[str, ...]) -> Iterator[Finding]:
    """Fixed ranges in queries that are shorter than two scrapes."""
    read = {
        (node.func.name, Duration.of(seconds=argument.range.total_seconds())): None
        for query in queries
        for node in promql.walk(promql.parse_template(query))
        if isinstance(node, ast.Call) and node.func.name in _OF_TWO
        for argument in node.args
        if isinstance(argument, ast.MatrixSelector)
    }
    for function, length in read:
        if length < scrape * _SCRAPES_IN_WINDOW:
            yield Finding(
                path,
                f"{function}() over {length} is shorter than two scrapes of {scrape}",
                "make the range longer, or set 'scrape_interval' to what it is",
                Severity.ERROR,
            )
