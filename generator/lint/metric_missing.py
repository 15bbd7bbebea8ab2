"""A metric nobody exports."""

from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.lint.subject import Facts, Finding, OfQuery, OfSlo
from slos.schema import promql

ID = "no-such-metric"
ALWAYS = False

# What the rules of any SLO record, under names that are not the user's.
_OURS = ("slo:", "sloth_")


def live(subject: OfSlo, facts: Facts) -> Iterator[Finding]:
    """Metrics that are not there, and selectors of the total that find nothing of one that is.

    Errors may well have no series yet; of a histogram that is there, a bucket is another check's.
    """
    missing = list(_missing(subject.queries, subject.recorded, facts))
    yield from (_found(("sli",), metric) for metric in missing)
    for selector in subject.slo.signal.sources:
        metric = selector.partition("{")[0]
        told = metric in missing or _is_recorded(metric, subject.recorded)
        if not told and not facts.series.get(selector) and not promql.matches_label(selector, "le"):
            yield Finding(
                ("sli",),
                f"Prometheus has no series {selector}",
                "the metric is there, its labels are others; compare with /metrics of the service",
            )


def live_query(subject: OfQuery, facts: Facts) -> Iterator[Finding]:
    """Metrics of an alert or recording that are not there."""
    for metric in _missing(subject.queries, subject.recorded, facts):
        yield _found(("query",), metric)


def _missing(queries: Sequence[str], recorded: frozenset[str], facts: Facts) -> Iterator[str]:
    metrics = {
        node.name: None
        for query in queries
        for node in promql.walk(promql.parse_template(query))
        if isinstance(node, ast.VectorSelector) and node.name
    }
    for metric in metrics:
        there = facts.types.get(metric) or facts.metrics.get(metric)
        if not there and not _is_recorded(metric, recorded):
            yield metric


def _is_recorded(metric: str, recorded: frozenset[str]) -> bool:
    """Whether rules make it: before they first run it cannot be there."""
    return metric in recorded or metric.startswith(_OURS)


def _found(path: tuple[str, ...], metric: str) -> Finding:
    return Finding(
        path,
        f"Prometheus has no metric {metric}",
        "nobody exports it, or its name is another; compare with /metrics of the service",
    )
