"""Parsers of Prometheus API responses. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.http_source.answer import Answer, SourceError, SourceFault

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
