"""What is odd about an SLO although every key of it is right."""

from collections.abc import Iterator
from dataclasses import dataclass

from generator import names
from generator.model import SLO
from generator.model import Severity as AlertSeverity
from slos.schema import contract
from slos.schema.problem import Severity
from slos.schema.spec import SloSpec
from slos.schema.units import plain

_SCRAPES_IN_WINDOW = 2
_REMEDIATION = "lambda_function"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of one SLO; the path leads from the SLO to the key it is about."""

    path: tuple[str, ...]
    message: str
    hint: str = ""
    severity: Severity = Severity.WARNING


def findings(slo: SLO, spec: SloSpec) -> Iterator[Finding]:
    """All findings about a resolved SLO and the spec it was resolved from."""
    if slo.signal.note:
        message, _, hint = slo.signal.note.partition("; ")
        yield Finding(("sli",), message, hint)
    yield from _unreachable(slo)
    yield from _too_short(slo)
    yield from _odd_windows(slo)
    yield from _clashing_labels(slo)
    yield from _remediation_loop(slo)
    yield from _reserved_labels(slo, spec)
    if spec.plugins:
        yield Finding(
            ("plugins",),
            "Sloth's SLO plugins are Go programs and are passed over",
            "the exact profile has its own rules",
        )


def _unreachable(slo: SLO) -> Iterator[Finding]:
    for alert in slo.burn_alerts:
        for condition in alert.conditions:
            if condition.factor != condition.wanted:
                yield Finding(
                    ("objective",),
                    f"the {alert.severity} condition over {condition.long} could never fire: "
                    f"burn rate {plain(condition.wanted, 4)} times a budget of "
                    f"{plain(slo.budget)} is 100 % errors or more; it was moved to "
                    f"{plain(condition.factor)}, the highest that can",
                    "raise the objective, or set 'windows' of your own",
                )


def _too_short(slo: SLO) -> Iterator[Finding]:
    least = slo.steps.scrape * _SCRAPES_IN_WINDOW
    for window in slo.windows:
        if window < least:
            yield Finding(
                ("alerting",),
                f"the window {window} is shorter than two scrapes of {slo.steps.scrape}",
                "make the window longer, or set 'scrape_interval' to what it is",
                Severity.ERROR,
            )


def _odd_windows(slo: SLO) -> Iterator[Finding]:
    """Windows of the spec's own that make no promise."""
    for alert in slo.burn_alerts:
        for condition in alert.conditions:
            if condition.long > slo.period:
                yield Finding(
                    ("alerting", "windows"),
                    f"the {alert.severity} window {condition.long} is longer than the period "
                    f"{slo.period}",
                    "shorten it, or lengthen the period",
                    Severity.ERROR,
                )
            elif alert.severity is AlertSeverity.PAGE and condition.wanted < 1:
                yield Finding(
                    ("alerting", "windows"),
                    f"the page over {condition.long} fires at {plain(condition.wanted, 4)} times "
                    "the allowed rate, while the objective is met",
                    "raise error_budget_percent, or shorten the long window",
                )


def _remediation_loop(slo: SLO) -> Iterator[Finding]:
    """An alert about agent-sre must not make agent-sre act on itself."""
    named = any(_REMEDIATION in firing.annotations for firing in slo.firings)
    if named and slo.service == contract.SERVICE:
        yield Finding(
            ("alerting",),
            f"an alert about {contract.SERVICE} names a {_REMEDIATION}",
            "remove the annotation: a failing agent would call it again and again",
            Severity.ERROR,
        )


def _clashing_labels(slo: SLO) -> Iterator[Finding]:
    """A fixed label over a grouping label would give all groups the same labels."""
    for label in sorted({*slo.labels, *names.RESERVED} & set(slo.signal.by)):
        yield Finding(
            ("sli",),
            f"the SLI is split by {label!r}, which is also a label of the SLO",
            "its groups could not be told apart; rename the label, or split by another",
            Severity.ERROR,
        )


def _reserved_labels(slo: SLO, spec: SloSpec) -> Iterator[Finding]:
    alerting = spec.alerting
    given = {*slo.labels, *alerting.labels}
    for alert in (alerting.page_alert, alerting.ticket_alert, alerting.absent_alert):
        given |= set(alert.labels)
    for label in sorted(given & set(names.RESERVED)):
        yield Finding(
            ("labels",),
            f"the label {label!r} tells SLOs apart and cannot be set",
            "choose another name; this one is passed over",
        )
