"""Alerts of a run as routing uses them: subject, severity and queries."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generator import names
from generator.model import SLO, Firing
from slos.schema.inhibits import Inhibits
from slos.schema.spec import Spec

Watched = tuple[Spec | None, Sequence[SLO]]
"""A spec, or None if it has no standalone rules, and its resolved SLOs."""

LESS = ("info", "warning")
"""The severities below a page, the lowest first. Any other severity may be a page."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert before Prometheus adds labels to it.

    Attributes:
        severity: value of its severity label; empty if it has none.
        queries: its own query, or the queries behind its SLO's recorded series.
        slo: the id of its SLO; empty for a standalone alert.
        is_error_alert: True if it is about burn rates or error ratios, not about missing data.
        position: of a standalone alert: the number of its spec and of the alert in it.
    """

    name: str
    severity: str
    queries: tuple[str, ...]
    slo: str = ""
    burns: bool = False
    heartbeat: bool = False
    inhibits: Inhibits | None = None
    path: tuple[int, int] | None = None

    @property
    def rank(self) -> int:
        """Urgency as a number. An unknown severity ranks highest, since it may be a page."""
        return LESS.index(self.severity) if self.severity in LESS else len(LESS)


def alerts(watched: Sequence[Watched]) -> tuple[Alert, ...]:
    """List every alert of a run."""
    return tuple(alert for number, each in enumerate(watched) for alert in _alerts(number, *each))


def _alerts(number: int, spec: Spec | None, slos: Sequence[SLO]) -> Iterator[Alert]:
    for slo in slos:
        for firing in slo.firings:
            yield _of_slo(slo, firing)
    for index, plain in enumerate(spec.alerts if spec else ()):
        yield Alert(
            name=plain.name,
            severity=plain.labels.get(names.SEVERITY, plain.severity),
            queries=(plain.query,),
            heartbeat=plain.heartbeat,
            inhibits=plain.inhibits,
            path=(number, index),
        )


def _of_slo(slo: SLO, firing: Firing) -> Alert:
    return Alert(
        name=firing.name,
        severity=firing.labels.get(names.SEVERITY, ""),
        queries=(slo.signal.total, slo.signal.errors),
        slo=slo.id,
        burns=firing is not slo.absent_alert,
    )
