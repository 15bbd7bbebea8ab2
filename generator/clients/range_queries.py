"""Range queries over long times, in chunks that are read again where they fail."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from generator.clients.json_api import APIError, expect_server
from generator.clients.prometheus import read_prometheus

Labels = tuple[tuple[str, str], ...]
Samples = dict[Labels, NDArray[np.float64]]
"""Samples of each series, in order: a row of the time in milliseconds and the value."""

# A day of minutes: an answer of a few hundred kilobytes for each ten series.
_POINTS_IN_CHUNK = 1440
# Recent samples may still change: they arrive late, or out of order.
_SETTLED_AFTER_MS = 3_600_000
_ATTEMPTS = 4
_SMALLEST_PART = 90
_FIRST_PAUSE = 1.0
# Too many samples or too much time for one query; half the time needs half of them.
_TOO_LARGE = (413, 422, 503)
_TEMPORARY = (429, 500, 502, 503, 504)


class ChunkCache(Protocol):
    """Cache of chunks that do not change any more."""

    def read_chunk(self, key: str, /) -> Samples | None:
        """Read a chunk; None if it is not there."""
        ...

    def write_chunk(self, key: str, samples: Samples, /) -> None:
        """Keep a chunk."""
        ...


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """Range query; all times are in milliseconds, both ends are included."""

    expr: str
    start: int
    end: int
    step: int


@dataclass(frozen=True)
class RangeReader:
    """Reader of range queries from one Prometheus.

    Attributes:
        url: base URL.
        cache: cache of chunks; None to read everything.
        concurrency: how many requests are sent at the same time, at most.
        report_progress: called after each chunk with the number of those done and of all.
        now: time of the run in milliseconds.
        sleep: waits for some seconds.
    """

    url: str
    cache: ChunkCache | None = None
    concurrency: int = 4
    report_progress: Callable[[int, int], None] = lambda _, __: None
    now: int = 0
    sleep: Callable[[float], None] = time.sleep
    _answered: threading.Event = field(default_factory=threading.Event)

    def read(self, queries: Sequence[RangeQuery]) -> list[Samples]:
        """Read several queries.

        Raises:
            APIError: a request fails, also after several attempts and in small parts.
        """
        chunks = [chunk for query in dict.fromkeys(queries) for chunk in list_chunks(query)]
        done, lock = 0, threading.Lock()

        def read_chunk(chunk: RangeQuery) -> Samples:
            nonlocal done
            samples = self._read_chunk(chunk)
            with lock:
                done += 1
                self.report_progress(done, len(chunks))
            return samples

        pool = ThreadPoolExecutor(self.concurrency)
        try:
            found = dict(zip(chunks, pool.map(read_chunk, chunks), strict=True))
        finally:
            # After an error or Ctrl-C the rest is not wanted; what is read is in the cache.
            pool.shutdown(wait=True, cancel_futures=True)
        return [_join(query, (found[chunk] for chunk in list_chunks(query))) for query in queries]

    def _read_chunk(self, chunk: RangeQuery) -> Samples:
        is_settled = chunk.end < self.now - _SETTLED_AFTER_MS
        key = f"{self.url} {chunk.step} {chunk.start} {chunk.end} {chunk.expr}"
        if self.cache and is_settled and (cached := self.cache.read_chunk(key)) is not None:
            return cached
        samples = self._read_part(chunk)
        if self.cache and is_settled:
            self.cache.write_chunk(key, samples)
        return samples

    def _read_part(self, part: RangeQuery) -> Samples:
        """Read a part of a chunk, or its halves if it has too many samples for one query."""
        points = (part.end - part.start) // part.step + 1
        try:
            return self._request(part)
        except APIError as error:
            if error.status not in _TOO_LARGE or points < _SMALLEST_PART:
                raise
        middle = part.start + (points // 2) * part.step
        halves = (
            RangeQuery(part.expr, part.start, middle - part.step, part.step),
            RangeQuery(part.expr, middle, part.end, part.step),
        )
        return _join(part, [self._read_part(half) for half in halves])

    def _request(self, part: RangeQuery) -> Samples:
        """Send a request; again if it may help. An address that never answered is wrong."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                samples = self._request_once(part)
            except APIError as error:
                is_temporary = error.status in _TEMPORARY or (
                    not error.status and self._answered.is_set()
                )
                if not is_temporary or attempt == _ATTEMPTS:
                    raise
                self.sleep(_FIRST_PAUSE * 2 ** (attempt - 1) * random.uniform(0.5, 1))
            else:
                self._answered.set()
                return samples
        raise AssertionError

    def _request_once(self, part: RangeQuery) -> Samples:
        data = read_prometheus(
            self.url,
            "query_range",
            query=part.expr,
            start=_format_time(part.start),
            end=_format_time(part.end),
            step=_format_time(part.step),
        )
        with expect_server(self.url, "a Prometheus"):
            return dict(map(_read_series, data["result"]))


def list_chunks(query: RangeQuery) -> Iterator[RangeQuery]:
    """Divide a query at multiples of the length of a chunk, so that later runs have the same."""
    length = query.step * _POINTS_IN_CHUNK
    offset = query.start % query.step
    first = query.start
    while first <= query.end:
        border = (first - offset) // length * length + length + offset
        yield RangeQuery(query.expr, first, min(border - query.step, query.end), query.step)
        first = border


def _read_series(row: Mapping[str, Any]) -> tuple[Labels, NDArray[np.float64]]:
    labels = tuple(sorted(row["metric"].items()))
    rows = np.array(row["values"], dtype=np.float64).reshape(-1, 2)
    rows[:, 0] = np.rint(rows[:, 0] * 1000)
    return labels, rows


def _join(query: RangeQuery, parts: Iterable[Samples]) -> Samples:
    joined: dict[Labels, list[NDArray[np.float64]]] = {}
    for part in parts:
        for labels, rows in part.items():
            inside = (rows[:, 0] >= query.start) & (rows[:, 0] <= query.end)
            joined.setdefault(labels, []).append(rows[inside])
    return {labels: np.concatenate(each) for labels, each in joined.items()}


def _format_time(ms: int) -> str:
    return f"{ms // 1000}.{ms % 1000:03}"
