"""Two alerts under one name."""

from collections.abc import Iterator

from generator.lint.subject import Finding, OfSpec

ID = "duplicate-alert"
ALWAYS = True


def of_spec(subject: OfSpec) -> Iterator[Finding]:
    """Alerts of different SLOs, or beside them, that no silence or runbook can tell apart."""
    first: dict[str, str] = {}
    for path, owner, name in subject.alerts:
        other = first.setdefault(name, owner)
        if other != owner:
            yield Finding(
                path,
                f"the alert {name!r} is also one of {other}",
                "give it a name of its own, or silences and runbooks mean both",
            )
