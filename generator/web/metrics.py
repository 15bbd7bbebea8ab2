"""Metrics of the server of the pages."""

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from generator.web.snapshot import Snapshot

_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class _Queries(Collector):
    """Queries that were sent to each source."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> list[Metric]:
        """Collect the counts."""
        family = CounterMetricFamily(
            "slo_rules_serve_queries", "Queries sent to a source.", labels=["source"]
        )
        for name, client in self._snapshot.clients.items():
            family.add_metric([name], client.count)
        return [family]


class PageMetrics:
    """Metrics of requests and of the queries to the sources."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Queries(snapshot))
        self._requests = Counter(
            "slo_rules_serve_requests", "Requests.", ["route", "code"], registry=self._registry
        )
        self._durations = Histogram(
            "slo_rules_serve_request_duration_seconds",
            "Durations of requests.",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )

    def count(self, route: str, code: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(route, str(code)).inc()
        self._durations.labels(route).observe(seconds)

    def render(self) -> tuple[bytes, str]:
        """Render the exposition, with its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4
