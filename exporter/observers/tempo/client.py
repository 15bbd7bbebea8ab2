"""Search and fetch traces."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from exporter.httpclient.client import HttpSource
from exporter.httpclient.errors import Answer, SourceError, SourceFault
from exporter.observers.tempo.settings import TempoSettings
from exporter.observers.tempo.trace import Trace, mentions, merged, read_trace

AT_ONCE = 20
"""Events in one query: more would make a URL that proxies refuse."""
_TRACES_EACH = 4
"""Maximum traces expected for one event, with room for repetitions."""
_TRACE_ID = re.compile(r"[0-9a-fA-F]{1,32}")

_PATHS = {"v1": "/api/traces/", "v2": "/api/v2/traces/"}
_NO_USE_TO_GO_ON = frozenset(
    {SourceFault.UNREACHABLE, SourceFault.UNAUTHORIZED, SourceFault.RATE_LIMITED}
)
_ENOUGH = 3
"""Errors after which a search ends: each may have taken the time of a whole request."""
_NOT_FOUND = 404
Document = TypeVar("Document")


def batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split ids into the batches of one query each."""
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]


def search_parameters(ids: Sequence[str], *, since: float, until: float) -> dict[str, str]:
    """Build the query parameters for all traces of some events.

    Both start and end are set: without them Tempo searches the newest traces only.
    """
    wanted = " || ".join(f"span.correlation_id = {_quoted(each)}" for each in ids)
    start = math.floor(since)
    return {
        "q": f"{{ {wanted} }}",
        "start": str(start),
        "end": str(max(math.ceil(until), start + 1)),
        "limit": str(_TRACES_EACH * len(ids)),
    }


def trace_ids(answer: object) -> list[str]:
    """Parse the trace ids in a response, each once; Tempo leaves out leading zeros.

    Raises:
        ValueError: it is no response to a search.
    """
    listed = (answer.get("traces") or []) if isinstance(answer, Mapping) else None
    if not isinstance(listed, list):
        raise ValueError("the answer to a search holds no list of traces")  # noqa: TRY004 - a wrong value, not a bug
    named = [entry.get("traceID") for entry in listed if isinstance(entry, Mapping)]
    found = [trace_id(each) for each in named if isinstance(each, str)]
    return list(dict.fromkeys(each for each in found if each))


def trace_id(written: str) -> str:
    """Pad a trace id to its full length; empty when it is invalid."""
    return written.lower().zfill(32) if _TRACE_ID.fullmatch(written) else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


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
        for ids in batches(list(wanted)):
            if not found.gives_up:
                await self._by_correlation(ids, found, since=since, until=until)
        for correlation_id, sent in wanted.items():
            if correlation_id not in found.traces and sent:
                trace = await self._trace(trace_id(sent), found)
                if trace and self._holds_ours(trace):
                    found.traces[correlation_id] = trace
        return found

    async def _by_correlation(
        self, ids: Sequence[str], found: Found, *, since: float, until: float
    ) -> None:
        try:
            parameters = search_parameters(ids, since=since, until=until)
            answer = (await self._source.get("/api/search", parameters)).checked()
            names = _read(answer, trace_ids)
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
