"""Resources of the target's replicas during a run, from Prometheus."""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from exporter.prometheus import PrometheusClient

_REPLICA_LABEL = "pod"
_SHORTEST_STEP = 5.0
_MOST_SAMPLES = 1_000
_CONTAINERS = 'namespace="$namespace",pod=~"agent-sre-.*",container=~"user-container|agent-sre"'
ResourceColumn = Literal["cpu", "rss", "open_files", "threads"]
DEFAULT_QUERIES: Mapping[ResourceColumn, str] = {
    "cpu": f"sum by (pod) (rate(container_cpu_usage_seconds_total{{{_CONTAINERS}}}[1m]))",
    "rss": f"max by (pod) (container_memory_rss{{{_CONTAINERS}}})",
    "threads": f"max by (pod) (container_threads{{{_CONTAINERS}}})",
}
"""Query of each column of the result file: the metrics of cAdvisor."""


async def read_replica_usage(
    prometheus: PrometheusClient, queries: Mapping[ResourceColumn, str], *, start: float, end: float
) -> list[Mapping[str, Any]]:
    """Read the resources of each replica, as the result file holds those of processes.

    Args:
        prometheus: client of Prometheus.
        queries: query of each column, with one series for each pod.
        start: wall clock seconds of the start of the run.
        end: wall clock seconds of its end.

    Raises:
        RequestError: a query has no result.
    """
    step = max(_SHORTEST_STEP, round((end - start) / _MOST_SAMPLES))
    found: dict[str, dict[float, dict[str, float]]] = {}
    for column, query in queries.items():
        for series in await prometheus.query_range(query, start=start, end=end, step=step):
            readings = found.setdefault(series.labels.get(_REPLICA_LABEL, ""), {})
            for time, value in zip(series.times, series.values, strict=True):
                readings.setdefault(round(time - start, 3), {})[column] = value
    return [
        {
            "name": replica,
            "replica": replica,
            "source": "prometheus",
            "columns": {
                "t": sorted(readings),
                **{
                    column: [readings[t].get(column) for t in sorted(readings)]
                    for column in get_args(ResourceColumn)
                },
            },
        }
        for replica, readings in sorted(found.items())
    ]
