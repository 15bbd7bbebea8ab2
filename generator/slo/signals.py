"""Signals of SLIs as the rules read them: spellings of buckets, and labels that the spec sets."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation

import promql_parser as ast

from slos.schema.promql import (
    matches_value,
    parse_template,
    quote_string,
    walk_nodes,
    wrap_query,
)
from slos.schema.sli_signal import SliSignal, build_le_pattern

# A matcher of one bucket. Strings and comments come first, so that those within are skipped.
_BUCKET_MATCHER = re.compile(
    r"(?<![\w:])le\s*=\s*(?:\"(?P<double>[^\"\\]*)\"|'(?P<single>[^'\\]*)'|`(?P<raw>[^`]*)`)"
    r'|"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|\#[^\n]*'
)


def match_bucket_spellings(query: str) -> str:
    """Make a matcher of a bucket match every spelling of its bound: `le="5"` and `le="5.0"`.

    Clients for Go write `5`, those for Python `5.0`. Prometheus 3 stores either as `5.0`.
    """
    return _BUCKET_MATCHER.sub(_respell_matcher, query)


def _respell_matcher(match: re.Match[str]) -> str:
    bound = next((text for text in match.groups() if text), "")
    try:
        number = Decimal(bound)
    except InvalidOperation:
        return match.group()
    pattern = build_le_pattern(number) if number.is_finite() else ""
    return f"le=~{quote_string(pattern)}" if "|" in pattern else match.group()


def adapt_signal(signal: SliSignal, labels: Mapping[str, str]) -> SliSignal:
    """Adapt the signal of a hand-written SLI to the labels that its spec sets."""
    signal = replace(
        signal,
        errors=match_bucket_spellings(signal.errors),
        total=match_bucket_spellings(signal.total),
        sources=tuple(map(match_bucket_spellings, signal.sources)),
    )
    return _sum_over_labels(signal, _find_settable_labels(signal, labels))


def find_contradiction(signal: SliSignal, label: str, value: str) -> ast.Matcher | None:
    """Find a matcher in the queries that excludes a value of a label."""
    matchers = (
        matcher
        for template in (signal.total, signal.errors)
        for node in walk_nodes(parse_template(template))
        if isinstance(node, ast.VectorSelector)
        for matcher in node.matchers.matchers
    )
    return next(
        (each for each in matchers if each.name == label and not matches_value(each, value)), None
    )


def _find_settable_labels(signal: SliSignal, labels: Mapping[str, str]) -> set[str]:
    """Find the grouping labels that the spec may set; the others must tell the groups apart."""
    settable = {
        label
        for label in signal.group_by
        if label in labels and not find_contradiction(signal, label, labels[label])
    }
    return settable if settable < set(signal.group_by) else set()


def _sum_over_labels(signal: SliSignal, labels: Collection[str]) -> SliSignal:
    """Sum a signal over grouping labels, so that groups that differ only in these are one.

    Rules that overwrite these labels would fail otherwise: several series would have the same
    labels. Errors and total can be summed in every signal.
    """
    if not labels:
        return signal
    kept = tuple(label for label in signal.group_by if label not in labels)
    histogram = signal.histogram and replace(signal.histogram, group_by=kept)
    total, errors = (
        f"sum by ({', '.join(kept)}) {wrap_query(query)}" for query in (signal.total, signal.errors)
    )
    return replace(signal, errors=errors, total=total, group_by=kept, histogram=histogram)
