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
            f"the label {label!r} has an unbounded number of values, each with its own budget",
            "group by a label with few values, such as the cluster or the region, or do not group",
        )


def check_query(subject: QuerySubject) -> Iterator[LintFinding]:
    """Labels of a standalone alert or recording that have unbounded values."""
    for label in sorted(
        (_UNBOUNDED_LABELS - _IDENTIFYING_LABELS) & set(list_grouping_labels(subject.query))
    ):
        yield LintFinding(
            ("query",),
            f"the label {label!r} has an unbounded number of values, each with its own result",
            "group by a label with few values, such as the cluster or the region, or do not group",
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
                f"{selector} matches {count:,} series, and each rule reads all their samples",
                "select fewer series, or record their sum and read the recording",
            )
