"""An SLO, alert or recording with very many groups."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, QuerySubject, SloSubject
from generator.model import MetricFacts
from slos.schema.query_analysis import list_grouping_labels

ID = "many-groups"
ALWAYS = False

# Labels whose values change often or are unbounded.
_UNBOUNDED_LABELS = {
    "container_id", "id", "instance", "ip", "path", "pod", "request_id", "session", "trace_id",
    "uid", "uri", "url", "user", "user_id",
}  # fmt: skip
# Labels that identify the subject of an alert or recording; few values at any one time.
_IDENTIFYING_LABELS = {"instance", "pod"}
_MANY = 100


def check_slo(subject: SloSubject) -> Iterator[LintFinding]:
    """Labels of an SLI that have unbounded values."""
    for label in sorted(_UNBOUNDED_LABELS & set(subject.slo.signal.group_by)):
        yield LintFinding(
            ("sli",),
            f"there is one budget for each {label!r}, and there will be ever more of them",
            "split by what stays, such as a cluster or a region, or not at all",
        )


def check_query(subject: QuerySubject) -> Iterator[LintFinding]:
    """Labels of a standalone alert or recording that have unbounded values."""
    for label in sorted(
        (_UNBOUNDED_LABELS - _IDENTIFYING_LABELS) & set(list_grouping_labels(subject.query))
    ):
        yield LintFinding(
            ("query",),
            f"there is one result for each {label!r}, and there will be ever more of them",
            "group by what stays, such as a cluster or a region, or not at all",
        )


def check_live_slo(_: SloSubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Selectors of an SLI that match very many series."""
    yield from _find_wide_selectors(facts, ("sli",))


def check_live_query(_: QuerySubject, facts: MetricFacts) -> Iterator[LintFinding]:
    """Selectors of a standalone alert or recording that match very many series."""
    yield from _find_wide_selectors(facts, ("query",))


def _find_wide_selectors(facts: MetricFacts, path: tuple[str, ...]) -> Iterator[LintFinding]:
    for selector, count in facts.series.items():
        if count > _MANY * _MANY:
            yield LintFinding(
                path,
                f"{selector} is {count:,} series, of which each rule reads every sample",
                "select fewer, or record a sum and read that",
            )
