"""Client of a running Prometheus: facts about metrics, metrics of a job, bounds of buckets."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from generator import names
from generator.clients.http_config import HTTPConfig
from generator.clients.json_api import APIError, expect_server, read_json, read_text
from generator.model import SLO, MetricFacts
from generator.rules import increments, tiers
from slos.schema import promql
from slos.schema.query_analysis import Counting
from slos.schema.sli_signal import Histogram
from slos.schema.units import Duration

# Range for queries outside SLOs, whose templates have no window of an SLO.
_DEFAULT_WINDOW = Duration.from_parts(minutes=5)
_SINCE_STEP = Duration.from_parts(hours=1)
NO_SUCH_PATH = (400, 404)
"""Statuses with which a server that is compatible refuses what only Prometheus has."""
_METRIC_SUFFIXES = ("_bucket", "_count", "_sum", "_total")


def read_prometheus(
    url: str, path: str, http_config: HTTPConfig | None = None, /, **parameters: str
) -> Any:  # noqa: ANN401 - JSON
    """Read the data that the HTTP API of a Prometheus has at a path.

    Args:
        url: base URL, with a path prefix if there is one.
        path: path below `/api/v1/`.
        http_config: credentials, headers and TLS.
        parameters: parameters of the query.

    Raises:
        APIError: the request fails, or it is not a Prometheus.
    """
    document = read_json(url, f"api/v1/{path}", http_config, **parameters)
    with expect_server(url, "a Prometheus"):
        if document["status"] != "success":
            raise ValueError(document["status"])
        return document["data"]


def read_retention(url: str, http_config: HTTPConfig | None = None) -> Duration | None:
    """Read for how long a server keeps samples; None where only the size limits it.

    Raises:
        APIError: when the request fails.
    """
    # Like `15d`, `10GiB` or `15d or 10GiB`; defaults included.
    try:
        information = read_prometheus(url, "status/runtimeinfo", http_config)
    except APIError as error:
        if error.status not in NO_SUCH_PATH:
            raise
        return _read_victoria_retention(read_text(url, "flags", http_config))
    with expect_server(url, "a Prometheus"):
        text = str(information.get("storageRetention", ""))
        limits = [limit for limit in text.split(" or ") if not limit.endswith("B")]
        return Duration.parse(limits[0]) if limits and limits[0] else None


def _read_victoria_retention(flags: str) -> Duration | None:
    """Read the retention from the flags that VictoriaMetrics prints; without a unit, in months."""
    found = re.search(r'^-retentionPeriod="(\d+)([hdwMy]?)"$', flags, re.MULTILINE)
    if not found:
        return None
    units = {"h": "1h", "d": "1d", "w": "1w", "y": "1y"}
    return Duration(int(found[1]) * Duration.parse(units.get(found[2], "31d")).ms)


def read_oldest_sample(url: str, selector: str, reach: Duration) -> datetime | None:
    """Read the time of the oldest sample of a selector, to the hour; None without samples.

    Args:
        url: base URL.
        selector: selector of the series.
        reach: how far back to look.

    Raises:
        APIError: when the request fails.
    """
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    # The range of each step is that before it, so the last step includes the present.
    data = read_prometheus(
        url,
        "query_range",
        query=f"count(last_over_time({selector}[{_SINCE_STEP}]))",
        start=str(end.timestamp() - float(reach.seconds)),
        end=str((end + timedelta(hours=1)).timestamp()),
        step=str(_SINCE_STEP.seconds),
    )
    with expect_server(url, "a Prometheus"):
        times = [float(value[0]) for series in data["result"] for value in series["values"]]
        step = timedelta(seconds=float(_SINCE_STEP.seconds))
        return datetime.fromtimestamp(min(times), UTC) - step if times else None


@dataclass(frozen=True, slots=True)
class MetricFactsClient:
    """Client that reads metric facts from one Prometheus.

    Attributes:
        url: base URL, with a path prefix if there is one.
    """

    url: str

    def read_slo_facts(self, slo: SLO) -> MetricFacts:
        """Read the facts of an SLO's metrics.

        Raises:
            APIError: when a request fails.
        """
        window = increments.compute_range(slo.steps.fine, slo.steps.scrape)
        templates = (slo.signal.total, slo.signal.errors)
        events = names.select_series(names.PERIOD_EVENTS, slo)
        with expect_server(self.url, "a Prometheus"):
            facts = self._read_facts(templates, slo.signal.sources, window)
            event_count = (
                self._query_number(f"sum({events})") if tiers.has_counter_queries(slo) else None
            )
            return replace(facts, events=event_count, other_values=self._read_other_values(slo))

    def read_query_facts(self, query: str) -> MetricFacts:
        """Read the facts of the metrics of a standalone alert or recording.

        Raises:
            APIError: when a request fails.
        """
        with expect_server(self.url, "a Prometheus"):
            return self._read_facts((query,), (), _DEFAULT_WINDOW)

    def _read_facts(
        self, templates: Sequence[str], sources: Sequence[str], window: Duration
    ) -> MetricFacts:
        query_selectors = (
            selector for template in templates for selector in promql.list_selectors(template)
        )
        selectors = dict.fromkeys((*sources, *query_selectors))
        metrics = {
            metric: self._read_metric_type(metric)
            for metric in map(promql.read_selector_metric, selectors)
            if metric
        }
        existing = [metric for metric, kind in metrics.items() if kind]
        return MetricFacts(
            types={metric: kind for metric, kind in metrics.items() if kind},
            series={selector: self._count_series(selector) for selector in selectors},
            # Recorded metrics have no type; a metric with neither type nor series does not exist.
            metrics={
                metric: self._count_series(promql.format_selector(metric))
                for metric, kind in metrics.items()
                if not kind
            },
            samples=sum(
                self._count_samples(promql.render_template(each, str(window))) for each in templates
            ),
            labels={metric: self._read_labels(metric, selectors) for metric in existing},
        )

    def _read_labels(self, metric: str, selectors: Iterable[str]) -> dict[str, Sequence[str]]:
        """Read the labels of a metric, and the values of those that selectors have matchers for."""
        matched = {
            name
            for selector in selectors
            if promql.read_selector_metric(selector) == metric
            for name in promql.list_matched_labels(selector)
        }
        names = read_prometheus(self.url, "labels", **{"match[]": metric})
        return {
            name: read_prometheus(self.url, f"label/{name}/values", **{"match[]": metric})
            if name in matched
            else ()
            for name in names
        }

    def _read_other_values(self, slo: SLO) -> tuple[float, ...]:
        """Read a value of a gauge that is neither 0 nor 1; none of an SLI that counts events."""
        if slo.signal.counting is not Counting.PER_SAMPLE:
            return ()
        values = (self._query_number(f"topk(1, {s} != 0 != 1)") for s in slo.signal.sources)
        return tuple(value for value in values if value is not None)

    def _count_series(self, selector: str) -> int:
        return int(self._query_number(f"count({selector})") or 0)

    def _read_metric_type(self, metric: str) -> str:
        for name in (metric, *(metric.removesuffix(suffix) for suffix in _METRIC_SUFFIXES)):
            for entry in read_prometheus(self.url, "metadata", metric=name).get(name, []):
                return str(entry["type"])
        return ""

    def _query_number(self, query: str) -> float | None:
        result = read_prometheus(self.url, "query", query=query)["result"]
        value = float(result[0]["value"][1]) if result else math.nan
        return None if math.isnan(value) else value

    def _count_samples(self, query: str) -> int:
        stats = read_prometheus(self.url, "query", query=query, stats="all").get("stats", {})
        return int(stats.get("samples", {}).get("totalQueryableSamples", 0))


def read_bounds(url: str, histogram: Histogram) -> list[Decimal]:
    """Read the upper bounds of the buckets of a classic histogram; none of a native one.

    Raises:
        APIError: a request fails.
    """
    if histogram.is_native:
        return []
    data = read_prometheus(url, "label/le/values", **{"match[]": histogram.selector})
    with expect_server(url, "a Prometheus"):
        bounds = {_parse_bound(str(value)) for value in data}
        return sorted(bound for bound in bounds if bound is not None)


def _parse_bound(text: str) -> Decimal | None:
    try:
        bound = Decimal(text)
    except InvalidOperation:
        return None
    return bound.normalize() if bound.is_finite() and bound > 0 else None


@dataclass(frozen=True, slots=True)
class JobMetricsClient:
    """Client that reads the metrics of one job.

    Attributes:
        url: base URL of the Prometheus.
        selector: matcher of the job, such as `job="shop"`.
    """

    url: str
    selector: str

    def list_metrics(self) -> list[str]:
        """List the names of the metrics of the job.

        Raises:
            APIError: when the request fails.
        """
        return self._read_names("label/__name__/values", f"{{{self.selector}}}")

    def list_labels(self, metric: str) -> Sequence[str]:
        """List the labels of a metric.

        Raises:
            APIError: when the request fails.
        """
        return self._read_names("labels", f"{metric}{{{self.selector}}}")

    def list_values(self, metric: str, label: str) -> Sequence[str]:
        """List the values of a label of a metric.

        Raises:
            APIError: when the request fails.
        """
        return self._read_names(f"label/{label}/values", f"{metric}{{{self.selector}}}")

    def measure(self, query: str) -> Decimal | None:
        """Read the value of a query; None where it has none.

        Raises:
            APIError: when the request fails.
        """
        data = read_prometheus(self.url, "query", query=query)
        with expect_server(self.url, "a Prometheus"):
            result = data["result"]
            value = Decimal(result[0]["value"][1]) if result else None
            return value if value is not None and value.is_finite() else None

    def _read_names(self, path: str, selector: str) -> list[str]:
        data = read_prometheus(self.url, path, **{"match[]": selector})
        with expect_server(self.url, "a Prometheus"):
            return [str(name) for name in data]


def list_jobs(url: str) -> list[str]:
    """List the jobs that a Prometheus has.

    Raises:
        APIError: when the request fails.
    """
    data = read_prometheus(url, "label/job/values")
    with expect_server(url, "a Prometheus"):
        return [str(name) for name in data]
