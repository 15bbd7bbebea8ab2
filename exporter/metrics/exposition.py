"""Text exposition of the metrics.

Nothing is sent or timed while the metrics are rendered, so it has to be quick. The client library
takes 2.7 times as long for the text format and 4.6 times as long for OpenMetrics, with which a
scrape misses its target of 20 ms (`docs/benchmarks-probe.md`): series names are cached here. The
`_created` series are left out: they double the cost and are not used.
"""

from collections.abc import Iterator
from functools import lru_cache

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

_MAX_CACHED_SERIES = 10_000
"""Series names; far more than a prober has."""


def render_exposition(registry: CollectorRegistry) -> bytes:
    """Render all metrics of a registry in the text format, version 0.0.4."""
    return "".join(
        line for metric in registry.collect() for line in _render_metric(metric)
    ).encode()


def _render_metric(metric: Metric) -> Iterator[str]:
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    yield f"# HELP {name} {metric.documentation}\n# TYPE {name} {metric.type}\n"
    created = f"{metric.name}_created"
    for sample in metric.samples:
        if sample.name != created:
            series = _format_series(sample.name, tuple(sample.labels.items()))
            yield f"{series} {_format_number(sample.value)}\n"


def _format_number(value: float) -> str:
    return floatToGoString(value) if value else str(float(value))  # type: ignore[no-untyped-call]


@lru_cache(maxsize=_MAX_CACHED_SERIES)
def _format_series(name: str, labels: tuple[tuple[str, str], ...]) -> str:
    pairs = ",".join(f'{label}="{_escape_label_value(value)}"' for label, value in sorted(labels))
    return f"{name}{{{pairs}}}" if pairs else name


def _escape_label_value(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
