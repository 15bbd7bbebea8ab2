"""Client of the Prometheus HTTP API."""

import logging
from collections.abc import Callable

from exporter.http_source.source import HttpSource
from exporter.prometheus_api import answers, ranges
from exporter.prometheus_api.answers import Sample, SeriesOf

_log = logging.getLogger(__name__)
_REMEMBERED = 100


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
            form["time"] = ranges.written(ranges.milliseconds(time))
        answer = await self._source.read_by_post("/api/v1/query", form)
        found, warnings = answers.samples(answer)
        self._warn(warnings)
        return found

    async def range(self, query: str, *, start: float, end: float, step: float) -> list[SeriesOf]:
        """Query the series from start to end, for any number of points.

        Raises:
            RequestError: there is no result, or a part of it is missing.
            ValueError: the range is invalid.
        """
        parts = []
        step_ms = ranges.milliseconds(step)
        for first, last in ranges.windows(
            ranges.milliseconds(start), ranges.milliseconds(end), step_ms
        ):
            form = {
                "query": query,
                "start": ranges.written(first),
                "end": ranges.written(last),
                "step": ranges.written(step_ms),
            }
            answer = await self._source.read_by_post("/api/v1/query_range", form)
            found, warnings = answers.series(answer)
            self._warn(warnings)
            parts.append(found)
        return answers.joined(parts)

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
