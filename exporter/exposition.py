"""The metrics as Prometheus reads them."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric


def exposition(registry: CollectorRegistry) -> bytes:
    """All metrics of a registry in the text format."""
    return generate_latest(_WithoutCreated(registry))


class _WithoutCreated:
    """A registry less its `_created` series, which double the cost and tell nothing here.

    The client's own option for this is a switch for the whole process.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        for metric in self._registry.collect():
            metric.samples = [
                sample for sample in metric.samples if sample.name != f"{metric.name}_created"
            ]
            yield metric
