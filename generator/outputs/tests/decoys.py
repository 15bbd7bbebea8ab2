"""Decoys: series that differ from an example in one label, so that a query must leave them out.

Each differs in a label that a matcher asks for. A correct matcher never selects a decoy. Without
the matcher, or with another one, the value of the query is very different.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import promql_parser as ast

from generator import names
from generator.outputs.tests.promtool_file import Rising, Series
from slos.schema import promql
from slos.schema.examples import ExampleSeries
from slos.schema.units import Duration

Labels = Mapping[str, str]

# Above any example, for sums and maxima, and below any example, for minima.
_MUCH, _LITTLE = Decimal(1_000_000_000), Decimal(-1)
_OTHERS = ("other", "another")
# The label of a bucket's bound; another value would not be a number.
_BORDER, _INFINITE = "le", "+Inf"


def of_query(
    query: str, examples: Sequence[ExampleSeries], scrape: Duration, samples: int
) -> tuple[Series | Rising, ...]:
    """Build the decoys of all matchers of a query, with as many samples as its test has."""
    selectors = selectors_of(query)
    found: dict[str, Series | Rising] = {}
    for selector in selectors:
        for example in _first(selector, examples):
            for labels, large in _decoys(selector, example):
                if not any(takes(each, selector.name or "", labels) for each in selectors):
                    name = names.series(selector.name or "", labels)
                    for decoy in _course(name, example, scrape, samples, large=large):
                        found.setdefault(name, decoy)
    return tuple(found.values())


def takes(selector: ast.VectorSelector, metric: str, labels: Labels) -> bool:
    """Check whether a selector selects a series."""
    return selector.name == metric and all(
        matches(matcher, labels.get(matcher.name, "")) for matcher in selector.matchers.matchers
    )


def matches(matcher: ast.Matcher, value: str) -> bool:
    """Check whether a matcher matches a value."""
    match str(matcher.op).removeprefix("MatchOp."):
        case "Equal":
            return value == matcher.value
        case "NotEqual":
            return value != matcher.value
        case "Re":
            return re.fullmatch(matcher.value, value) is not None
    return re.fullmatch(matcher.value, value) is None


def taken_by(pattern: str) -> str:
    """Find a text that a simple regular expression matches; any character becomes a zero."""
    return re.sub(
        r"\\(.)|\[(.)[^]]*\][*+?]?|\.[*+?]?",
        lambda found: found.group(1) or found.group(2) or "0",
        pattern,
    )


def _first(
    selector: ast.VectorSelector, examples: Sequence[ExampleSeries]
) -> Iterator[ExampleSeries]:
    """Choose one of the examples that a selector selects, and every bucket of a histogram.

    Decoys of all examples would add as many series again to queries that count series.
    """
    found = [each for each in examples if takes(selector, *read(each.series))]
    borders = [each for each in found if _BORDER in read(each.series)[1]]
    yield from borders or found[:1]


def _course(
    name: str, example: ExampleSeries, scrape: Duration, samples: int, *, large: bool
) -> Iterator[Series | Rising]:
    """Build a decoy: a large or small gauge, or a large counter, whose minimum no query takes."""
    if example.rate is None and example.rises is None:
        yield Series(name, [_MUCH if large else _LITTLE] * (samples + 1))
    elif large:
        # All observations of a histogram are in the last bucket, which changes the quantiles.
        lower = read(example.series)[1].get(_BORDER, _INFINITE) != _INFINITE
        yield Rising(name, Decimal(0) if lower else _MUCH * scrape.seconds, samples)


def _decoys(selector: ast.VectorSelector, example: ExampleSeries) -> Iterator[tuple[Labels, bool]]:
    labels = read(example.series)[1]
    for matcher in selector.matchers.matchers:
        if matcher.name != _BORDER:
            for value, large in _left_out_by(matcher):
                yield {**labels, matcher.name: value}, large


def _left_out_by(matcher: ast.Matcher) -> Iterator[tuple[str, bool]]:
    """List values that a matcher rejects, for a large and for a small decoy."""
    if "Not" in str(matcher.op):
        exact = "NotEqual" in str(matcher.op)
        yield (matcher.value if exact else taken_by(matcher.value.split("|")[0])), True
        return
    for value, large in zip(_OTHERS, (True, False), strict=True):
        if not matches(matcher, value):
            yield value, large


def selectors_of(query: str) -> list[ast.VectorSelector]:
    """List every series selector of a query or a template."""
    return list(_selectors(query))


def _selectors(query: str) -> Iterator[ast.VectorSelector]:
    for node in promql.walk(promql.parse_template(query)):
        if isinstance(node, ast.VectorSelector):
            yield node


def read(series: str) -> tuple[str, dict[str, str]]:
    """Parse metric and labels of an example's series."""
    node = promql.parse(series)
    if not isinstance(node, ast.VectorSelector):
        raise TypeError(f"{series} was read as one series before")
    return node.name or "", {each.name: each.value for each in node.matchers.matchers}
