"""A metric that does not exist in Prometheus."""

from collections.abc import Iterator, Sequence

import promql_parser as ast

from generator.lint import _series
from generator.lint._subject import LintFinding, QuerySubject, SloSubject
from generator.model import MetricFacts
from slos.schema import promql
from slos.schema.compatibility import read_metric_name

ID = "no-such-metric"
ALWAYS = False

# Prefixes of the metrics that the rules of every SLO record.
_OWN_PREFIXES = ("slo:", "sloth_")


def check_live_slo(subject: SloSubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Metrics of an SLI that do not exist, and selectors of its total that match no series.

    Errors may have no series yet. Buckets, and labels without series, have checks of their own.
    """
    missing = list(_find_missing_metrics(subject.queries, subject.recorded_metrics, facts))
    yield from (_build_finding(("sli",), metric) for metric in missing)
    for selector in sorted(_series.list_needed_selectors(subject)):
        metric = promql.read_selector_metric(selector)
        is_known = metric in missing or _is_recorded(metric, subject.recorded_metrics)
        if (
            not is_known
            and not facts.series.get(selector)
            and not promql.has_label_matcher(selector, "le")
            and not any(_series.describe_faults(selector, facts, is_needed=True))
        ):
            histogram = subject.slo.signal.histogram
            hint = "the metric exists with other labels; compare with /metrics of the service"
            if histogram and histogram.is_native:
                hint = "scrape native histograms, or remove 'native' if the histogram is classic"
            yield LintFinding(("sli",), f"Prometheus has no series {selector}", hint)


def check_live_query(subject: QuerySubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Metrics of a standalone alert or recording that do not exist."""
    for metric in _find_missing_metrics(subject.queries, subject.recorded_metrics, facts):
        yield _build_finding(("query",), metric)


def _find_missing_metrics(
    queries: Sequence[str], recorded_metrics: frozenset[str], facts: MetricFacts
) -> Iterator[str]:
    metrics = {
        read_metric_name(node): None
        for query in queries
        for node in promql.walk_nodes(promql.parse_template(query))
        if isinstance(node, ast.VectorSelector)
    }
    for metric in filter(None, metrics):
        exists = facts.types.get(metric) or facts.metrics.get(metric)
        if not exists and not _is_recorded(metric, recorded_metrics):
            yield metric


def _is_recorded(metric: str, recorded_metrics: frozenset[str]) -> bool:
    """Tell whether rules record a metric; it does not exist before they first run."""
    return metric in recorded_metrics or metric.startswith(_OWN_PREFIXES)


def _build_finding(path: tuple[str, ...], metric: str) -> LintFinding:
    return LintFinding(
        path,
        f"Prometheus has no metric {metric}",
        "check the name of the metric in /metrics of the service",
    )
