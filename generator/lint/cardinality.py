"""A budget for each of very many groups."""

from collections.abc import Iterator

from generator.lint.subject import Facts, Finding, OfQuery, OfSlo
from slos.schema.grouping import labels_of

ID = "many-groups"
ALWAYS = False

# Labels whose values come and go, or have no end.
_ENDLESS = {
    "container_id", "id", "instance", "ip", "path", "pod", "request_id", "session", "trace_id",
    "uid", "uri", "url", "user", "user_id",
}  # fmt: skip
# What an alert or a recording is about, so that it can be found: few at any one time.
_TO_BE_FOUND = {"instance", "pod"}
_MANY = 100


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """By the names of the labels that split it."""
    for label in sorted(_ENDLESS & set(subject.slo.signal.by)):
        yield Finding(
            ("sli",),
            f"there is one budget for each {label!r}, and there will be ever more of them",
            "split by what stays, such as a cluster or a region, or not at all",
        )


def of_query(subject: OfQuery) -> Iterator[Finding]:
    """A plain alert or a recording for each of what never ends."""
    for label in sorted((_ENDLESS - _TO_BE_FOUND) & set(labels_of(subject.query))):
        yield Finding(
            ("query",),
            f"there is one result for each {label!r}, and there will be ever more of them",
            "group by what stays, such as a cluster or a region, or not at all",
        )


def live(_: OfSlo, facts: Facts) -> Iterator[Finding]:
    """By the series that its selectors find."""
    yield from _found(facts, ("sli",))


def live_query(_: OfQuery, facts: Facts) -> Iterator[Finding]:
    """The same of a plain alert or a recording."""
    yield from _found(facts, ("query",))


def _found(facts: Facts, path: tuple[str, ...]) -> Iterator[Finding]:
    for selector, count in facts.series.items():
        if count > _MANY * _MANY:
            yield Finding(
                path,
                f"{selector} is {count:,} series, of which each rule reads every sample",
                "select fewer, or record a sum and read that",
            )
