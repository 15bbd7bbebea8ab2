"""Subjects of checks, and their findings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generator.model import SLO, AlertMeta
from slos.schema.problem import ProblemSeverity
from slos.schema.spec import SloSpec, Spec
from slos.schema.standalone import StandaloneAlert
from slos.schema.units import Duration
from slos.schema.yaml.document import Location


@dataclass(frozen=True, slots=True)
class LintFinding:
    """Finding of a check.

    Attributes:
        path: path from the SLO, alert or spec to the key.
        message: fault.
        hint: remedy.
        severity: error or warning; warnings can be silenced.
        may_be_meant: whether an error can be silenced too, as the value may be meant as written.
    """

    path: Location
    message: str
    hint: str = ""
    severity: ProblemSeverity = ProblemSeverity.WARNING
    may_be_meant: bool = False

    @property
    def can_be_silenced(self) -> bool:
        """Tell whether a silence applies; other errors mean wrong rules."""
        return self.severity is ProblemSeverity.WARNING or self.may_be_meant


@dataclass(frozen=True, slots=True)
class SloSubject:
    """SLO as the subject of a check.

    Attributes:
        slo: resolved SLO.
        slo_spec: SLO as written.
        retention: how long Prometheus keeps samples; None where unknown.
        recorded_metrics: metrics that this build records, which no exporter has.
        types: type of each metric, where a Prometheus knows it.
    """

    slo: SLO
    slo_spec: SloSpec
    retention: Duration | None = None
    recorded_metrics: frozenset[str] = frozenset()
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def queries(self) -> tuple[str, ...]:
        """Queries of the SLO's rules that read raw series."""
        return (self.slo.signal.total, self.slo.signal.errors)

    @property
    def written_queries(self) -> dict[str, str]:
        """Queries that the spec has, by their key in the SLI; none of a type that builds them."""
        sli = self.slo_spec.sli.get_type()
        return {key: getattr(sli, key) for key in type(sli).model_fields if key.endswith("query")}


@dataclass(frozen=True, slots=True)
class AlertSubject:
    """Standalone alert as the subject of a check.

    Attributes:
        meta: name, labels and annotations of the alert.
        query: query whose value the alert compares.
        spec: spec of the alert.
        alert: alert as written.
        types: type of each metric, where a Prometheus knows it.
    """

    meta: AlertMeta
    query: str
    spec: Spec
    alert: StandaloneAlert
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QuerySubject:
    """Query of a standalone alert or recording as the subject of a check.

    Attributes:
        query: query as written.
        scrape: scrape interval.
        recorded_metrics: metrics that this build records, which no exporter has.
        types: type of each metric, where a Prometheus knows it.
    """

    query: str
    scrape: Duration
    recorded_metrics: frozenset[str] = frozenset()
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def queries(self) -> tuple[str, ...]:
        """Tuple of the query, so that a check reads it like the queries of an SLO."""
        return (self.query,)


@dataclass(frozen=True, slots=True)
class SpecSubject:
    """Whole spec as the subject of a check.

    Attributes:
        spec: spec as written.
        now: Unix time of a review; 0 for a build.
    """

    spec: Spec
    now: float = 0.0


@dataclass(frozen=True, slots=True)
class NamedAlert:
    """Name of an alert with its owner and position.

    Attributes:
        path: path of the key that a finding is about.
        owner: owner of the alert as text, such as `the SLO 'a-b'`.
        name: name of the alert.
        position: position of the alert as text.
        spec_index: index of the spec in its run.
    """

    path: Location
    owner: str
    name: str
    position: str
    spec_index: int = 0


@dataclass(frozen=True, slots=True)
class RunSubject:
    """All specs of a run as the subject of a check.

    Attributes:
        alerts: alerts of SLOs and standalone alerts, in the order of reading.
        specs: specs as written, each with its resolved SLOs.
    """

    alerts: tuple[NamedAlert, ...]
    specs: tuple[tuple[Spec | None, Sequence[SLO]], ...] = ()
