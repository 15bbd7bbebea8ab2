"""All alerts of a run as routing looks at them: what they are about, and what they read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from generator import names
from generator.model import SLO, Firing
from slos.schema.inhibits import Inhibits
from slos.schema.spec import Spec

Watched = tuple[Spec | None, Sequence[SLO]]
"""A spec, where it has alerts or recordings of its own, and its resolved SLOs."""

LESS = ("info", "warning")
"""The severities below a page, the least first; what else a label says may be anything."""


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert before Prometheus has labelled it.

    Attributes:
        severity: as its label says; empty where it does not.
        queries: what it reads, in the end or through its SLO's own series.
        slo: the id of its SLO; empty for a plain alert.
        burns: it says that a budget burns, or that a limit is passed.
        path: of a plain alert: where it stands, as the number of its spec and of the alert in it.
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
        """How urgent it is; a severity that nobody knows may be the highest."""
        return LESS.index(self.severity) if self.severity in LESS else len(LESS)


def alerts(watched: Sequence[Watched]) -> tuple[Alert, ...]:
    """Every alert of a run."""
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
