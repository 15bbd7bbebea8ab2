"""An SLO, alert or recording with very many groups."""

from collections.abc import Iterator

from generator.lint._subject import Finding, OfQuery, OfSlo
from generator.model import Facts
from slos.schema.query_analysis import labels_of

ID = "many-groups"
ALWAYS = False

# Labels whose values change often or are unbounded.
_ENDLESS = {
    "container_id", "id", "instance", "ip", "path", "pod", "request_id", "session", "trace_id",
    "uid", "uri", "url", "user", "user_id",
}  # fmt: skip
# Labels that identify the subject of an alert or recording; few values at any one time.
_TO_BE_FOUND = {"instance", "pod"}
_MANY = 100


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """Labels of an SLI that have unbounded values."""
    for label in sorted(_ENDLESS & set(subject.slo.signal.by)):
        yield Finding(
            ("sli",),
            f"there is one budget for each {label!r}, and there will be ever more of them",
            "split by what stays, such as a cluster or a region, or not at all",
        )


def of_query(subject: OfQuery) -> Iterator[Finding]:
    """Labels of a standalone alert or recording that have unbounded values."""
    for label in sorted((_ENDLESS - _TO_BE_FOUND) & set(labels_of(subject.query))):
        yield Finding(
            ("query",),
            f"there is one result for each {label!r}, and there will be ever more of them",
            "group by what stays, such as a cluster or a region, or not at all",
        )


def live(_: OfSlo, facts: Facts) -> Iterator[Finding]:
    """Selectors of an SLI that match very many series."""
    yield from _found(facts, ("sli",))


def live_query(_: OfQuery, facts: Facts) -> Iterator[Finding]:
    """Selectors of a standalone alert or recording that match very many series."""
    yield from _found(facts, ("query",))


def _found(facts: Facts, path: tuple[str, ...]) -> Iterator[Finding]:
    for selector, count in facts.series.items():
        if count > _MANY * _MANY:
            yield Finding(
                path,
                f"{selector} is {count:,} series, of which each rule reads every sample",
                "select fewer, or record a sum and read that",
            )
