"""Two alerts with the same name."""

from collections.abc import Iterator

from generator.lint._subject import LintFinding, NamedAlert, RunSubject

ID = "duplicate-alert"
ALWAYS = True


def check_run(subject: RunSubject) -> Iterator[tuple[int, LintFinding]]:
    """Alerts of different SLOs, or of an SLO and a standalone alert, with the same name.

    Silences and runbooks cannot distinguish them. They may be in different files. Two standalone
    alerts with the same name are an error without this check.
    """
    alerts: dict[str, NamedAlert] = {}
    for alert in subject.alerts:
        first = alerts.setdefault(alert.name, alert)
        if first.owner != alert.owner:
            yield (
                alert.spec_index,
                LintFinding(
                    alert.path,
                    f"duplicate alert name {alert.name!r}, "
                    f"used by {first.owner} at {first.position}",
                    "rename one of the alerts; silences and runbooks match both",
                ),
            )
