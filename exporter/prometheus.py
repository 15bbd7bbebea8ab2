"""Client of the Prometheus HTTP API: instant and range queries."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.httpclient.client import HttpClient
from exporter.httpclient.errors import RequestError, Response
from exporter.model.error_kind import ErrorKind

_ERROR_KINDS = {
    "timeout": ErrorKind.TIMEOUT,
    "canceled": ErrorKind.SERVER_ERROR,
    "internal": ErrorKind.SERVER_ERROR,
    "unavailable": ErrorKind.SERVER_ERROR,
    "too_many_requests": ErrorKind.RATE_LIMITED,
    "bad_data": ErrorKind.BAD_RESPONSE,
    "execution": ErrorKind.BAD_RESPONSE,
    "not_found": ErrorKind.BAD_RESPONSE,
}
"""Error kinds of Prometheus' `errorType`, and of the servers that implement its API."""
_STATUS_KINDS = (ErrorKind.UNAUTHORIZED, ErrorKind.RATE_LIMITED)
_MAX_TEXT = 200
HISTOGRAM_WARNING = "native histograms are ignored; use a histogram function"

MAX_POINTS = 11_000
"""Maximum points of one series in one response of Prometheus."""

_log = logging.getLogger(__name__)
_MAX_WARNINGS = 100


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series."""

    labels: Mapping[str, str]
    time: float
    """Seconds since 1970."""
    value: float
    """May be NaN or infinite."""


@dataclass(frozen=True, slots=True)
class SampleStream:
    """Values of one series over a range; times without a value are absent."""

    labels: Mapping[str, str]
    times: tuple[float, ...]
    """Seconds since 1970, ascending."""
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Data of a response, and its warnings."""

    kind: str
    entries: Any
    warnings: tuple[str, ...]


def parse_result(response: Response) -> QueryResult:
    """Parse the data of a response.

    Raises:
        RequestError: there is no data; the kind is that of Prometheus' error, or of the status.
    """
    if response.error_kind in _STATUS_KINDS:
        response.raise_for_status()
    try:
        document = response.parse_json()
    except RequestError:
        response.raise_for_status()  # a page of a proxy: its status is more useful than its text
        raise
    if not isinstance(document, Mapping):
        raise response.build_error(ErrorKind.BAD_RESPONSE, "the response is not a JSON object")
    if document.get("status") != "success":
        raise _build_error(response, document)
    data = document.get("data")
    if not isinstance(data, Mapping) or not isinstance(data.get("result"), list):
        raise response.build_error(ErrorKind.BAD_RESPONSE, "the response contains no result")
    texts = document.get("warnings")
    warnings = tuple(map(_shorten, texts)) if isinstance(texts, list) else ()
    return QueryResult(str(data.get("resultType")), data["result"], warnings)


def parse_samples(response: Response) -> tuple[list[Sample], tuple[str, ...]]:
    """Parse the samples of an instant query, and its warnings.

    Raises:
        RequestError: the response holds no samples.
    """
    query_result = parse_result(response)
    try:
        match query_result.kind:
            case "vector":
                entries, warnings = _select_float_entries(query_result, "value")
                return [
                    _parse_sample(_parse_labels(each), each["value"]) for each in entries
                ], warnings
            case "scalar":
                return [_parse_sample({}, query_result.entries)], query_result.warnings
    except (KeyError, TypeError, ValueError):
        raise response.build_error(ErrorKind.BAD_RESPONSE, "invalid sample") from None
    raise response.build_error(
        ErrorKind.BAD_RESPONSE, "the query returns ranges or text, not samples"
    )


def parse_series(response: Response) -> tuple[list[SampleStream], tuple[str, ...]]:
    """Parse the series of a range query, and its warnings.

    Raises:
        RequestError: the response holds no series.
    """
    query_result = parse_result(response)
    if query_result.kind != "matrix":
        raise response.build_error(ErrorKind.BAD_RESPONSE, "the query returns no series")
    try:
        entries, warnings = _select_float_entries(query_result, "values")
        return [_parse_range_series(each) for each in entries], warnings
    except (KeyError, TypeError, ValueError):
        raise response.build_error(ErrorKind.BAD_RESPONSE, "invalid series") from None


def join_series(parts: Iterable[Iterable[SampleStream]]) -> list[SampleStream]:
    """Join the series of several responses, in order of time."""
    pieces: dict[frozenset[tuple[str, str]], list[SampleStream]] = {}
    for part in parts:
        for piece in part:
            pieces.setdefault(frozenset(piece.labels.items()), []).append(piece)
    return [
        SampleStream(
            pieces_of_series[0].labels,
            tuple(time for piece in pieces_of_series for time in piece.times),
            tuple(value for piece in pieces_of_series for value in piece.values),
        )
        for pieces_of_series in pieces.values()
    ]


def _build_error(response: Response, document: Mapping[str, Any]) -> RequestError:
    kind = document.get("errorType")
    error_kind = _ERROR_KINDS.get(kind) if isinstance(kind, str) else None
    reason = f"{_shorten(kind)}: {_shorten(document.get('error'))}"
    return response.build_error(error_kind or response.error_kind or ErrorKind.BAD_RESPONSE, reason)


def _shorten(text: object) -> str:
    """Shorten a text of the server to one printable line."""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text))
    return printable if len(printable) <= _MAX_TEXT else f"{printable[:_MAX_TEXT]}..."


def _select_float_entries(query_result: QueryResult, key: str) -> tuple[list[Any], tuple[str, ...]]:
    """Select the entries with float values, and add a warning about histograms."""
    other = f"histogram{key.removeprefix('value')}"
    float_entries = [each for each in query_result.entries if key in each or other not in each]
    has_histograms = len(float_entries) < len(query_result.entries)
    return float_entries, (
        *query_result.warnings,
        HISTOGRAM_WARNING,
    ) if has_histograms else query_result.warnings


def _parse_labels(entry: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in dict(entry["metric"]).items()}


def _parse_sample(labels: Mapping[str, str], pair: Any) -> Sample:  # noqa: ANN401 - a foreign API's JSON
    time, value = pair
    return Sample(labels, float(time), float(value))


def _parse_range_series(entry: Mapping[str, Any]) -> SampleStream:
    points = [_parse_sample({}, pair) for pair in entry["values"]]
    return SampleStream(
        _parse_labels(entry),
        tuple(point.time for point in points),
        tuple(point.value for point in points),
    )


def to_milliseconds(seconds: float) -> int:
    """Convert seconds to whole milliseconds."""
    return round(seconds * 1000)


def format_seconds(ms: int) -> str:
    """Format milliseconds as seconds, as the API reads times and steps."""
    return f"{ms // 1000}.{ms % 1000:03}"


def split_range(start: int, end: int, step: int) -> Iterator[tuple[int, int]]:
    """Split a range; yield the first and the last point of each request.

    Raises:
        ValueError: the range is invalid.
    """
    if step <= 0 or end < start or start < 0:
        raise ValueError(f"invalid range: from {start} to {end} ms in steps of {step} ms")
    points = (end - start) // step + 1
    for first in range(0, points, MAX_POINTS):
        last = min(first + MAX_POINTS, points) - 1
        yield start + first * step, start + last * step


class PrometheusClient:
    """Client of one Prometheus, or of a server that implements its API.

    Args:
        http_client: HTTP client; its URL ends before /api/v1.
        namespace: the value of `$namespace` in queries.
        on_warning: called with every warning of a response; by default each is logged once.
    """

    def __init__(
        self,
        http_client: HttpClient,
        *,
        namespace: str = "ai",
        on_warning: Callable[[str], None] | None = None,
    ) -> None:
        self._http_client = http_client
        self._namespace = namespace
        self._on_warning = on_warning or _make_warning_logger(http_client.name)

    async def query(self, query: str, *, time: float | None = None) -> list[Sample]:
        """Query the samples now, or at another time; a scalar is a sample without labels.

        Raises:
            RequestError: there is no result.
        """
        form = {"query": self._fill_query(query)}
        if time is not None:
            form["time"] = format_seconds(to_milliseconds(time))
        response = await self._http_client.post_query("/api/v1/query", form)
        samples, warnings = parse_samples(response)
        self._report_warnings(warnings)
        return samples

    async def query_range(
        self, query: str, *, start: float, end: float, step: float
    ) -> list[SampleStream]:
        """Query the series from start to end, for any number of points.

        Raises:
            RequestError: there is no result, or a part of it is missing.
            ValueError: the range is invalid.
        """
        parts = []
        step_ms = to_milliseconds(step)
        for first, last in split_range(to_milliseconds(start), to_milliseconds(end), step_ms):
            form = {
                "query": self._fill_query(query),
                "start": format_seconds(first),
                "end": format_seconds(last),
                "step": format_seconds(step_ms),
            }
            response = await self._http_client.post_query("/api/v1/query_range", form)
            series, warnings = parse_series(response)
            self._report_warnings(warnings)
            parts.append(series)
        return join_series(parts)

    def _fill_query(self, query: str) -> str:
        return query.replace("$namespace", self._namespace)

    def _report_warnings(self, warnings: tuple[str, ...]) -> None:
        for warning in warnings:
            self._on_warning(warning)


def _make_warning_logger(name: str) -> Callable[[str], None]:
    """Make a function that logs each warning once, up to a limit."""
    seen: set[str] = set()

    def log(warning: str) -> None:
        if warning not in seen and len(seen) < _MAX_WARNINGS:
            seen.add(warning)
            _log.warning("%s: %s", name, warning)

    return log
