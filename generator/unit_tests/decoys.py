"""Decoys: series that a query leaves out by one label only, and that would change its value much.

Each differs from a series of the example in one label that a matcher asks for. With the matcher as
it should be, no decoy is ever read; without it, or with another, the value is another.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import promql_parser as ast

from generator import names
from generator.unit_tests.case import Rising, Series
from slos.schema import promql
from slos.schema.example import ExampleSeries
from slos.schema.units import Duration

Labels = Mapping[str, str]

# More than any example, for sums and maxima; and as little as there can be, for minima.
_MUCH, _LITTLE = Decimal(1_000_000_000), Decimal(-1)
_OTHERS = ("other", "another")
# No label of a thing but a border of a bucket; any other is no number.
_BORDER, _INFINITE = "le", "+Inf"


def of_query(
    query: str, examples: Sequence[ExampleSeries], scrape: Duration, samples: int
) -> tuple[Series | Rising, ...]:
    """The decoys of all matchers of a query, for as long as its test lasts."""
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
    """Whether a selector selects a series."""
    return selector.name == metric and all(
        matches(matcher, labels.get(matcher.name, "")) for matcher in selector.matchers.matchers
    )


def matches(matcher: ast.Matcher, value: str) -> bool:
    """Whether a matcher takes a value."""
    match str(matcher.op).removeprefix("MatchOp."):
        case "Equal":
            return value == matcher.value
        case "NotEqual":
            return value != matcher.value
        case "Re":
            return re.fullmatch(matcher.value, value) is not None
    return re.fullmatch(matcher.value, value) is None


def taken_by(pattern: str) -> str:
    """A text that a simple regular expression takes; a character that is any is a zero."""
    return re.sub(
        r"\\(.)|\[(.)[^]]*\][*+?]?|\.[*+?]?",
        lambda found: found.group(1) or found.group(2) or "0",
        pattern,
    )


def _first(
    selector: ast.VectorSelector, examples: Sequence[ExampleSeries]
) -> Iterator[ExampleSeries]:
    """One of what a selector selects, and of a histogram each bucket.

    As many as there are would be as many again for who counts them.
    """
    found = [each for each in examples if takes(selector, *read(each.series))]
    borders = [each for each in found if _BORDER in read(each.series)[1]]
    yield from borders or found[:1]


def _course(
    name: str, example: ExampleSeries, scrape: Duration, samples: int, *, large: bool
) -> Iterator[Series | Rising]:
    """Much or little of a gauge; much of a counter, of which no minimum is taken."""
    if example.rate is None and example.rises is None:
        yield Series(name, [_MUCH if large else _LITTLE] * (samples + 1))
    elif large:
        # Of a histogram, all is in the last bucket: quantiles are others then.
        lower = read(example.series)[1].get(_BORDER, _INFINITE) != _INFINITE
        yield Rising(name, Decimal(0) if lower else _MUCH * scrape.seconds, samples)


def _decoys(selector: ast.VectorSelector, example: ExampleSeries) -> Iterator[tuple[Labels, bool]]:
    labels = read(example.series)[1]
    for matcher in selector.matchers.matchers:
        if matcher.name != _BORDER:
            for value, large in _left_out_by(matcher):
                yield {**labels, matcher.name: value}, large


def _left_out_by(matcher: ast.Matcher) -> Iterator[tuple[str, bool]]:
    """Values that a matcher does not take, for much and for little."""
    if "Not" in str(matcher.op):
        exact = "NotEqual" in str(matcher.op)
        yield (matcher.value if exact else taken_by(matcher.value.split("|")[0])), True
        return
    for value, large in zip(_OTHERS, (True, False), strict=True):
        if not matches(matcher, value):
            yield value, large


def selectors_of(query: str) -> list[ast.VectorSelector]:
    """Every series selector of a query or a template."""
    return list(_selectors(query))


def _selectors(query: str) -> Iterator[ast.VectorSelector]:
    for node in promql.walk(promql.parse_template(query)):
        if isinstance(node, ast.VectorSelector):
            yield node


def read(series: str) -> tuple[str, dict[str, str]]:
    """Metric and labels of an example's series."""
    node = promql.parse(series)
    if not isinstance(node, ast.VectorSelector):
        raise TypeError(f"{series} was read as one series before")
    return node.name or "", {each.name: each.value for each in node.matchers.matchers}
