"""Counted events of a past that never was, and a server that has them."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from generator.backtest.history import (
    GroupHistory,
    SeriesSamples,
    Span,
    build_histories,
    list_queries,
)
from generator.model import SLO
from tests.generator.spec_pipeline import resolve_document
from tests.schema.specs import build_slo, build_spec

MINUTE, DAY = 60_000, 86_400_000
START = 20_000 * DAY
EVENTS = 100.0
"""Events of each minute."""


def resolve_slo(**changes: object) -> SLO:
    """An SLO of a spec with nothing else."""
    (slo,), problems = resolve_document(build_spec(build_slo(**changes)))
    assert not problems
    return slo


def build_history(
    slo: SLO, shares: Sequence[float], *, lead: int = 0, labels: tuple[tuple[str, str], ...] = ()
) -> GroupHistory:
    """A group with a share of errors in each minute; the first `lead` minutes are not reported."""
    span = Span(START, START + lead * MINUTE, START + (len(shares) - 1) * MINUTE)
    minutes = np.array(shares, dtype=np.float64)
    answers: list[SeriesSamples] = []
    for query in list_queries(slo):
        every = query.step.ms // MINUTE
        steps = -(-len(minutes) // every)
        padded = np.concatenate([np.zeros(every - 1), minutes, np.zeros(every)])
        errors = padded[: steps * every].reshape(steps, every).sum(axis=1)
        is_total = len(answers) % 2 == 0
        values = np.full(steps, EVENTS * every) if is_total else EVENTS * errors
        times = START + np.arange(steps) * query.step.ms
        answers.append({labels: np.column_stack([times, values])})
    (history,) = build_histories(slo, span, answers)
    return history


def build_bad_minutes(minutes: int, bad: dict[int, int], share: float = 1.0) -> list[float]:
    """No errors but in runs of bad minutes, given as start and length."""
    shares = [0.0] * minutes
    for start, length in bad.items():
        shares[start : start + length] = [share] * length
    return shares


@dataclass
class FakePrometheus:
    """Range queries of events with a share of errors that depends on the time.

    Attributes:
        bad: first and last bad millisecond; all errors are in there.
        most_points: points of a query that has too many samples with more.
        failures: statuses of the next answers.
        queries: times of the range queries that were answered.
    """

    bad: tuple[int, int] = (0, 0)
    most_points: int = 100_000
    failures: list[int] = field(default_factory=list)
    queries: list[tuple[float, float]] = field(default_factory=list)
    bounds: Sequence[str] = ()
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, parameters: dict[str, str]) -> tuple[int, Any]:
        """Status and data of an answer."""
        if path.endswith("/label/le/values"):
            return 200, list(self.bounds)
        start, end, step = (float(parameters[name]) for name in ("start", "end", "step"))
        with self.lock:
            if self.failures:
                return self.failures.pop(0), "try later"
            times = [start + number * step for number in range(int((end - start) / step) + 1)]
            if len(times) > self.most_points:
                return 422, "query processing would load too many samples into memory"
            self.queries.append((start, end))
        is_errors = '"5.."' in parameters["query"] or "clamp_min" in parameters["query"]
        first, last = self.bad
        values = [
            [time, str(step * (not is_errors or first <= time * 1000 <= last))] for time in times
        ]
        return 200, {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}


@contextmanager
def serve(prometheus: FakePrometheus) -> Iterator[FakePrometheus]:
    """Run the server."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, data = prometheus.answer(parts.path, parameters)
            body = {"status": "success", "data": data}
            text = json.dumps(body if status == 200 else {"status": "error", "error": data})
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        prometheus.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield prometheus
        finally:
            server.shutdown()
            thread.join()
