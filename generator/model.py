"""Data types between specs and files: a resolved SLO, rules, rule groups, plans, artifacts.

Every default is already decided here; `resolve` does that.
"""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from pathlib import PurePosixPath

from slos.schema.alerting import InhibitionSpec, Response
from slos.schema.runbook import Runbook, get_empty_runbook
from slos.schema.sli_signal import SliSignal
from slos.schema.spec import Spec
from slos.schema.units import Duration
from slos.schema.yaml.parts import Place


class AlertSeverity(StrEnum):
    """Severity of an alert: a page wakes somebody, a ticket waits for office hours."""

    PAGE = "page"
    TICKET = "ticket"


class Engine(StrEnum):
    """Engine that evaluates the rules: its functions, and when it can read what a rule recorded."""

    PROMETHEUS = "prometheus"
    """Prometheus, the ruler of Mimir, and Thanos Ruler with storage of its own."""
    THANOS = "thanos"
    """Thanos Ruler that sends what it records to remote storage (stateless)."""
    VICTORIA_METRICS = "victoriametrics"
    """VictoriaMetrics with vmalert."""

    @property
    def writes_late(self) -> bool:
        """Tell whether recorded samples can be read one evaluation later only."""
        return self is not Engine.PROMETHEUS


@dataclass(frozen=True, slots=True)
class AlertMeta:
    """Name, labels, annotations and timing of an alert, and the runbook facts of its spec.

    Attributes:
        office_hours: whether a ticket is notified in office hours only.
    """

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    for_: Duration | None = None
    keep_firing_for: Duration | None = None
    min_events: int | None = None
    min_errors: int | None = None
    office_hours: bool = True
    inhibits: InhibitionSpec | None = None
    respond: Response | None = None
    runbook: Runbook = field(default_factory=get_empty_runbook, hash=False)  # it has lists


@dataclass(frozen=True, slots=True)
class BurnCondition:
    """Burn-rate condition: true while both windows burn the budget faster than `factor`.

    Attributes:
        factor: burn rate; 1 spends the whole budget in exactly one period.
        configured_factor: burn rate of the configured window; `factor` is lower where the
            configured one could never be exceeded.
        short: short window, which ends the alert soon after the errors end.
        long: long window, which ignores short peaks.
    """

    factor: Decimal
    configured_factor: Decimal
    short: Duration
    long: Duration


@dataclass(frozen=True, slots=True)
class BurnAlert:
    """Burn-rate alert; it fires while one of its conditions is true."""

    severity: AlertSeverity
    conditions: tuple[BurnCondition, ...]
    meta: AlertMeta


@dataclass(frozen=True, slots=True)
class ThresholdAlert:
    """Alert that fires while the error ratio over a window is above a threshold, 0 to 1."""

    above: Decimal
    over: Duration
    meta: AlertMeta


@dataclass(frozen=True, slots=True)
class ExpectedGroups:
    """Groups of a split SLO whose disappearance is an alert.

    Attributes:
        seen_within: time within which a missing group had events.
        transient: label matchers of groups that may disappear; empty for none.
    """

    seen_within: Duration
    transient: str


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps in which the events of an SLO are counted.

    Attributes:
        scrape: scrape interval of the raw series.
        fine: step of the fine tier, which short windows are summed from.
        coarse: step of the coarse tier, which long windows are summed from.
        slow: evaluation interval of the rules over long windows.
        delay: age of the newest sample that is read; zero unless samples arrive late.
        coarse_delay: age of the newest sample that the coarse tier reads.
        max_gap: longest gap between two scrapes that the coarse tier counts across.
    """

    scrape: Duration
    fine: Duration
    coarse: Duration
    slow: Duration
    delay: Duration
    coarse_delay: Duration
    max_gap: Duration


@dataclass(frozen=True)
class SLO:
    """Resolved SLO: every default is decided.

    Attributes:
        objective: in percent, 0 to 100, exact.
        period: over which the objective holds.
        windows: every window whose error ratio is recorded, shortest first.
        labels: the user's labels, for series that people read; the run's labels included.
        run_labels: labels of the run; the same specs built with other run labels are other SLOs.
        burn_alerts: page first.
        absent_alert: None when switched off.
        expected_groups: None without an alert on missing data, and where the SLO has no groups.
        in_no_data_alert: whether the alert on missing data of the spec lists the SLO.
        expected_events: events expected in a period; None where the spec does not say.
        engine: engine that evaluates the rules.
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
    signal: SliSignal
    burn_alerts: tuple[BurnAlert, ...]
    threshold_alerts: tuple[ThresholdAlert, ...]
    absent_alert: AlertMeta | None
    expected_groups: ExpectedGroups | None = None
    in_no_data_alert: bool = False
    expected_events: int | None = None
    engine: Engine = Engine.PROMETHEUS

    @cached_property
    def id(self) -> str:
        """Sloth's id, unique among all specs of a build."""
        return f"{self.service}-{self.name}"

    @property
    def alert_metas(self) -> tuple[AlertMeta, ...]:
        """Metadata of all alerts of the SLO."""
        burn_rate = (alert.meta for alert in self.burn_alerts)
        error_ratio = (alert.meta for alert in self.threshold_alerts)
        absent = (self.absent_alert,) if self.absent_alert else ()
        return (*burn_rate, *error_ratio, *absent)

    @cached_property
    def budget(self) -> Decimal:
        """Error budget: the share of events that may fail, 0 to 1, exact."""
        return (100 - self.objective) / 100


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """Prometheus recording rule."""

    record: str
    expr: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """Prometheus alerting rule."""

    alert: str
    expr: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    for_: Duration | None = None
    keep_firing_for: Duration | None = None


Rule = RecordingRule | AlertingRule


@dataclass(frozen=True, slots=True)
class RuleGroup:
    """Rules evaluated in order every `interval`; None means Prometheus' global interval.

    Attributes:
        slo: id of the SLO that the group belongs to; empty for a standalone group.
    """

    name: str
    interval: Duration | None
    rules: Sequence[Rule]
    slo: str = ""


@dataclass(frozen=True, slots=True)
class RuleObjectMeta:
    """Metadata of the Kubernetes object that holds the rules of a spec.

    Attributes:
        namespace: empty where the spec names none.
        labels: labels that operators select it by.
        complete: whether the namespace and labels of the run's object settings are left out.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    complete: bool = False


@dataclass(frozen=True, slots=True)
class SpecPlan:
    """Planned output of one spec.

    Attributes:
        groups: rule groups of the spec.
        object_meta: metadata of the Kubernetes object, where the spec was one.
        slos: resolved SLOs of the exact profile, for the outputs other than rules.
        spec: the spec, in the exact profile only.
    """

    groups: tuple[RuleGroup, ...]
    object_meta: RuleObjectMeta | None = None
    slos: tuple[SLO, ...] = ()
    spec: Spec | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Planned content of one output file.

    Attributes:
        path: path of the file, relative to the folder of the format.
        sources: the spec files it comes from, for the header.
        spec_plans: plans of the specs in file order.
    """

    path: PurePosixPath
    sources: tuple[str, ...]
    spec_plans: tuple[SpecPlan, ...]

    @property
    def groups(self) -> tuple[RuleGroup, ...]:
        """Rule groups of all specs."""
        return tuple(group for spec_plan in self.spec_plans for group in spec_plan.groups)


@dataclass(frozen=True, slots=True)
class Artifact:
    """Generated file; its path is relative to the output folder.

    Attributes:
        keeps_notes: whether the team notes in the existing file are preserved, see `notes`.
        is_object: whether the file holds Kubernetes objects; the kustomization of its folder lists
            it then.
        digest: digest of the text where only that is known, since the last build wrote the file.
    """

    path: PurePosixPath
    text: str
    keeps_notes: bool = False
    is_object: bool = False
    digest: str = ""


@dataclass(frozen=True, slots=True)
class PackedArtifact:
    """Generated file of which many are kept in memory.

    Attributes:
        path: path below the folder of its format.
        digest: digest of its text.
        is_object: whether the file holds Kubernetes objects.
        packed: compressed text; None where the last build wrote it.
    """

    path: PurePosixPath
    digest: str
    is_object: bool
    packed: bytes | None = None

    @classmethod
    def pack(cls, artifact: Artifact) -> "PackedArtifact":
        """Pack an artifact without team notes."""
        packed = zlib.compress(artifact.text.encode(), level=1)
        return cls(artifact.path, compute_digest(artifact.text), artifact.is_object, packed)

    def unpack(self) -> Artifact:
        """Unpack the artifact; one of the last build has no text but its digest."""
        if self.packed is None:
            return Artifact(self.path, "", is_object=self.is_object, digest=self.digest)
        text = zlib.decompress(self.packed).decode()
        return Artifact(self.path, text, is_object=self.is_object)


def compute_digest(text: str) -> str:
    """Digest of the text of a file."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class SpecFile:
    """Spec file as read.

    Attributes:
        display_name: name in problems, as the user would type it.
        path: path below the input folder; outputs are named after it.
        data: content of the file.
        left_out: parts that are not built, by their line and column.
    """

    display_name: str
    path: PurePosixPath
    data: bytes
    left_out: frozenset[Place] = frozenset()


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """Facts that a live Prometheus has about the metrics of an SLO or of another query.

    Attributes:
        types: type of each metric, from its metadata.
        series: number of series that each selector matches.
        metrics: number of series of each metric without a type.
        samples: number of samples that one evaluation of all queries reads.
        events: number of events of an SLO in the last period; None where they are not counted.
        labels: labels of the series of each metric, and their values where a matcher names one.
        other_values: values of a gauge that are neither 0 nor 1.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, int] = field(default_factory=dict)
    samples: int = 0
    events: float | None = None
    labels: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    other_values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """Alert window pair: `percent` of the period's budget is spent within `long`.

    The same burn rate must hold over `short`.
    """

    percent: Decimal
    short: Duration
    long: Duration


@dataclass(frozen=True, slots=True)
class Windows:
    """Four alert windows of a period: a quick and a slow one for the page and for the ticket."""

    page: tuple[Window, Window]
    ticket: tuple[Window, Window]
