"""A label, or a value of one, that no series of the metric has."""

from collections.abc import Iterator

from generator.lint import _series
from generator.lint._subject import LintFinding, QuerySubject, SloSubject
from generator.model import MetricFacts
from slos.schema import promql
from slos.schema.query_analysis import list_grouping_labels

ID = "no-such-label"
ALWAYS = False


def check_live_slo(subject: SloSubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Labels and values of an SLI that no series of their metric has."""
    for message, hint in dict.fromkeys(_describe_labels(subject, facts)):
        yield LintFinding(("sli",), message, hint)


def check_live_query(subject: QuerySubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Labels and values of a standalone alert or recording that no series of their metric has."""
    faults = [
        fault
        for selector in promql.list_selectors(subject.query)
        for fault in _series.describe_faults(selector, facts, is_needed=False)
    ]
    metrics = [each.partition("{")[0] for each in promql.list_selectors(subject.query)]
    for label in list_grouping_labels(subject.query) if len(metrics) == 1 else ():
        fault = _series.describe_missing_label(label, metrics[0], facts)
        faults += [fault] if fault else []
    for message, hint in dict.fromkeys(faults):
        yield LintFinding(("query",), message, hint)


def _describe_labels(subject: SloSubject, facts: MetricFacts) -> Iterator[tuple[str, str]]:
    needed = _series.list_needed_selectors(subject)
    for selector in _list_selectors(subject.queries):
        yield from _series.describe_faults(selector, facts, is_needed=selector in needed)
    for label in subject.slo.signal.group_by:
        for selector in subject.slo.signal.sources:
            fault = _series.describe_missing_label(label, selector.partition("{")[0], facts)
            if fault:
                yield fault


def _list_selectors(queries: tuple[str, ...]) -> Iterator[str]:
    for query in queries:
        yield from promql.list_selectors(query)
