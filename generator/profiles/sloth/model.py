"""Model of Sloth: an SLO with floats and raw queries, and its rules in three groups."""

from collections.abc import Mapping
from dataclasses import dataclass

from generator import names
from generator.model import AlertSeverity, RuleGroup, Window, Windows
from generator.text import go
from slos.schema.sli_signal import EventQueries, RatioQuery
from slos.schema.units import Duration

_MS_AN_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class SlothAlert:
    """Burn-rate alert with Sloth's defaults merged in."""

    severity: AlertSeverity
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SlothSLO:
    """Resolved SLO of the sloth profile.

    Attributes:
        objective: in percent, a float as in Sloth.
        labels: the user's labels, on recorded series.
        alerts: the alerts that are not disabled, page first.
        mode: value of Sloth's label `sloth_mode`.
        dialect: dialect of the spec, for the label `sloth_spec`.
    """

    service: str
    name: str
    objective: float
    period: Duration
    labels: Mapping[str, str]
    queries: EventQueries | RatioQuery
    windows: Windows
    alerts: tuple[SlothAlert, ...]
    mode: str
    dialect: str

    @property
    def id(self) -> str:
        """Sloth's id."""
        return f"{self.service}-{self.name}"

    @property
    def identity(self) -> dict[str, str]:
        """Labels that identify the SLO."""
        return {names.ID: self.id, names.SERVICE: self.service, names.SLO_NAME: self.name}

    @property
    def window_lengths(self) -> list[Duration]:
        """Alert windows without duplicates, shortest first."""
        windows = (*self.windows.page, *self.windows.ticket)
        return sorted({w.short for w in windows} | {w.long for w in windows})

    @property
    def shortest_window(self) -> Duration:
        """Window of Sloth's current burn rate: the short window of the page's quick condition."""
        return self.windows.page[0].short

    def select_series(self, metric: str) -> str:
        """Selector of the series of a recorded metric that belong to the SLO, by its identity."""
        return metric + format_matchers(self.identity)

    def select_error_ratio(self, window: Duration) -> str:
        """Selector of the recorded error ratio over a window."""
        return self.select_series(names.name_error_ratio(window))


@dataclass(frozen=True, slots=True)
class SlothRules:
    """Rules of one SLO, which plugins change."""

    sli: RuleGroup
    meta: RuleGroup
    alerts: RuleGroup

    @classmethod
    def create_empty(cls, slo: SlothSLO) -> "SlothRules":
        """Create three empty groups with Sloth's names."""
        return cls(
            RuleGroup(f"sloth-slo-sli-recordings-{slo.id}", None, ()),
            RuleGroup(f"sloth-slo-meta-recordings-{slo.id}", None, ()),
            RuleGroup(f"sloth-slo-alerts-{slo.id}", None, ()),
        )

    @property
    def groups(self) -> tuple[RuleGroup, ...]:
        """Groups in file order, without empty ones."""
        return tuple(group for group in (self.sli, self.meta, self.alerts) if group.rules)


def format_matchers(labels: Mapping[str, str]) -> str:
    """Label matchers such as `{a="1", b="2"}`, sorted by name, with values quoted as in Go."""
    each = (f"{name}={go.quote_string(labels[name])}" for name in sorted(labels))
    return "{" + ", ".join(each) + "}"


def to_hours(length: Duration) -> float:
    """Hours of a duration, as Go's `Duration.Hours()`."""
    whole, rest = divmod(length.ms, _MS_AN_HOUR)
    return float(whole) + float(rest * 1_000_000) / (60 * 60 * 1e9)


def compute_sloth_burn_factor(window: Window, period: Duration) -> float:
    """Burn-rate factor: percent x period / long window, in Sloth's order of operations."""
    return float(window.percent) * to_hours(period) / 100 / to_hours(window.long)
