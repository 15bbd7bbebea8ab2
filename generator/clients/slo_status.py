"""Recorded series and firing alerts of SLOs, read from a running Prometheus.

The series are those that the rules of this project and of Sloth have in common.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generator import names
from generator.clients.json_api import expect_server
from generator.clients.prometheus import read_prometheus
from slos.schema.promql import format_selector, quote_string

Labels = Mapping[str, str]

_NAME = "__name__"
_CATALOGUE = (names.INFO, names.ERROR_BUDGET)
_METRICS = (
    *_CATALOGUE,
    names.OBJECTIVE,
    names.PERIOD_DAYS,
    names.CURRENT_BURN_RATE,
    names.BUDGET_REMAINING,
    names.PERIOD_COVERAGE,
    names.build_error_ratio_pattern(),
)


@dataclass(frozen=True, slots=True)
class Sample:
    """Newest sample of a recorded series.

    Attributes:
        metric: name of the metric.
        labels: its other labels.
        value: the value, which may be infinite or no number.
    """

    metric: str
    labels: Labels
    value: float

    @property
    def is_catalogue(self) -> bool:
        """True if the series exists once for each SLO, with the labels of the SLO."""
        return self.metric in _CATALOGUE


@dataclass(frozen=True, slots=True)
class RecordedSLOs:
    """Series of SLOs that a Prometheus has recorded.

    Attributes:
        selected: series that describe the selected SLOs, one or two for each SLO.
        samples: all series with the ids of the selected SLOs; other SLOs may share an id.
        alerts: labels of the firing alerts with these ids.
    """

    selected: Sequence[Sample]
    samples: Sequence[Sample]
    alerts: Sequence[Labels]


def read_recorded_slos(url: str, matchers: Sequence[str] = ()) -> RecordedSLOs:
    """Read the recorded series of SLOs and their firing alerts.

    Args:
        url: base URL of the Prometheus.
        matchers: matchers of the labels of `sloth_slo_info` and `slo:error_budget:ratio`, each as
            PromQL; all SLOs without.

    Raises:
        APIError: a request fails, or it is not a Prometheus.
    """
    catalogue = format_selector("", match_metrics(*_CATALOGUE), *matchers)
    chosen = f" and on ({names.ID}) {catalogue}" if matchers else ""
    alerts = format_alert_selector(f'{names.ID}!=""')
    return RecordedSLOs(
        selected=list(_query_samples(url, catalogue)),
        samples=list(_query_samples(url, format_status_selector() + chosen)),
        alerts=[sample.labels for sample in _query_samples(url, alerts + chosen)],
    )


def format_status_selector(*matchers: str) -> str:
    """Selector of all series that the status of SLOs is computed from."""
    return format_selector("", match_metrics(*_METRICS), *matchers)


def format_alert_selector(*matchers: str) -> str:
    """Selector of firing alerts."""
    return format_selector(names.ALERTS, 'alertstate="firing"', *matchers)


def match_metrics(*patterns: str) -> str:
    """Matcher of metrics whose name matches one of the patterns."""
    return f"{_NAME}=~{quote_string('|'.join(patterns))}"


def parse_samples(rows: Iterable[Mapping[str, Any]]) -> Iterator[Sample]:
    """Parse the rows of an instant vector; a row of another shape raises a lookup error."""
    for row in rows:
        labels = dict(row["metric"])
        yield Sample(labels.pop(_NAME), labels, float(row["value"][1]))


def _query_samples(url: str, query: str) -> Iterator[Sample]:
    data: Any = read_prometheus(url, "query", query=query)
    with expect_server(url, "a Prometheus"):
        yield from parse_samples(data["result"])
