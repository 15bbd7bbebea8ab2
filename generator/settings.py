"""Settings of a run, which apply to every SLO where its spec does not say otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from generator.model import SLO, Engine, MetricFacts, Windows
from slos.schema.spec import PluginUse
from slos.schema.units import Duration

_MONTH = Duration.from_parts(days=30)
_HALF_A_MINUTE = Duration.from_parts(seconds=30)
_NONE = Duration(0)
_HOUR = Duration.from_parts(hours=1)


class MetricsSource(Protocol):
    """Source of live metric facts, such as a Prometheus server."""

    def read_slo_facts(self, slo: SLO, /) -> MetricFacts:
        """Read the facts of an SLO's metrics."""
        ...

    def read_query_facts(self, query: str, /) -> MetricFacts:
        """Read the facts of the metrics of any other query."""
        ...


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Settings of one run.

    Attributes:
        period: period of SLOs whose specs set none.
        scrape_interval: scrape interval of specs that set none.
        delay: delay of the samples of specs that set none.
        max_gap: longest scrape gap that is counted across, of specs that set none.
        engine: engine that evaluates the rules.
        windows: alert windows by period, read from files; None for the built-in ones.
        extra_labels: labels added to recorded series; they override those of the specs. In the
            exact profile they distinguish the SLOs of this run from those of other runs.
        slo_plugins: Sloth plugin chain of the command line.
        review: whether the checks that a build skips are run as well.
        now: Unix time of a review; 0 for a build, which is a function of the specs alone.
        retention: how long Prometheus keeps samples; None where unknown.
        metrics_source: reads live metric facts; None where no Prometheus is given.
        recorded_metrics: metrics that the specs of the run record.
        annotation_queries: whether annotations may query recorded series when an alert fires.
        links: `runbook_url_prefix` and `dashboard_url` of specs that set none.
        writes_runbooks: whether the output has a runbook page for each alert.
    """

    period: Duration = _MONTH
    scrape_interval: Duration = _HALF_A_MINUTE
    delay: Duration = _NONE
    max_gap: Duration = _HOUR
    engine: Engine = Engine.PROMETHEUS
    windows: Mapping[Duration, Windows] | None = None
    extra_labels: Mapping[str, str] = field(default_factory=dict)
    slo_plugins: tuple[PluginUse, ...] = ()
    review: bool = False
    now: float = 0.0
    retention: Duration | None = None
    metrics_source: MetricsSource | None = None
    recorded_metrics: frozenset[str] = frozenset()
    annotation_queries: bool = True
    links: Mapping[str, str] = field(default_factory=dict)
    writes_runbooks: bool = False
