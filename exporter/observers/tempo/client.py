"""Tempo client: searches and fetches traces."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from pydantic import Field

from exporter.httpclient.client import HttpClient
from exporter.httpclient.errors import RequestError, Response
from exporter.httpclient.settings import HttpClientSettings
from exporter.model.error_kind import ErrorKind
from exporter.observers.tempo.spans import SpanRules
from exporter.observers.tempo.trace import Trace, mentions_event, merge_traces, parse_trace

_VERIFICATION = ["verification", "remediation.verify", "alert.verify"]


class TempoSettings(HttpClientSettings):
    """Settings of the Tempo client, and the rules that identify agent-sre's spans."""

    service: str = Field(default="agent-sre", min_length=1)
    """The service.name of agent-sre. Default agent-sre. Spans of other services, the prober
    included, are ignored."""
    verification_spans: list[str] = Field(default=_VERIFICATION)
    """Names of verification spans. The service creates none today, so the stage stays absent until
    one of these appears."""
    linear_hosts: list[str] = Field(default=["api.linear.app"])
    """Hosts of Linear; requests to them are calls to Linear. Default: Linear's own; set that of a
    simulator here."""
    trace_api: Literal["v1", "v2"] = "v1"
    """Version of the trace API: v1 is /api/traces, which every Tempo has; v2 is /api/v2/traces,
    which returns a part of a trace that is too large instead of an error. Default v1."""

    @property
    def rules(self) -> SpanRules:
        """Rules that identify the spans of agent-sre."""
        return SpanRules(
            service=self.service,
            verification=frozenset(self.verification_spans),
            linear_hosts=frozenset(host.lower() for host in self.linear_hosts),
        )


BATCH_SIZE = 20
"""Events in one query: more would make a URL that proxies refuse."""
_TRACES_PER_EVENT = 4
"""Maximum traces expected for one event, with room for repetitions."""
_TRACE_ID = re.compile(r"[0-9a-fA-F]{1,32}")

_PATHS = {"v1": "/api/traces/", "v2": "/api/v2/traces/"}
_FATAL_KINDS = frozenset({ErrorKind.UNREACHABLE, ErrorKind.UNAUTHORIZED, ErrorKind.RATE_LIMITED})
_MAX_ERRORS = 3
"""Errors after which a search ends: each may have taken the time of a whole request."""
_NOT_FOUND = 404
_PARTIAL_CONTENT = 206
"""Status of Tempo before 2.2 for a trace some of whose blocks could not be read."""
Document = TypeVar("Document")


def split_batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split ids into the batches of one query each."""
    for start in range(0, len(ids), BATCH_SIZE):
        yield ids[start : start + BATCH_SIZE]


def build_parameters(ids: Sequence[str], *, since: float, until: float) -> dict[str, str]:
    """Build the query parameters for all traces of some events.

    Both start and end are set: without them Tempo searches the newest traces only.
    """
    condition = " || ".join(f"span.correlation_id = {_quote(each)}" for each in ids)
    start = math.floor(since)
    return {
        "q": f"{{ {condition} }}",
        "start": str(start),
        "end": str(max(math.ceil(until), start + 1)),
        "limit": str(_TRACES_PER_EVENT * len(ids)),
    }


def parse_trace_ids(document: object) -> list[str]:
    """Parse the trace ids in a response, each once; Tempo leaves out leading zeros.

    Raises:
        ValueError: it is no response to a search.
    """
    traces = (document.get("traces") or []) if isinstance(document, Mapping) else None
    if not isinstance(traces, list):
        raise ValueError("the search response contains no list of traces")  # noqa: TRY004 - a wrong value, not a bug
    raw_ids = [entry.get("traceID") for entry in traces if isinstance(entry, Mapping)]
    ids = [normalize_trace_id(each) for each in raw_ids if isinstance(each, str)]
    return list(dict.fromkeys(each for each in ids if each))


def normalize_trace_id(text: str) -> str:
    """Pad a trace id to its full length; empty when it is invalid."""
    return text.lower().zfill(32) if _TRACE_ID.fullmatch(text) else ""


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@dataclass(slots=True)
class TraceSearch:
    """Result of one search."""

    traces: dict[str, Trace] = field(default_factory=dict)
    """By correlation id; an event that is absent was not found, or not yet."""
    errors: list[RequestError] = field(default_factory=list)
    """Errors during the search; one bad trace does not hide the others."""

    @property
    def is_aborted(self) -> bool:
        """True if further requests would fail as well."""
        has_fatal_error = any(error.kind in _FATAL_KINDS for error in self.errors)
        return has_fatal_error or len(self.errors) >= _MAX_ERRORS


class TempoClient:
    """Client that finds traces of agent-sre."""

    def __init__(self, http_client: HttpClient, settings: TempoSettings) -> None:
        self._http_client = http_client
        self._path = _PATHS[settings.trace_api]
        self._rules = settings.rules

    async def find_traces(
        self, trace_ids: Mapping[str, str | None], *, since: float, until: float
    ) -> TraceSearch:
        """Search once for the traces of events; errors of Tempo are part of the result.

        An event whose correlation id is not found is looked up by the trace id it was sent with.
        Spans arrive late: the caller searches again for a missing one.

        Args:
            trace_ids: by correlation id, the trace id that was sent along; None if none was.
            since: seconds since 1970; start of the search.
            until: seconds since 1970; end of the search.
        """
        search_result = TraceSearch()
        for ids in split_batches(list(trace_ids)):
            if not search_result.is_aborted:
                await self._search_by_correlation(ids, search_result, since=since, until=until)
        for correlation_id, trace_id in trace_ids.items():
            if correlation_id not in search_result.traces and trace_id:
                trace = await self._fetch_trace(normalize_trace_id(trace_id), search_result)
                if trace and self._has_service_span(trace):
                    search_result.traces[correlation_id] = trace
        return search_result

    async def _search_by_correlation(
        self, ids: Sequence[str], search_result: TraceSearch, *, since: float, until: float
    ) -> None:
        try:
            parameters = build_parameters(ids, since=since, until=until)
            response = (await self._http_client.get("/api/search", parameters)).raise_for_status()
            found_ids = _parse_document(response, parse_trace_ids)
        except RequestError as error:
            search_result.errors.append(error)
            return
        traces = [await self._fetch_trace(trace_id, search_result) for trace_id in found_ids]
        for each in ids:
            matching = [trace for trace in traces if trace and _has_event(trace, each)]
            if matching:
                search_result.traces[each] = merge_traces(matching)

    async def _fetch_trace(self, trace_id: str, search_result: TraceSearch) -> Trace | None:
        """Fetch one trace.

        None when it does not exist, after an error, or after the search was aborted.
        """
        if not trace_id or search_result.is_aborted:
            return None
        try:
            response = await self._http_client.get(self._path + trace_id)
            if response.status == _NOT_FOUND:
                return None
            trace = _parse_document(response.raise_for_status(), parse_trace)
        except RequestError as error:
            search_result.errors.append(error)
            return None
        is_partial = trace.partial or response.status == _PARTIAL_CONTENT
        return replace(trace, partial=is_partial)

    def _has_service_span(self, trace: Trace) -> bool:
        """Return True if agent-sre took part; the trace id was created by the prober."""
        return any(span.service == self._rules.service for span in trace.spans)


def _has_event(trace: Trace, correlation_id: str) -> bool:
    return any(mentions_event(span, correlation_id) for span in trace.spans)


def _parse_document(response: Response, reader: Callable[[object], Document]) -> Document:
    document = response.parse_json()
    try:
        return reader(document)
    except ValueError as error:
        raise response.build_error(ErrorKind.BAD_RESPONSE, str(error)) from error
