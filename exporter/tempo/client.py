"""Client of Tempo: find the traces of events."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from exporter.http_source.answer import Answer, SourceError, SourceFault
from exporter.http_source.source import HttpSource
from exporter.tempo import search
from exporter.tempo.reading import read_trace
from exporter.tempo.settings import TempoSettings
from exporter.tempo.trace import Trace, mentions, merged

_PATHS = {"v1": "/api/traces/", "v2": "/api/v2/traces/"}
_NO_USE_TO_GO_ON = frozenset(
    {SourceFault.UNREACHABLE, SourceFault.UNAUTHORIZED, SourceFault.RATE_LIMITED}
)
_ENOUGH = 3
"""Errors after which a search ends: each may have taken the time of a whole request."""
_NOT_FOUND = 404
Document = TypeVar("Document")


@dataclass(slots=True)
class Found:
    """Result of one search."""

    traces: dict[str, Trace] = field(default_factory=dict)
    """By correlation id; an event that is absent was not found, or not yet."""
    errors: list[SourceError] = field(default_factory=list)
    """Errors during the search; one bad trace does not hide the others."""

    @property
    def gives_up(self) -> bool:
        """True if further requests would fail as well."""
        hopeless = any(error.fault in _NO_USE_TO_GO_ON for error in self.errors)
        return hopeless or len(self.errors) >= _ENOUGH


class Tempo:
    """Client that finds traces of agent-sre."""

    def __init__(self, source: HttpSource, settings: TempoSettings) -> None:
        self._source = source
        self._path = _PATHS[settings.trace_api]
        self._rules = settings.rules

    async def find(self, wanted: Mapping[str, str | None], *, since: float, until: float) -> Found:
        """Search once for the traces of events; errors of Tempo are part of the result.

        An event whose correlation id is not found is looked up by the trace id it was sent with.
        Spans arrive late: the caller searches again for a missing one.

        Args:
            trace_ids: by correlation id, the trace id that was sent along; None if none was.
            since: seconds since 1970; start of the search.
            until: seconds since 1970; end of the search.
        """
        found = Found()
        for ids in search.batches(list(wanted)):
            if not found.gives_up:
                await self._by_correlation(ids, found, since=since, until=until)
        for correlation_id, sent in wanted.items():
            if correlation_id not in found.traces and sent:
                trace = await self._trace(search.trace_id(sent), found)
                if trace and self._holds_ours(trace):
                    found.traces[correlation_id] = trace
        return found

    async def _by_correlation(
        self, ids: Sequence[str], found: Found, *, since: float, until: float
    ) -> None:
        try:
            parameters = search.search_parameters(ids, since=since, until=until)
            answer = (await self._source.get("/api/search", parameters)).checked()
            names = _read(answer, search.trace_ids)
        except SourceError as error:
            found.errors.append(error)
            return
        traces = [await self._trace(name, found) for name in names]
        for each in ids:
            mine = [trace for trace in traces if trace and _is_of(trace, each)]
            if mine:
                found.traces[each] = merged(mine)

    async def _trace(self, trace_id: str, found: Found) -> Trace | None:
        """Fetch one trace.

        None when it does not exist, after an error, or after the search was aborted.
        """
        if not trace_id or found.gives_up:
            return None
        try:
            answer = await self._source.get(self._path + trace_id)
            if answer.status == _NOT_FOUND:
                return None
            return _read(answer.checked(), read_trace)
        except SourceError as error:
            found.errors.append(error)
            return None

    def _holds_ours(self, trace: Trace) -> bool:
        """Return True if agent-sre took part; the trace id was created by the prober."""
        return any(span.service == self._rules.service for span in trace.spans)


def _is_of(trace: Trace, correlation_id: str) -> bool:
    return any(mentions(span, correlation_id) for span in trace.spans)


def _read(answer: Answer, reader: Callable[[object], Document]) -> Document:
    document = answer.json()
    try:
        return reader(document)
    except ValueError as error:
        raise answer.refused(SourceFault.BAD_ANSWER, str(error)) from error
