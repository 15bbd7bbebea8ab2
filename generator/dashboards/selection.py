"""Selectors and joins of the recorded series, with the variables of a dashboard in them."""

from dataclasses import dataclass

from generator import names, panels
from generator.dashboards.facts import Facts

FIRING = 'alertstate="firing"'
# The severities by which alerts are routed. Other alerts are routed by Sloth's severity.
_NAMED = "critical|warning|info"
_PAGES = (
    (f'{names.SEVERITY}="critical"',),
    (
        f'{names.SEVERITY}!~"{_NAMED}"',
        f'{names.SLOTH_SEVERITY}="page"',
    ),
)
_OTHERS = (
    (f'{names.SEVERITY}=~"warning|info"',),
    (
        f'{names.SEVERITY}!~"{_NAMED}"',
        f'{names.SLOTH_SEVERITY}!="page"',
    ),
)


@dataclass(frozen=True, slots=True)
class Selection:
    """The SLO or the services that are selected in a dashboard.

    Attributes:
        inventory: the labels that exist.
        matcher: the matcher of the SLO or of the services.
    """

    facts: Facts
    chosen: str

    @property
    def key(self) -> str:
        """Labels on which series of one SLO are joined."""
        return ", ".join((names.ID, *self.facts.run_labels))

    @property
    def identity(self) -> str:
        """Labels that identify an SLO for people."""
        return f"{names.SERVICE}, {names.SLO_NAME}, {self.key}"

    def of(self, metric: str, *matchers: str) -> str:
        """Select a metric with one series for each SLO."""
        return _selector(metric, *matchers, self.chosen, *_by(self.facts.run_labels))

    def firing(self, *matchers: str) -> str:
        """Select the firing alerts of the selection."""
        return firing(self.facts, *matchers, self.chosen, *_by(self.facts.run_labels))

    def pages(self) -> str:
        """Select the firing alerts that are pages, with an SLO or without."""
        return " or ".join(self.firing(*severity) for severity in _PAGES)

    def others(self) -> str:
        """Select the firing alerts that are no pages."""
        return " or ".join(self.firing(*severity) for severity in _OTHERS)

    def split(self, metric: str, *matchers: str) -> str:
        """Select a metric with one series for each group of an SLO."""
        within = _by(self.facts.grouping)
        return _selector(metric, *matchers, self.chosen, *_by(self.facts.run_labels), *within)

    def times(self, measured: str, metric: str, operator: str = "*") -> str:
        """Join series of each group with the series of their SLO."""
        return f"{measured} {operator} on ({self.key}) group_left () {self.of(metric)}"

    @property
    def groups(self) -> str:
        """Part of a legend that tells groups apart."""
        return "".join(f" {{{{{label}}}}}" for label in self.facts.grouping)

    def alerts(self, metric: str = "ALERTS", *matchers: str) -> str:
        """Select alerts, joined with the URLs of their runbooks where these are known."""
        key = f"{names.ALERT}, {names.SERVICE}, {self.key}"
        told = f"max by ({key}, {names.RUNBOOK_URL}) ({names.ALERT_INFO})"
        found = self.of(metric, *matchers)
        if metric != "ALERTS":
            found = f"({found} and ignoring (alertstate) {self.of('ALERTS', FIRING)})"
        return (
            f"{found} * on ({key}) group_left ({names.RUNBOOK_URL}) {told}"
            f" or {found} unless on ({key}) {names.ALERT_INFO}"
        )


def firing(facts: Facts, *matchers: str) -> str:
    """Select firing alerts without heartbeats, which always fire."""
    return _selector("ALERTS", FIRING, *facts.no_heartbeat, *matchers)


def of_slo(facts: Facts) -> Selection:
    """Select one SLO."""
    return Selection(facts, f'{names.ID}="$slo"')


def of_services(facts: Facts) -> Selection:
    """Select all SLOs of some services."""
    return Selection(facts, f'{names.SERVICE}=~"$service"')


def _by(labels: tuple[str, ...]) -> list[str]:
    return [f'{label}=~"${panels.variable(label)}"' for label in labels]


def _selector(metric: str, *matchers: str) -> str:
    return f"{metric}{{{', '.join(matchers)}}}"
