"""Client of a running Prometheus, for the facts about metrics that live checks need."""

import json
import math
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from generator import names
from generator.model import SLO, Facts
from generator.rules import tiers
from slos.schema import promql
from slos.schema.units import Duration

_TIMEOUT = 30
# Range for queries outside SLOs, whose templates have no window of an SLO.
_ANY = Duration.of(minutes=5)
_PARTS = ("_bucket", "_count", "_sum", "_total")


class CannotAskError(Exception):
    """Request to Prometheus failed; the text gives the reason."""


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Client that reads metric facts from one Prometheus.

    Attributes:
        url: base URL, with a path prefix if there is one.
    """

    url: str

    def retention(self) -> Duration | None:
        """Read the retention time of samples; None where only the size limits it.

        Raises:
            PrometheusError: when the request fails.
        """
        # Like `15d`, `10GiB` or `15d or 10GiB`; defaults included.
        for limit in str(self._ask("status/runtimeinfo").get("storageRetention", "")).split(" or "):
            if not limit.endswith("B"):
                return Duration.parse(limit) if limit else None
        return None

    def of_slo(self, slo: SLO) -> Facts:
        """Read the facts of an SLO's metrics.

        Raises:
            PrometheusError: when a request fails.
        """
        window = tiers.reach(slo.steps.fine, slo.steps.scrape)
        templates = (slo.signal.total, slo.signal.errors)
        facts = self._facts(templates, slo.signal.sources, window)
        events = names.of(names.PERIOD_EVENTS, slo)
        counted = self._number(f"sum({events})") if tiers.counts_increments(slo) else None
        return replace(facts, events=counted)

    def of_query(self, query: str) -> Facts:
        """Read the facts of the metrics of a standalone alert or recording.

        Raises:
            PrometheusError: when a request fails.
        """
        return self._facts((query,), (), _ANY)

    def _facts(self, templates: Sequence[str], sources: Sequence[str], window: Duration) -> Facts:
        read = (selector for template in templates for selector in promql.selectors(template))
        selectors = dict.fromkeys((*sources, *read))
        metrics = {metric: self._type(metric) for metric in map(_metric, selectors) if metric}
        return Facts(
            types={metric: kind for metric, kind in metrics.items() if kind},
            series={selector: self._count(selector) for selector in selectors},
            # Recorded metrics have no type; a metric with neither type nor series does not exist.
            metrics={metric: self._count(metric) for metric, kind in metrics.items() if not kind},
            samples=sum(self._samples(promql.render(each, str(window))) for each in templates),
        )

    def _count(self, selector: str) -> int:
        return int(self._number(f"count({selector})") or 0)

    def _type(self, metric: str) -> str:
        for name in (metric, *(metric.removesuffix(part) for part in _PARTS)):
            for entry in self._ask("metadata", metric=name).get(name, []):
                return str(entry["type"])
        return ""

    def _number(self, query: str) -> float | None:
        result = self._ask("query", query=query)["result"]
        value = float(result[0]["value"][1]) if result else math.nan
        return None if math.isnan(value) else value

    def _samples(self, query: str) -> int:
        stats = self._ask("query", query=query, stats="all").get("stats", {})
        return int(stats.get("samples", {}).get("totalQueryableSamples", 0))

    def _ask(self, path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        url = f"{self.url.rstrip('/')}/api/v1/{path}{query}"
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 - checked
                document = json.load(answer)
        except urllib.error.HTTPError as error:
            raise CannotAskError(f"{self.url} answered {error.code} to {path}") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise CannotAskError(f"cannot ask {self.url}: {reason}") from error
        if not isinstance(document, dict) or document.get("status") != "success":
            raise CannotAskError(f"{self.url} is not a Prometheus")
        return document["data"]


def _metric(selector: str) -> str:
    return selector.partition("{")[0]
