"""Selectors of a query: the series that they select, and series that they must exclude.

Each excluded series differs from an example in one label that a matcher asks for. Without the
matcher, or with another one, the value of the query is very different.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import promql_parser as ast

from generator import names
from generator.outputs.tests.promtool_file import InputSeries, RisingSeries
from slos.schema import promql
from slos.schema.compatibility import list_label_matchers, read_metric_name
from slos.schema.examples import ExampleSeries
from slos.schema.units import Duration

Labels = Mapping[str, str]

# Above any example, for sums and maxima, and below any example, for minima.
_MUCH, _LITTLE = Decimal(1_000_000_000), Decimal(-1)
_OTHER_VALUES = ("other", "another")
# The label of a bucket's bound; another value would not be a number.
_BUCKET_LABEL, _INFINITE = "le", "+Inf"


def build_excluded_series(
    query: str, examples: Sequence[ExampleSeries], scrape: Duration, samples: int
) -> tuple[InputSeries | RisingSeries, ...]:
    """Build the excluded series of a query, with as many samples as its test has."""
    selectors = list_selectors(query)
    excluded: dict[str, InputSeries | RisingSeries] = {}
    for selector in selectors:
        for example in _choose_examples(selector, examples):
            for labels, large in _list_excluded_labels(selector, example):
                metric = read_metric_name(selector)
                if not any(selects_series(each, metric, labels) for each in selectors):
                    name = names.format_series(metric, labels)
                    for series in _build_excluded_series(
                        name, example, scrape, samples, is_large=large
                    ):
                        excluded.setdefault(name, series)
    return tuple(excluded.values())


def selects_series(selector: ast.VectorSelector, metric: str, labels: Labels) -> bool:
    """Check whether a selector selects a series."""
    return read_metric_name(selector) == metric and all(
        promql.matches_value(matcher, labels.get(matcher.name, ""))
        for matcher in list_label_matchers(selector)
    )


def find_matching_text(pattern: str) -> str:
    """Find a text that a simple regular expression matches; any character becomes a zero."""
    return re.sub(
        r"\\(.)|\[(.)[^]]*\][*+?]?|\.[*+?]?",
        lambda found: found.group(1) or found.group(2) or "0",
        pattern,
    )


def _choose_examples(
    selector: ast.VectorSelector, examples: Sequence[ExampleSeries]
) -> Iterator[ExampleSeries]:
    """Choose one of the examples that a selector selects, and every bucket of a histogram.

    Decoys of all examples would add as many series again to queries that count series.
    """
    selected = [each for each in examples if selects_series(selector, *parse_series(each.series))]
    borders = [each for each in selected if _BUCKET_LABEL in parse_series(each.series)[1]]
    yield from borders or selected[:1]


def _build_excluded_series(
    name: str, example: ExampleSeries, scrape: Duration, samples: int, *, is_large: bool
) -> Iterator[InputSeries | RisingSeries]:
    """Build a series: a large or small gauge, or a large counter, whose minimum no query takes."""
    if example.rate is None and example.rises is None:
        yield InputSeries(name, [_MUCH if is_large else _LITTLE] * (samples + 1))
    elif is_large:
        # All observations of a histogram are in the last bucket, which changes the quantiles.
        is_lower_bucket = parse_series(example.series)[1].get(_BUCKET_LABEL, _INFINITE) != _INFINITE
        yield RisingSeries(name, Decimal(0) if is_lower_bucket else _MUCH * scrape.seconds, samples)


def _list_excluded_labels(
    selector: ast.VectorSelector, example: ExampleSeries
) -> Iterator[tuple[Labels, bool]]:
    labels = parse_series(example.series)[1]
    for matcher in list_label_matchers(selector):
        if matcher.name != _BUCKET_LABEL:
            for value, large in _list_rejected_values(matcher):
                yield {**labels, matcher.name: value}, large


def _list_rejected_values(matcher: ast.Matcher) -> Iterator[tuple[str, bool]]:
    """List values that a matcher rejects, for a large and for a small series."""
    if "Not" in str(matcher.op):
        is_exact = "NotEqual" in str(matcher.op)
        yield (matcher.value if is_exact else find_matching_text(matcher.value.split("|")[0])), True
        return
    for value, large in zip(_OTHER_VALUES, (True, False), strict=True):
        if not promql.matches_value(matcher, value):
            yield value, large


def list_selectors(query: str) -> list[ast.VectorSelector]:
    """List every series selector of a query or a template."""
    return list(_walk_selectors(query))


def _walk_selectors(query: str) -> Iterator[ast.VectorSelector]:
    for node in promql.walk_nodes(promql.parse_template(query)):
        if isinstance(node, ast.VectorSelector):
            yield node


def parse_series(series: str) -> tuple[str, dict[str, str]]:
    """Parse metric and labels of an example's series."""
    node = promql.parse_query(series)
    if not isinstance(node, ast.VectorSelector):
        raise TypeError(f"{series} was read as one series before")
    return read_metric_name(node), {each.name: each.value for each in list_label_matchers(node)}
