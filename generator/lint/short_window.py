"""A rate over a window of fewer than two scrapes, which has no value."""

from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.lint._subject import LintFinding, QuerySubject, SloSubject
from slos.schema import promql
from slos.schema.problem import ProblemSeverity
from slos.schema.units import Duration

ID = "short-window"
ALWAYS = True

_MIN_SCRAPES = 2
# Functions that need two samples.
_TWO_SAMPLE_FUNCTIONS = {"rate", "irate", "increase", "delta", "idelta", "deriv"}


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Windows of an SLO that are shorter than two scrapes."""
    slo = subject.slo
    min_window = slo.steps.scrape * _MIN_SCRAPES
    for window in slo.windows:
        if window < min_window:
            yield LintFinding(
                ("alerting",),
                f"the window {window} is shorter than two scrapes of {slo.steps.scrape}",
                "use a longer window, or set 'scrape_interval' to the actual interval",
                ProblemSeverity.ERROR,
            )
    yield from _find_short_ranges(subject.queries, slo.steps.scrape, ("sli",))


def check_query(subject: QuerySubject) -> Iterator[LintFinding]:
    """Ranges of a standalone alert or recording that are shorter than two scrapes."""
    yield from _find_short_ranges(subject.queries, subject.scrape, ("query",))


def _find_short_ranges(
    queries: Sequence[str], scrape: Duration, path: tuple[str, ...]
) -> Iterator[LintFinding]:
    """Fixed ranges in queries that are shorter than two scrapes."""
    ranges = {
        (node.func.name, Duration.from_parts(seconds=argument.range.total_seconds())): None
        for query in queries
        for node in promql.walk_nodes(promql.parse_template(query))
        if isinstance(node, ast.Call) and node.func.name in _TWO_SAMPLE_FUNCTIONS
        for argument in node.args
        if isinstance(argument, ast.MatrixSelector)
    }
    for function, length in ranges:
        if length < scrape * _MIN_SCRAPES:
            yield LintFinding(
                path,
                f"{function}() over {length} is shorter than two scrapes of {scrape}",
                "use a longer range, or set 'scrape_interval' to the actual interval",
                ProblemSeverity.ERROR,
            )
