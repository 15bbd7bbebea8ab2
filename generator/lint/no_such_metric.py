"""A metric that does not exist in Prometheus."""

from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.lint._subject import Finding, OfQuery, OfSlo
from generator.model import Facts
from slos.schema import promql

ID = "no-such-metric"
ALWAYS = False

# Prefixes of the metrics that the rules of every SLO record.
_OURS = ("slo:", "sloth_")


def live(subject: OfSlo, facts: Facts) -> Iterator[Finding]:
    """Metrics of an SLI that do not exist, and selectors of its total that match no series.

    Errors may have no series yet. The buckets of a histogram have a check of their own.
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
    """Metrics of a standalone alert or recording that do not exist."""
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
    """Tell whether rules record a metric; it does not exist before they first run."""
    return metric in recorded or metric.startswith(_OURS)


def _found(path: tuple[str, ...], metric: str) -> Finding:
    return Finding(
        path,
        f"Prometheus has no metric {metric}",
        "nobody exports it, or its name is another; compare with /metrics of the service",
    )
