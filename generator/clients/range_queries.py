"""Queries over long times, in chunks that are read again where they fail.

Samples are held in arrays of the standard library, because not every command has NumPy.
"""

import random
import threading
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from generator.clients.json_api import APIError, expect_server
from generator.clients.prometheus import read_prometheus

Labels = tuple[tuple[str, str], ...]
SampleArrays = dict[Labels, "array[float]"]
"""Samples of each series in order: the time in milliseconds and the value of each, in turn."""

# A day of minutes: an answer of a few hundred kilobytes for each ten series.
_POINTS_IN_CHUNK = 1440
# What Prometheus returns for a series at most.
_MOST_POINTS = 11_000
_HOUR = 3_600_000
_DAY = 24 * _HOUR
# Recent samples may still change: they arrive late, or out of order.
_SETTLED_AFTER_MS = _HOUR
_ATTEMPTS = 4
_SMALLEST_PART = 90
_FIRST_PAUSE = 1.0
# Too many samples or too much time for one query; half the time needs half of them.
_TOO_LARGE = (413, 422, 503)
_TEMPORARY = (429, 500, 502, 503, 504)


class ChunkCache(Protocol):
    """Cache of chunks that do not change any more."""

    def read_chunk(self, key: str, /) -> SampleArrays | None:
        """Read a chunk; None if it is not there."""
        ...

    def write_chunk(self, key: str, samples: SampleArrays, /) -> None:
        """Keep a chunk."""
        ...


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """Evaluations of an expression; all times are in milliseconds, both ends are included."""

    expr: str
    start: int
    end: int
    step: int

    def list_chunks(self, longest: int | None = None) -> Iterator["RangeQuery"]:
        """Divide the query at multiples of a length, so that later runs have the same chunks.

        Args:
            longest: longest time of a chunk; None for a day of minutes, or as many steps.
        """
        if longest is None:
            length = self.step * _POINTS_IN_CHUNK
        else:
            length = min(longest, self.step * _MOST_POINTS)
        first = self.start
        while first <= self.end:
            border = min((first // length + 1) * length, self.end + 1)
            last = range(first, border, self.step)[-1]
            yield RangeQuery(self.expr, first, last, self.step)
            first = last + self.step

    def halve(self) -> tuple["RangeQuery", "RangeQuery"] | None:
        """Divide a chunk in two; None if it is too small."""
        points = (self.end - self.start) // self.step + 1
        if points < _SMALLEST_PART:
            return None
        middle = self.start + (points // 2) * self.step
        return (
            RangeQuery(self.expr, self.start, middle - self.step, self.step),
            RangeQuery(self.expr, middle, self.end, self.step),
        )

    def send(self, url: str) -> SampleArrays:
        """Send the query.

        Raises:
            APIError: the request fails.
        """
        times = {"start": self.start, "end": self.end, "step": self.step}
        parameters = {name: _format_time(value) for name, value in times.items()}
        return _parse_series(
            url, read_prometheus(url, "query_range", query=self.expr, **parameters), self.start
        )


@dataclass(frozen=True, slots=True)
class SampleQuery:
    """Samples of a selector after a time, up to another; the times are in milliseconds."""

    selector: str
    start: int
    end: int

    def list_chunks(self, longest: int | None = None) -> Iterator["SampleQuery"]:
        """Divide the query."""
        length = longest or _DAY
        for first in range(self.start, self.end, length):
            yield SampleQuery(self.selector, first, min(first + length, self.end))

    def halve(self) -> tuple["SampleQuery", "SampleQuery"] | None:
        """Divide a chunk in two; None if it is too small."""
        if self.end - self.start < _HOUR:
            return None
        middle = (self.start + self.end) // 2
        return (
            SampleQuery(self.selector, self.start, middle),
            SampleQuery(self.selector, middle, self.end),
        )

    def send(self, url: str) -> SampleArrays:
        """Send the query.

        Raises:
            APIError: the request fails.
        """
        query = f"{self.selector}[{self.end - self.start}ms]"
        data = read_prometheus(url, "query", query=query, time=_format_time(self.end))
        # The start is in the range of Prometheus 2.
        return _parse_series(url, data, self.start + 1)


Query: TypeAlias = RangeQuery | SampleQuery


@dataclass(frozen=True)
class RangeReader:
    """Reader of one Prometheus.

    Attributes:
        url: base URL, with a path prefix if there is one.
        cache: cache of chunks; None to read everything.
        concurrency: how many requests are sent at the same time, at most.
        report_progress: called after each chunk with the number of those done and of all.
        now: time of the run in milliseconds.
        sleep: waits for some seconds.
        longest_chunk: longest time of a request in milliseconds.
    """

    url: str
    cache: ChunkCache | None = None
    concurrency: int = 4
    report_progress: Callable[[int, int], None] = lambda _, __: None
    now: int = 0
    sleep: Callable[[float], None] = time.sleep
    longest_chunk: int | None = None
    _answered: threading.Event = field(default_factory=threading.Event)

    def read(self, queries: Sequence[Query]) -> list[SampleArrays]:
        """Read several queries.

        Raises:
            APIError: a request fails, also after several attempts and in small parts.
        """
        chunks = {query: list(query.list_chunks(self.longest_chunk)) for query in queries}
        every = [chunk for each in chunks.values() for chunk in each]
        done, lock = 0, threading.Lock()

        def read_chunk(chunk: Query) -> SampleArrays:
            nonlocal done
            samples = self._read_chunk(chunk)
            with lock:
                done += 1
                self.report_progress(done, len(every))
            return samples

        pool = ThreadPoolExecutor(self.concurrency)
        try:
            found = dict(zip(every, pool.map(read_chunk, every), strict=True))
        finally:
            # After an error or Ctrl-C the rest is not wanted; what is read is in the cache.
            pool.shutdown(wait=True, cancel_futures=True)
        return [_join(found[chunk] for chunk in chunks[query]) for query in queries]

    def evaluate_range(self, expr: str, times: range) -> SampleArrays:
        """Evaluate an expression at some times.

        Raises:
            APIError: a request fails.
        """
        (samples,) = self.read([RangeQuery(expr, times[0], times[-1], times.step)])
        return samples

    def read_samples(self, selector: str, start: int, end: int) -> SampleArrays:
        """Read the samples of a selector after a time, up to another.

        Raises:
            APIError: a request fails.
        """
        (samples,) = self.read([SampleQuery(selector, start, end)])
        return samples

    def find_first_sample(self, selector: str, start: int, end: int) -> int | None:
        """Find the time of the oldest sample of a selector between two times, to the millisecond.

        Raises:
            APIError: a request fails.
        """
        hours = range(start + _HOUR, end + _HOUR, _HOUR)
        hourly = self.evaluate_range(f"count(last_over_time({selector}[1h]))", hours)
        if not hourly:
            return None
        hour = _find_first_time(hourly)
        # A sample at the start is in the first range of Prometheus 2.
        return _find_first_time(self.read_samples(selector, hour - _HOUR - 1, hour))

    def _read_chunk(self, chunk: Query) -> SampleArrays:
        is_settled = chunk.end < self.now - _SETTLED_AFTER_MS
        key = f"{self.url} {chunk}"
        if self.cache and is_settled and (cached := self.cache.read_chunk(key)) is not None:
            return cached
        samples = self._read_part(chunk)
        if self.cache and is_settled:
            self.cache.write_chunk(key, samples)
        return samples

    def _read_part(self, part: Query) -> SampleArrays:
        """Read a part of a chunk, or its halves if it has too many samples for one query."""
        try:
            return self._request(part)
        except APIError as error:
            halves = part.halve()
            if error.status not in _TOO_LARGE or halves is None:
                raise
        return _join(self._read_part(half) for half in halves)

    def _request(self, part: Query) -> SampleArrays:
        """Send a request; again if it may help. An address that never answered is wrong."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                samples = part.send(self.url)
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


def _parse_series(url: str, data: Any, start: int) -> SampleArrays:  # noqa: ANN401 - JSON
    """Parse the series of an answer, without samples before a time."""
    with expect_server(url, "a Prometheus"):
        return dict(_parse_row(row, start) for row in data["result"])


def _parse_row(row: Mapping[str, Any], start: int) -> tuple[Labels, "array[float]"]:
    samples: array[float] = array("d")
    for seconds, value in row.get("values", ()):
        moment = round(float(seconds) * 1000)
        if moment >= start:
            samples.append(moment)
            samples.append(float(value))
    return tuple(sorted(row["metric"].items())), samples


def _join(parts: Iterable[SampleArrays]) -> SampleArrays:
    joined: SampleArrays = {}
    for part in parts:
        for labels, samples in part.items():
            joined.setdefault(labels, array("d")).extend(samples)
    return joined


def _find_first_time(series: SampleArrays) -> int:
    return int(min(samples[0] for samples in series.values() if samples))


def _format_time(ms: int) -> str:
    return f"{ms // 1000}.{ms % 1000:03}"
