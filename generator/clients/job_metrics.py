"""Client of the metrics of one job in a Prometheus."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from generator.clients.json_api import expect_server
from generator.clients.prometheus import read_prometheus


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
