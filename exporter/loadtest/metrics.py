"""Gauges of scenarios: results of the last runs, collected anew for each scrape.

They are no counters: they show results, also those of earlier processes. A value that a later run
did not find again is removed.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from slos.schema import contract

_FAMILIES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    contract.THROUGHPUT: (
        "Events per second that completed the stage in time in the last scenario run.",
        ("scenario", "stage"),
    ),
    contract.CONCURRENCY_COMPLETED: (
        "Share of simultaneous events that were executed exactly once.",
        ("scenario", "level"),
    ),
    contract.SCALING_EFFICIENCY: (
        "Throughput as a share of what linear scaling from one replica would give.",
        ("scenario", "level"),
    ),
    contract.BREAKING_POINT_LEVEL: (
        "Lowest number of simultaneous events of which too few were executed; absent if none.",
        ("scenario",),
    ),
    contract.BREAKING_POINT: (
        "Events executed per second at the breaking point; absent if there was none.",
        ("scenario",),
    ),
    contract.SCENARIO_EVENTS: (
        "Events of the last completed scenario run, by verdict.",
        ("scenario", "verdict"),
    ),
    contract.SCENARIO_COMPLETED: ("Unix time at which the scenario last completed.", ("scenario",)),
}


@dataclass(frozen=True, slots=True)
class ScenarioSample:
    """One sample of one gauge; the label `scenario` is added to its labels."""

    metric: str
    value: float
    labels: Mapping[str, str]


class ScenarioMetrics(Collector):
    """Collector of the gauges of all scenarios."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._configured: list[str] = []
        self._samples: dict[str, tuple[ScenarioSample, ...]] = {}
        self.running: str | None = None
        registry.register(self)

    def configure(self, scenarios: Collection[str]) -> None:
        """Show these scenarios as ones that can be run."""
        self._configured = sorted(scenarios)

    def set_samples(self, scenario: str, samples: Iterable[ScenarioSample]) -> None:
        """Set the samples of a scenario, in place of the earlier ones."""
        self._samples[scenario] = tuple(samples)

    def describe(self) -> Sequence[GaugeMetricFamily]:
        """List the metric families, which do not depend on the samples."""
        return [*(_create_family(name) for name in _FAMILIES), self._create_running_family(None)]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Collect the samples for a scrape."""
        for name, (_, labels) in _FAMILIES.items():
            family = _create_family(name)
            for scenario in sorted(self._samples):
                for sample in self._samples[scenario]:
                    if sample.metric == name:
                        values = {"scenario": scenario, **sample.labels}
                        family.add_metric([values[label] for label in labels], sample.value)
            yield family
        yield self._create_running_family(self.running)

    def _create_running_family(self, running: str | None) -> GaugeMetricFamily:
        text = "Whether the scenario is running, for each scenario that is configured."
        family = GaugeMetricFamily(contract.SCENARIO_RUNNING, text, labels=["scenario"])
        for scenario in self._configured:
            family.add_metric([scenario], float(scenario == running))
        return family


def _create_family(name: str) -> GaugeMetricFamily:
    text, labels = _FAMILIES[name]
    return GaugeMetricFamily(name, text, labels=labels)
