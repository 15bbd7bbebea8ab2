"""A budget for each of very many groups."""

from collections.abc import Iterator

from generator.lint.subject import Facts, Finding, OfSlo

ID = "many-groups"
ALWAYS = False

# Labels whose values come and go, or have no end.
_ENDLESS = {
    "container_id", "id", "instance", "ip", "path", "pod", "request_id", "session", "trace_id",
    "uid", "uri", "url", "user", "user_id",
}  # fmt: skip
_MANY = 100


def of_slo(subject: OfSlo) -> Iterator[Finding]:
    """By the names of the labels that split it."""
    for label in sorted(_ENDLESS & set(subject.slo.signal.by)):
        yield Finding(
            ("sli",),
            f"there is one budget for each {label!r}, and there will be ever more of them",
            "split by what stays, such as a cluster or a region, or not at all",
        )


def live(_: OfSlo, facts: Facts) -> Iterator[Finding]:
    """By the series that its selectors find."""
    for selector, count in facts.series.items():
        if count > _MANY * _MANY:
            yield Finding(
                ("sli",),
                f"{selector} is {count:,} series, of which each rule reads every sample",
                "select fewer, or record a sum and read that",
            )
