"""Two alerts under one name."""

from collections.abc import Iterator

from generator.lint.subject import Finding, Named, OfRun

ID = "duplicate-alert"
ALWAYS = True


def of_run(subject: OfRun) -> Iterator[tuple[int, Finding]]:
    """Alerts of different SLOs, or beside them, that no silence or runbook can tell apart.

    In whichever file they stand. Two plain alerts of one name are an error already.
    """
    first: dict[str, Named] = {}
    for named in subject.alerts:
        other = first.setdefault(named.name, named)
        if other.owner != named.owner:
            yield (
                named.spec,
                Finding(
                    named.path,
                    f"the alert {named.name!r} is also one of {other.owner}, at {other.at}",
                    "give it a name of its own, or silences and runbooks mean both",
                ),
            )
