"""The vocabulary between specs and files: a resolved SLO, rules, groups, artifacts.

Nothing optional is left open here: every default has been decided by `resolve`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import PurePosixPath

from slos.schema.runbook import Runbook, nothing_known
from slos.schema.signal import Signal
from slos.schema.spec import Spec
from slos.schema.units import Duration


class Severity(StrEnum):
    """How an alert reaches a person."""

    PAGE = "page"
    TICKET = "ticket"


@dataclass(frozen=True, slots=True)
class Firing:
    """Name, wording and timing of an alert, and what people know of it."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    for_: Duration | None = None
    keep_firing_for: Duration | None = None
    min_events: int | None = None
    runbook: Runbook = field(default_factory=nothing_known)


@dataclass(frozen=True, slots=True)
class BurnCondition:
    """Fires while both windows burn the budget faster than `factor`.

    Attributes:
        factor: burn rate; 1 spends the whole budget in exactly one period.
        wanted: the rate its window asks for; `factor` is lower where that could never fire.
        short: window that ends the alert soon after the trouble ends.
        long: window that tells a trend from a blip.
    """

    factor: Decimal
    wanted: Decimal
    short: Duration
    long: Duration


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """Either condition fires it."""

    severity: Severity
    conditions: tuple[BurnCondition, ...]
    firing: Firing


@dataclass(frozen=True, slots=True)
class ThresholdAlert:
    """Fires while the error ratio over a window is above a threshold."""

    above: Decimal
    over: Duration
    firing: Firing


@dataclass(frozen=True, slots=True)
class Steps:
    """How often events are counted.

    Attributes:
        scrape: interval between two samples of the raw series.
        fine: the step in which events are counted for short windows.
        coarse: the step in which they are counted for long ones.
        slow: interval of the rules over long windows.
    """

    scrape: Duration
    fine: Duration
    coarse: Duration
    slow: Duration


@dataclass(frozen=True, slots=True)
class SLO:
    """A promise with everything decided.

    Attributes:
        objective: in percent, 0 to 100, exact.
        windows: every window whose error ratio is recorded, shortest first.
        labels: the user's labels, for series that people read; those of the run included.
        run_labels: those of the run: the same specs built with others are other SLOs.
        burn_alerts: page first.
        absent_alert: None when switched off.
        expected_events: in a period, as the spec says; None where it does not.
    """

    service: str
    name: str
    description: str
    objective: Decimal
    period: Duration
    steps: Steps
    windows: tuple[Duration, ...]
    labels: Mapping[str, str]
    run_labels: Mapping[str, str]
    signal: Signal
    burn_alerts: tuple[BurnAlert, ...]
    threshold_alerts: tuple[ThresholdAlert, ...]
    absent_alert: Firing | None
    expected_events: int | None = None

    @property
    def id(self) -> str:
        """Sloth's id, unique over all specs of a build."""
        return f"{self.service}-{self.name}"

    @property
    def firings(self) -> tuple[Firing, ...]:
        """All alerts of the SLO."""
        burning = (alert.firing for alert in self.burn_alerts)
        above = (alert.firing for alert in self.threshold_alerts)
        absent = (self.absent_alert,) if self.absent_alert else ()
        return (*burning, *above, *absent)

    @property
    def budget(self) -> Decimal:
        """The share of events that may fail, 0 to 1, exact."""
        return (100 - self.objective) / 100


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """A Prometheus recording rule."""

    record: str
    expr: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """A Prometheus alerting rule."""

    alert: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    for_: Duration | None = None
    keep_firing_for: Duration | None = None


Rule = RecordingRule | AlertingRule


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules evaluated together, in order, every `interval`; None for Prometheus' own."""

    name: str
    interval: Duration | None
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class RuleObject:
    """What the Kubernetes object of some rules is called.

    Attributes:
        namespace: empty where the spec names none.
        labels: by which operators and people find it.
        complete: nothing is to be added, not even what this run says of objects.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """What becomes of one spec.

    Attributes:
        groups: its rules.
        named: where it was a Kubernetes object itself.
        slos: those of the exact profile, for what is made of them beside rules.
        spec: itself, in the exact profile.
    """

    groups: tuple[RuleGroup, ...]
    named: RuleObject | None = None
    slos: tuple[SLO, ...] = ()
    spec: Spec | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that goes into one file.

    Attributes:
        path: of the file, relative to the format's folder.
        sources: the specs it comes from, for the header.
        parts: in file order.
    """

    path: PurePosixPath
    sources: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def groups(self) -> tuple[RuleGroup, ...]:
        """The groups of all parts."""
        return tuple(group for part in self.parts for group in part.groups)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file to be written, its path relative to the output folder.

    Attributes:
        keeps_notes: what its team wrote into it stays, see `notes`.
    """

    path: PurePosixPath
    text: str
    keeps_notes: bool = False
