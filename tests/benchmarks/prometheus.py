"""Prometheus process over a folder of blocks, and the queries of the benchmark."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from exporter.devstack import stack
from tests.benchmarks.tsdb import find_tool

# What Prometheus returns at most for a series.
_POINTS = 11_000
# Seconds: no query is given up because the machine is busy.
_QUERY_LIMIT = 3600


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """The outcome of one evaluation.

    Attributes:
        value: of the only series; NaN when there was none.
        samples: read from storage.
        seconds: that the evaluation took inside Prometheus.
    """

    value: float
    samples: int
    seconds: float


@dataclass(frozen=True, slots=True)
class RangeSeries:
    """A series of a range query, values as Prometheus wrote them."""

    labels: dict[str, str]
    samples: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class BenchmarkPrometheus:
    """A running one."""

    url: str
    session: requests.Session

    def evaluate(self, query: str, time: int) -> EvaluationResult:
        """Evaluate once, as a rule does."""
        data = self._request("query", query=query, time=f"{time / 1000:.3f}", stats="all")
        stats, result = data["stats"], data["result"]
        value = float(result[0]["value"][1]) if len(result) == 1 else math.nan
        return EvaluationResult(
            value,
            int(stats["samples"]["totalQueryableSamples"]),
            float(stats["timings"]["execTotalTime"]),
        )

    def evaluate_range(self, query: str, start: int, end: int, step: int) -> list[RangeSeries]:
        """Evaluate at every step, both ends included."""
        found: dict[tuple[tuple[str, str], ...], list[tuple[int, str]]] = {}
        for first in range(start, end + 1, step * _POINTS):
            last = min(first + step * (_POINTS - 1), end)
            data = self._request(
                "query_range",
                query=query,
                start=f"{first / 1000:.3f}",
                end=f"{last / 1000:.3f}",
                step=f"{step / 1000:.3f}",
            )
            for series in data["result"]:
                labels = {k: v for k, v in series["metric"].items() if k != "__name__"}
                samples = found.setdefault(tuple(sorted(labels.items())), [])
                samples += [(round(time * 1000), value) for time, value in series["values"]]
        return [RangeSeries(dict(labels), samples) for labels, samples in found.items()]

    def _request(self, endpoint: str, **params: str) -> Any:  # noqa: ANN401 - JSON
        response = self.session.post(
            f"{self.url}/api/v1/{endpoint}", data=params, timeout=_QUERY_LIMIT
        )
        answer = response.json()
        if answer["status"] != "success":
            raise RuntimeError(f"Prometheus: {answer['error']}; in the query {params['query']}")
        return answer["data"]


@contextmanager
def run_prometheus(folder: Path, *arguments: str) -> Iterator[BenchmarkPrometheus]:
    """Prometheus over `data` in a folder; it scrapes nothing and knows no rules.

    Args:
        folder: folder of its configuration and of its data.
        arguments: more arguments of the command line.
    """
    config, port = folder / "prometheus.yml", stack.find_free_port()
    config.write_text("global: {}\n")
    url = f"http://127.0.0.1:{port}"
    child = stack.start_process(
        "prometheus",
        [
            find_tool("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=3650d",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--query.timeout={_QUERY_LIMIT}s",
            "--query.max-samples=500000000",
            *arguments,
        ],
        folder=folder,
    )
    try:
        with requests.Session() as session:
            child.wait_for(lambda: session.get(f"{url}/-/ready", timeout=5).ok)
            yield BenchmarkPrometheus(url, session)
    finally:
        child.stop()
