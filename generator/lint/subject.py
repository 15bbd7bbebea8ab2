"""What checks look at, and what they find."""

from collections.abc import Mapping
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
    """

    slo: SLO
    written: SloSpec
    retention: Duration | None = None


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
class OfSpec:
    """All of a spec under review.

    Attributes:
        spec: as written.
        alerts: of its SLOs and beside them, each with the path to it, whose it is, and its name.
    """

    spec: Spec
    alerts: tuple[tuple[Location, str, str], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a live Prometheus says about the metrics of an SLO.

    Attributes:
        types: of each metric, as its exporter says; without an entry it does not exist there.
        series: how many each selector finds.
        samples: that one evaluation of all the SLO's raw queries reads.
        events: in the last period, where they are counted.
    """

    types: Mapping[str, str] = field(default_factory=dict)
    series: Mapping[str, int] = field(default_factory=dict)
    samples: int = 0
    events: float | None = None
