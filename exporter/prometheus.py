"""Client of the Prometheus HTTP API: instant and range queries."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.httpclient.client import HttpSource
from exporter.httpclient.errors import Answer, SourceError, SourceFault

_FAULTS = {
    "timeout": SourceFault.TIMEOUT,
    "canceled": SourceFault.SERVER_ERROR,
    "internal": SourceFault.SERVER_ERROR,
    "unavailable": SourceFault.SERVER_ERROR,
    "too_many_requests": SourceFault.RATE_LIMITED,
    "bad_data": SourceFault.BAD_ANSWER,
    "execution": SourceFault.BAD_ANSWER,
    "not_found": SourceFault.BAD_ANSWER,
}
"""Error kinds of Prometheus' `errorType`, and of the servers that implement its API."""
_TOLD_BY_STATUS = (SourceFault.UNAUTHORIZED, SourceFault.RATE_LIMITED)
_ENOUGH = 200
HISTOGRAMS = "native histograms are left out; select one of their functions"

MOST_POINTS = 11_000
"""Maximum points of one series in one response of Prometheus."""

_log = logging.getLogger(__name__)
_REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series."""

    labels: Mapping[str, str]
    time: float
    """Seconds since 1970."""
    value: float
    """May be NaN or infinite."""


@dataclass(frozen=True, slots=True)
class SeriesOf:
    """Values of one series over a range; times without a value are absent."""

    labels: Mapping[str, str]
    times: tuple[float, ...]
    """Seconds since 1970, ascending."""
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """Data of a response, and its warnings."""

    kind: str
    entries: Any
    warnings: tuple[str, ...]


def result(answer: Answer) -> Result:
    """Parse the data of a response.

    Raises:
        RequestError: there is no data; the kind is that of Prometheus' error, or of the status.
    """
    if answer.fault in _TOLD_BY_STATUS:
        answer.checked()
    try:
        document = answer.json()
    except SourceError:
        answer.checked()  # a page of a proxy: its status is more useful than its text
        raise
    if not isinstance(document, Mapping):
        raise answer.refused(SourceFault.BAD_ANSWER, "the answer is no JSON object")
    if document.get("status") != "success":
        raise _refused(answer, document)
    data = document.get("data")
    if not isinstance(data, Mapping) or not isinstance(data.get("result"), list):
        raise answer.refused(SourceFault.BAD_ANSWER, "the answer holds no result")
    said = document.get("warnings")
    warnings = tuple(map(_line, said)) if isinstance(said, list) else ()
    return Result(str(data.get("resultType")), data["result"], warnings)


def samples(answer: Answer) -> tuple[list[Sample], tuple[str, ...]]:
    """Parse the samples of an instant query, and its warnings.

    Raises:
        RequestError: the response holds no samples.
    """
    found = result(answer)
    try:
        match found.kind:
            case "vector":
                plain, warnings = _plain(found, "value")
                return [_sample(_labels(each), each["value"]) for each in plain], warnings
            case "scalar":
                return [_sample({}, found.entries)], found.warnings
    except (KeyError, TypeError, ValueError):
        raise answer.refused(SourceFault.BAD_ANSWER, "a sample is none") from None
    raise answer.refused(SourceFault.BAD_ANSWER, "the query gives no samples, but ranges or text")


def series(answer: Answer) -> tuple[list[SeriesOf], tuple[str, ...]]:
    """Parse the series of a range query, and its warnings.

    Raises:
        RequestError: the response holds no series.
    """
    found = result(answer)
    if found.kind != "matrix":
        raise answer.refused(SourceFault.BAD_ANSWER, "the query gives no series")
    try:
        plain, warnings = _plain(found, "values")
        return [_series(each) for each in plain], warnings
    except (KeyError, TypeError, ValueError):
        raise answer.refused(SourceFault.BAD_ANSWER, "a series is none") from None


def joined(parts: Iterable[Iterable[SeriesOf]]) -> list[SeriesOf]:
    """Join the series of several responses, in order of time."""
    pieces: dict[frozenset[tuple[str, str]], list[SeriesOf]] = {}
    for part in parts:
        for piece in part:
            pieces.setdefault(frozenset(piece.labels.items()), []).append(piece)
    return [
        SeriesOf(
            same[0].labels,
            tuple(time for piece in same for time in piece.times),
            tuple(value for piece in same for value in piece.values),
        )
        for same in pieces.values()
    ]


def _refused(answer: Answer, document: Mapping[str, Any]) -> SourceError:
    kind = document.get("errorType")
    fault = _FAULTS.get(kind) if isinstance(kind, str) else None
    why = f"{_line(kind)}: {_line(document.get('error'))}"
    return answer.refused(fault or answer.fault or SourceFault.BAD_ANSWER, why)


def _line(text: object) -> str:
    """Shorten a text of the server to one printable line."""
    kept = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return kept if len(kept) <= _ENOUGH else f"{kept[:_ENOUGH]}..."


def _plain(found: Result, key: str) -> tuple[list[Any], tuple[str, ...]]:
    """Select the entries with float values, and add a warning about histograms."""
    other = f"histogram{key.removeprefix('value')}"
    plain = [each for each in found.entries if key in each or other not in each]
    left_out = len(plain) < len(found.entries)
    return plain, (*found.warnings, HISTOGRAMS) if left_out else found.warnings


def _labels(entry: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in dict(entry["metric"]).items()}


def _sample(labels: Mapping[str, str], pair: Any) -> Sample:  # noqa: ANN401 - a foreign API's JSON
    time, value = pair
    return Sample(labels, float(time), float(value))


def _series(entry: Mapping[str, Any]) -> SeriesOf:
    points = [_sample({}, pair) for pair in entry["values"]]
    return SeriesOf(
        _labels(entry),
        tuple(point.time for point in points),
        tuple(point.value for point in points),
    )


def milliseconds(seconds: float) -> int:
    """Convert seconds to whole milliseconds."""
    return round(seconds * 1000)


def written(ms: int) -> str:
    """Format milliseconds as seconds, as the API reads times and steps."""
    return f"{ms // 1000}.{ms % 1000:03}"


def windows(start: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """Split a range; yield the first and the last point of each request.

    Raises:
        ValueError: the range is invalid.
    """
    if step <= 0 or end < start or start < 0:
        raise ValueError(f"no range: from {start} to {end} ms in steps of {step} ms")
    points = (end - start) // step + 1
    for first in range(0, points, MOST_POINTS):
        last = min(first + MOST_POINTS, points) - 1
        yield start + first * step, start + last * step


class Prometheus:
    """Client of one Prometheus, or of a server that implements its API.

    Args:
        http_client: HTTP client; its URL ends before /api/v1.
        on_warning: called with every warning of a response; by default each is logged once.
    """

    def __init__(self, source: HttpSource, *, warned: Callable[[str], None] | None = None) -> None:
        self._source = source
        self._warned = warned or _logging_once(source.name)

    async def instant(self, query: str, *, time: float | None = None) -> list[Sample]:
        """Query the samples now, or at another time; a scalar is a sample without labels.

        Raises:
            RequestError: there is no result.
        """
        form = {"query": query}
        if time is not None:
            form["time"] = written(milliseconds(time))
        answer = await self._source.read_by_post("/api/v1/query", form)
        found, warnings = samples(answer)
        self._warn(warnings)
        return found

    async def range(self, query: str, *, start: float, end: float, step: float) -> list[SeriesOf]:
        """Query the series from start to end, for any number of points.

        Raises:
            RequestError: there is no result, or a part of it is missing.
            ValueError: the range is invalid.
        """
        parts = []
        step_ms = milliseconds(step)
        for first, last in windows(milliseconds(start), milliseconds(end), step_ms):
            form = {
                "query": query,
                "start": written(first),
                "end": written(last),
                "step": written(step_ms),
            }
            answer = await self._source.read_by_post("/api/v1/query_range", form)
            found, warnings = series(answer)
            self._warn(warnings)
            parts.append(found)
        return joined(parts)

    def _warn(self, warnings: tuple[str, ...]) -> None:
        for warning in warnings:
            self._warned(warning)


def _logging_once(name: str) -> Callable[[str], None]:
    """Make a function that logs each warning once, up to a limit."""
    seen: set[str] = set()

    def log(warning: str) -> None:
        if warning not in seen and len(seen) < _REMEMBERED:
            seen.add(warning)
            _log.warning("%s: %s", name, warning)

    return log
