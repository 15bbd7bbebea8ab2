"""Two alerts with the same name."""

from collections.abc import Iterator

from generator.lint._subject import Finding, Named, OfRun

ID = "duplicate-alert"
ALWAYS = True


def of_run(subject: OfRun) -> Iterator[tuple[int, Finding]]:
    """Alerts of different SLOs, or of an SLO and a standalone alert, with the same name.

    Silences and runbooks cannot distinguish them. They may be in different files. Two standalone
    alerts with the same name are an error without this check.
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
