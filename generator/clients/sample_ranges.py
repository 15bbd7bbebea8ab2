"""Reader of ranges of samples, in chunks, which are kept on disk for an interrupted run."""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generator.clients.json_api import APIError, expect_server
from generator.clients.prometheus import read_prometheus

Samples = list[tuple[int, float]]
"""Times in milliseconds and values, in the order of time."""
SeriesByLabels = dict[tuple[tuple[str, str], ...], Samples]

_HOUR = 3_600_000
_ATTEMPTS = 3
# Samples that are younger may not all have arrived.
_SETTLED_AFTER = _HOUR
# What Prometheus returns for a series at most.
_POINTS = 11_000


@dataclass(frozen=True, slots=True)
class SampleReader:
    """Reader of one server.

    Attributes:
        url: base URL, with a path prefix if there is one.
        chunk: longest range of a request in milliseconds; chunks begin at multiples of it.
        cache: folder of the answers; None to keep nothing.
        kept: files of the answers that this run has read or written.
    """

    url: str
    chunk: int
    cache: Path | None = None
    kept: set[Path] = field(default_factory=set)

    def evaluate_range(self, query: str, times: range) -> SeriesByLabels:
        """Evaluate a query at some times.

        Raises:
            APIError: a request fails.
        """
        found: SeriesByLabels = {}
        for part in self._split_times(times):
            parameters = {
                "query": query,
                "start": _format_time(part[0]),
                "end": _format_time(part[-1]),
                "step": _format_time(part.step),
            }
            data = self._read("query_range", settled=part[-1], **parameters)
            self._collect(data, found)
        return found

    def read_samples(self, selector: str, start: int, end: int) -> SeriesByLabels:
        """Read the samples of a selector after a time, up to another.

        Raises:
            APIError: a request fails.
        """
        found: SeriesByLabels = {}
        for first in range(start, end, self.chunk):
            last = min(first + self.chunk, end)
            query = f"{selector}[{last - first}ms]"
            data = self._read("query", settled=last, query=query, time=_format_time(last))
            self._collect(data, found, after=first)
        return found

    def find_first_sample(self, selector: str, start: int, end: int) -> int | None:
        """Find the time of the oldest sample of a selector between two times, to the millisecond.

        Raises:
            APIError: a request fails.
        """
        hours = range(start + _HOUR, end + _HOUR, _HOUR)
        hourly = self.evaluate_range(f"count(last_over_time({selector}[1h]))", hours)
        if not hourly:
            return None
        hour = min(time for samples in hourly.values() for time, _ in samples)
        # A sample at the start is in the first range of Prometheus 2.
        series = self.read_samples(selector, hour - _HOUR - 1, hour)
        return min(time for samples in series.values() for time, _ in samples)

    def remove_kept(self) -> None:
        """Remove the answers that this run has kept."""
        for file in self.kept:
            file.unlink(missing_ok=True)

    def _split_times(self, times: range) -> Iterator[range]:
        length = min(self.chunk, times.step * _POINTS)
        first = times.start
        while first < times.stop:
            border = min((first // length + 1) * length, times.stop)
            part = range(first, border, times.step)
            yield part
            first = part[-1] + times.step

    def _collect(self, data: Any, found: SeriesByLabels, *, after: int = 0) -> None:  # noqa: ANN401 - JSON
        with expect_server(self.url, "a Prometheus"):
            for series in data["result"]:
                values = [
                    (round(float(time) * 1000), float(value))
                    for time, value in series.get("values", ())
                ]
                samples = found.setdefault(tuple(sorted(series["metric"].items())), [])
                samples += [sample for sample in values if sample[0] > after]

    def _read(self, path: str, *, settled: int, **parameters: str) -> Any:  # noqa: ANN401 - JSON
        """Read an answer of the server, or the one that was kept."""
        file = None
        if self.cache and settled < time.time() * 1000 - _SETTLED_AFTER:
            key = json.dumps([self.url, path, parameters])
            file = self.cache / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
            self.kept.add(file)
            with suppress(OSError, ValueError):
                return json.loads(file.read_bytes())
        data = self._read_patiently(path, parameters)
        if file:
            with suppress(OSError):
                _write_file(file, json.dumps(data, separators=(",", ":")))
        return data

    def _read_patiently(self, path: str, parameters: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return read_prometheus(self.url, path, **parameters)
            except APIError:
                if attempt == _ATTEMPTS:
                    raise
                time.sleep(attempt)
        raise AssertionError


def _format_time(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03}"


def _write_file(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    new_file = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        new_file.write_text(text, encoding="utf-8")
        new_file.replace(file)
    finally:
        new_file.unlink(missing_ok=True)
