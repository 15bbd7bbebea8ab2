"""An SLO as Sloth sees it: floats, plain queries, and rules in three groups."""

from collections.abc import Mapping
from dataclasses import dataclass

from generator import go_format, names
from generator.burn import Window, Windows
from generator.model import RuleGroup, Severity
from slos.schema.signal import EventQueries, RatioQuery
from slos.schema.units import Duration

_MS_AN_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class SlothAlert:
    """A burn-rate alert with Sloth's defaults merged in."""

    severity: Severity
    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SlothSLO:
    """A promise with everything decided, as the sloth profile has it.

    Attributes:
        objective: in percent, a float as in Sloth.
        labels: the user's, on recorded series.
        alerts: page first; those that are not disabled.
        mode: how Sloth's label `sloth_mode` names the way it was built.
        dialect: what the spec was written in, for the label `sloth_spec`.
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
        """The labels that tell this SLO from every other."""
        return {names.ID: self.id, names.SERVICE: self.service, names.SLO_NAME: self.name}

    @property
    def lengths(self) -> list[Duration]:
        """The alert windows, each once, shortest first."""
        windows = (*self.windows.page, *self.windows.ticket)
        return sorted({w.short for w in windows} | {w.long for w in windows})

    @property
    def shortest(self) -> Duration:
        """The window that Sloth takes for "now": the page's quick short one."""
        return self.windows.page[0].short

    def series(self, metric: str) -> str:
        """The series of a recorded metric that belong to this SLO, whatever users relabel."""
        return metric + matchers(self.identity)

    def error_ratio(self, window: Duration) -> str:
        """The recorded error ratio over a window."""
        return self.series(names.error_ratio(window))


@dataclass(frozen=True, slots=True)
class SlothRules:
    """The rules of one SLO while plugins work on them."""

    sli: RuleGroup
    meta: RuleGroup
    alerts: RuleGroup

    @classmethod
    def none_yet(cls, slo: SlothSLO) -> "SlothRules":
        """Three empty groups under Sloth's names."""
        return cls(
            RuleGroup(f"sloth-slo-sli-recordings-{slo.id}", None, ()),
            RuleGroup(f"sloth-slo-meta-recordings-{slo.id}", None, ()),
            RuleGroup(f"sloth-slo-alerts-{slo.id}", None, ()),
        )

    @property
    def groups(self) -> tuple[RuleGroup, ...]:
        """In file order; an empty group is left out."""
        return tuple(group for group in (self.sli, self.meta, self.alerts) if group.rules)


def matchers(labels: Mapping[str, str]) -> str:
    """`{a="1", b="2"}`, sorted by name, values as Go quotes them."""
    each = (f"{name}={go_format.quoted(labels[name])}" for name in sorted(labels))
    return "{" + ", ".join(each) + "}"


def hours(length: Duration) -> float:
    """Go's `Duration.Hours()`."""
    whole, rest = divmod(length.ms, _MS_AN_HOUR)
    return float(whole) + float(rest * 1_000_000) / (60 * 60 * 1e9)


def burn_factor(window: Window, period: Duration) -> float:
    """Percent of the budget, times period, over the long window, in Sloth's order."""
    return float(window.percent) * hours(period) / 100 / hours(window.long)
