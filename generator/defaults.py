"""What a run says about every SLO, beside what the specs say themselves."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from generator.burn import Windows
from generator.lint.subject import Facts
from generator.model import SLO
from slos.schema.spec import PluginUse
from slos.schema.units import Duration

_MONTH = Duration.of(days=30)
_HALF_A_MINUTE = Duration.of(seconds=30)


class Asked(Protocol):
    """A Prometheus that can be asked."""

    def of_slo(self, slo: SLO, /) -> Facts:
        """What it knows of an SLO's metrics."""
        ...

    def of_query(self, query: str, /) -> Facts:
        """What it knows of the metrics of any other query."""
        ...


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a run can be told.

    Attributes:
        period: of SLOs that name none.
        scrape_interval: where the spec does not say.
        windows: alert windows by period, read from files; None for the built-in ones.
        extra_labels: added to recorded series, above those of the specs. In the exact profile
            they tell the SLOs of this run from those of others.
        slo_plugins: Sloth's chain from the command line.
        review: whether checks that a build can do without are run as well.
        retention: how long samples are kept, where that is known.
        facts: what a live Prometheus knows, where one can be asked.
        recorded: the metrics that the specs of the run record.
    """

    period: Duration = _MONTH
    scrape_interval: Duration = _HALF_A_MINUTE
    windows: Mapping[Duration, Windows] | None = None
    extra_labels: Mapping[str, str] = field(default_factory=dict)
    slo_plugins: tuple[PluginUse, ...] = ()
    review: bool = False
    retention: Duration | None = None
    facts: Asked | None = None
    recorded: frozenset[str] = frozenset()
