"""What checks look at, and what they find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from generator.model import SLO, Firing
from slos.schema.document import Location
from slos.schema.problem import Severity
from slos.schema.spec import SloSpec, Spec
from slos.schema.units import Duration


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem; the path leads from the SLO, alert or spec to the key it is about."""

    path: Location
    message: str
    hint: str = ""
    severity: Severity = Severity.WARNING


@dataclass(frozen=True, slots=True)
class OfSlo:
    """An SLO under review.

    Attributes:
        slo: resolved.
        written: as its spec says it.
        retention: how long Prometheus keeps samples, where that is known.
        recorded: metrics that this build records, which no exporter has.
    """

    slo: SLO
    written: SloSpec
    retention: Duration | None = None
    recorded: frozenset[str] = frozenset()

    @property
    def queries(self) -> tuple[str, ...]:
        """The queries that its rules read raw series with."""
        return (self.slo.signal.total, self.slo.signal.errors)


@dataclass(frozen=True, slots=True)
class OfAlert:
    """A plain alert under review.

    Attributes:
        firing: its name, labels and annotations.
        query: what it compares.
        spec: the spec it stands in.
    """

    firing: Firing
    query: str
    spec: Spec


@dataclass(frozen=True, slots=True)
class OfQuery:
    """The query of a plain alert or of a recording under review.

    Attributes:
        query: as written.
        scrape: the distance of samples.
        recorded: metrics that this build records, which no exporter has.
    """

    query: str
    scrape: Duration
    recorded: frozenset[str] = frozenset()

    @property
    def queries(self) -> tuple[str, ...]:
        """The one query, so that a check can look at it like at those of an SLO."""
        return (self.query,)


@dataclass(frozen=True, slots=True)
class OfSpec:
    """All of a spec under review.

    Attributes:
        spec: as written.
    """

    spec: Spec


@dataclass(frozen=True, slots=True)
class Named:
    """An alert by its name.

    Attributes:
        spec: which spec it stands in, counted from 0.
        path: of the key it is about.
        owner: whose it is, in words.
        at: where it stands, in words.
    """

    spec: int
    path: Location
    owner: str
    name: str
    at: str


@dataclass(frozen=True, slots=True)
class OfRun:
    """All specs of a run under review.

    Attributes:
        alerts: of all SLOs and beside them, in the order of reading.
        specs: each as written, with its resolved SLOs.
    """

    alerts: tuple[Named, ...]
    specs: tuple[tuple[Spec, Sequence[SLO]], ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What a live Prometheus says about the metrics of an SLO, or of another query.

    Attributes:
        types: of each metric, as its exporter says.
        series: how many each selector finds.
        metrics: how many series each metric has in all, where its exporter says no type.
        samples: that one evaluation of all queries reads.
        events: of an SLO in the last period, where they are counted.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, int] = field(default_factory=dict)
    metrics: Mapping[str, int] = field(default_factory=dict)
    samples: int = 0
    events: float | None = None
