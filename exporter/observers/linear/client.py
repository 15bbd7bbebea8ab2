"""Linear client: finds, archives and lists issues over GraphQL."""

import asyncio
import contextlib
import json
import math
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from exporter.httpclient.auth import CredentialsError
from exporter.httpclient.client import HttpClient, HttpRequest
from exporter.httpclient.errors import RequestError
from exporter.httpclient.retry import Backoff, CircuitBreaker, RateLimiter, parse_http_date
from exporter.httpclient.settings import HttpClientSettings
from exporter.model.error_kind import ErrorKind
from exporter.observers.linear.clock_skew import ClockSkew, ClockSkewEstimator
from exporter.observers.linear.issue import MARKER, Issue, IssuePage, parse_page
from exporter.observers.linear.response import LinearResponse, parse_response
from exporter.observers.linear.settings import LinearSettings
from exporter.schedule.clock import Clock

_MAX_BODY_BYTES = 32 * 1024 * 1024
"""Bytes of a response that are read: 250 issues of the longest kind are a tenth of it."""
_SERVER = "Linear"

ISSUES_QUERY = """
query SloProbeIssues($filter: IssueFilter!, $first: Int!, $after: String, $archived: Boolean!) {
  issues(filter: $filter, first: $first, after: $after, includeArchived: $archived) {
    nodes { id title description createdAt archivedAt }
    pageInfo { hasNextPage endCursor }
  }
}"""
ARCHIVE_BATCH = 10
"""Issues in one request: archiving an issue costs Linear up to half a second, one after the other,
and all of them must be done within the timeout of a request."""

_ARCHIVE_CONCURRENCY = 4
"""Requests that archive at once. One takes up to five seconds, and Linear's limit is one every 1.4
s."""
_FIRST_WAIT = 2.0
_LONGEST_WAIT = 300.0
_UNAUTHORIZED_WAIT = 300.0
"""Seconds after a refused key: a person has to change it, and twelve attempts an hour find
out soon enough that somebody did."""
_MARGIN = 60.0
"""Seconds before the oldest run that are searched as well, so that a small difference of two clocks
does not require a second search."""
_MAX_TEXTS = 50
"""Maximum texts of one search."""
_MAX_PAGES = 200
"""Maximum pages of one search; at 250 issues each that is more than a workspace should hold."""


class LinearTransport:
    """HTTP transport; every error is part of the returned response."""

    def __init__(
        self,
        settings: LinearSettings,
        *,
        read_key: Callable[[], SecretStr],
        http: HttpClient,
        clock: Clock,
    ) -> None:
        """Read the key.

        Raises:
            CredentialsError: there is no key.
        """
        self._url = settings.url
        self._read_key = read_key
        self._key: SecretStr | None = read_key()
        self._http = http
        self._clock = clock
        self._offset = clock.steady() - clock.now()
        self._skew = ClockSkewEstimator()

    @property
    def skew(self) -> ClockSkew:
        """Estimated skew of Linear's clock."""
        return self._skew.current

    def wall(self) -> float:
        """Return seconds since 1970 on our clock.

        Changes of the machine's clock do not affect it.
        """
        return self._clock.now() + self._offset

    async def send(self, query: str, variables: Mapping[str, Any]) -> LinearResponse:
        """Send one request. The key is read again after it was refused."""
        if self._key is None:
            try:
                self._key = self._read_key()
            except CredentialsError:
                return LinearResponse(
                    error_kind=ErrorKind.UNAUTHORIZED, reason="the key cannot be read"
                )
        request = HttpRequest(
            "POST",
            self._url,
            {"Authorization": self._key.get_secret_value(), "Content-Type": "application/json"},
            body=json.dumps({"query": query, "variables": variables}).encode(),
            max_body_bytes=_MAX_BODY_BYTES,
        )
        sent = self.wall()
        try:
            http_response = await self._http.send_once(request)
        except RequestError as error:
            return LinearResponse(error_kind=_to_response_kind(error.kind), reason=error.reason)
        received = self.wall()
        date = parse_http_date(http_response.headers.get("Date", ""))
        if date is not None:
            self._skew.add(date, sent=sent, received=received)
        response = parse_response(
            http_response.status, http_response.headers, http_response.body, wall=received
        )
        if response.error_kind is ErrorKind.UNAUTHORIZED:
            self._key = None
        return response


def _to_response_kind(kind: ErrorKind) -> ErrorKind:
    """Return the kind under which a request without a response is reported."""
    return ErrorKind.UNREACHABLE if kind is ErrorKind.TIMEOUT else kind


def build_issue_filter(
    texts: Sequence[str] = (MARKER,), *, since: float | None = None
) -> dict[str, Any]:
    """Build the `IssueFilter` for issues that hold one of some texts.

    Args:
        texts: texts of which the description holds one. Default: the marker.
        since: earliest time of creation, in seconds since 1970 on Linear's clock.
    """
    holds_text = [{"description": {"contains": text}} for text in texts]
    issue_filter: dict[str, Any] = holds_text[0] if len(texts) == 1 else {"or": holds_text}
    if since is not None:
        text = datetime.fromtimestamp(since, tz=UTC).isoformat(timespec="milliseconds")
        issue_filter["createdAt"] = {"gte": text.replace("+00:00", "Z")}
    return issue_filter


def build_archive_mutation(aliases: Iterable[str]) -> str:
    """Build the mutation that archives issues, each under an alias of its own.

    Args:
        aliases: names of the results, and of the variables that hold the issue ids.
    """
    aliases = list(aliases)
    variables = ", ".join(f"${alias}: String!" for alias in aliases)
    calls = " ".join(f"{alias}: issueArchive(id: ${alias}) {{ success }}" for alias in aliases)
    return f"mutation SloProbeArchive({variables}) {{ {calls} }}"


class LinearClient:
    """Client of one workspace, with one key."""

    def __init__(
        self,
        transport: LinearTransport,
        *,
        breaker: CircuitBreaker,
        rate_limiter: RateLimiter,
        page_size: int,
    ) -> None:
        self._transport = transport
        self._breaker = breaker
        self._rate_limiter = rate_limiter
        self._page_size = page_size
        self._archiving = asyncio.Semaphore(_ARCHIVE_CONCURRENCY)

    @property
    def error_kind(self) -> ErrorKind | None:
        """Error kind of the last request; None when it succeeded."""
        return self._breaker.error_kind

    def wall(self) -> float:
        """Return seconds since 1970 on the clock that slots are counted on."""
        return self._transport.wall()

    async def find_issues(
        self, ids: Iterable[str], *, since: float, aliases: Mapping[str, str] | None = None
    ) -> Mapping[str, list[Issue]]:
        """Find the issues of runs, oldest first and archived ones included.

        Runs without issues are absent.

        Args:
            ids: ids of the runs.
            since: seconds since 1970 on our clock, before which none of the runs was sent.
            aliases: ids of runs by the other ids under which agent-sre knows their events.

        Raises:
            RequestError: the search failed or is incomplete.
        """
        wanted = set(ids)
        if not wanted:
            return {}
        # Without a `Date` in a response Linear's clock counts as right.
        search_since = since + self._transport.skew.offset - _MARGIN
        issues = await self._search_runs(aliases or {}, search_since)
        skew = self._transport.skew
        earliest = since + skew.offset - skew.uncertainty
        if math.isfinite(earliest) and earliest < search_since:
            # Linear's clock is further behind than was known: issues may be missing.
            issues = await self._search_runs(aliases or {}, earliest)
        found: dict[str, list[Issue]] = {}
        for issue in sorted(issues, key=lambda issue: (issue.created_at, issue.id)):
            if issue.run_id in wanted:
                found.setdefault(issue.run_id, []).append(issue)
        return found

    async def archive_issues(self, ids: Iterable[str]) -> list[str]:
        """Archive issues, several in one request; return those that may still be open.

        An issue that is archived already, or does not exist, counts as archived. An error does not
        end the others: another request may succeed, and while the circuit breaker is open the rest
        fails at once.
        """
        wanted = list(dict.fromkeys(ids))
        batches = [
            wanted[first : first + ARCHIVE_BATCH] for first in range(0, len(wanted), ARCHIVE_BATCH)
        ]
        # The first one shows whether Linear works, so that an outage is not met by all at once.
        failed = [await self._archive_in_turn(batch) for batch in batches[:1]]
        failed += await asyncio.gather(*map(self._archive_in_turn, batches[1:]))
        return [each for batch in failed for each in batch]

    async def _archive_in_turn(self, ids: Sequence[str]) -> Sequence[str]:
        async with self._archiving:
            return await self._archive_batch(ids)

    async def _archive_batch(self, ids: Sequence[str]) -> Sequence[str]:
        """Archive issues in one request.

        If one of them is refused all fail, so the others are sent again.
        """
        if not ids:
            return ids
        issues_by_alias = {f"issue{number}": each for number, each in enumerate(ids)}
        try:
            response = await self._send_query(
                build_archive_mutation(issues_by_alias), issues_by_alias
            )
        except RequestError:
            return ids
        if response.error_kind is None:
            failed = [
                each
                for name, each in issues_by_alias.items()
                if not _is_success(response.data, name)
            ]
            for _ in failed:
                self._breaker.record_refusal(ErrorKind.BAD_RESPONSE)
            return failed
        refused = issues_by_alias.get(response.subject, ids[0] if len(ids) == 1 else None)
        if refused is None:  # the refused issue is unknown, so each is sent by itself
            return [failed_id for each in ids for failed_id in await self._archive_batch([each])]
        rest = await self._archive_batch([each for each in ids if each != refused])
        if response.not_found:
            return rest
        self._breaker.record_refusal(response.error_kind)
        return [refused, *rest]

    async def list_orphans(self, older_than: float) -> list[Issue]:
        """List the open issues of any synthetic run, oldest first.

        Args:
            older_than: seconds since 1970 on our clock; issues created later are left out.

        Raises:
            RequestError: the search failed or is incomplete.
        """
        # Linear's clock may only be known after the reply, so the age is judged here.
        issues = await self._search_issues(build_issue_filter(), archived=False)
        open_issues = [
            issue for issue in issues if issue.created_at_local < older_than and not issue.archived
        ]
        return sorted(open_issues, key=lambda issue: (issue.created_at, issue.id))

    async def _search_runs(self, aliases: Mapping[str, str], since: float) -> list[Issue]:
        """Search the issues of all runs, and of some aliases.

        Linear limits the size of a query, so many aliases need several searches.
        """
        texts, found = [MARKER, *aliases], dict[str, Issue]()
        for first in range(0, len(texts), _MAX_TEXTS):
            issue_filter = build_issue_filter(texts[first : first + _MAX_TEXTS], since=since)
            issues = await self._search_issues(issue_filter, archived=True, aliases=aliases)
            found |= {issue.id: issue for issue in issues}
        return list(found.values())

    async def _search_issues(
        self,
        issue_filter: Mapping[str, Any],
        *,
        archived: bool,
        aliases: Mapping[str, str] | None = None,
    ) -> list[Issue]:
        """Fetch all pages of a search; an issue on two pages is returned once."""
        found: dict[str, Issue] = {}
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            variables = {"filter": issue_filter, "first": self._page_size, "archived": archived}
            page = await self._fetch_page(
                variables | ({"after": cursor} if cursor else {}), aliases or {}
            )
            found |= {issue.id: issue for issue in page.issues}
            if page.next_cursor is None:
                return list(found.values())
            if page.next_cursor == cursor:
                break
            cursor = page.next_cursor
        raise self._breaker.record_failure(ErrorKind.BAD_RESPONSE, "too many pages")

    async def _fetch_page(
        self, variables: Mapping[str, Any], aliases: Mapping[str, str]
    ) -> IssuePage:
        response = await self._send_query(ISSUES_QUERY, variables)
        if response.error_kind is not None:
            raise self._breaker.record_failure(response.error_kind, response.reason)
        try:
            return parse_page(response.data, self._transport.skew, aliases)
        except ValueError:
            reason = "invalid page"
        raise self._breaker.record_failure(ErrorKind.BAD_RESPONSE, reason)

    async def _send_query(self, query: str, variables: Mapping[str, Any]) -> LinearResponse:
        """Send a query; the response may refuse this one request.

        Raises:
            RequestError: any other error.
        """
        self._breaker.raise_if_open()
        await self._rate_limiter.wait()
        self._breaker.raise_if_open()  # it may have opened meanwhile
        response = await self._transport.send(query, variables)
        if response.budget is not None:
            self._rate_limiter.adapt_to(response.budget)
        if response.error_kind is not None and not response.refused:
            raise self._breaker.record_failure(
                response.error_kind, response.reason, retry_after=response.retry_after
            )
        if response.error_kind is None:
            self._breaker.record_success()
        return response


def _is_success(data: Mapping[str, Any], name: str) -> bool:
    payload = data.get(name)
    return isinstance(payload, dict) and payload.get("success") is True


@contextlib.asynccontextmanager
async def open_linear_client(
    settings: LinearSettings,
    *,
    read_key: Callable[[], SecretStr],
    clock: Clock,
    on_error: Callable[[ErrorKind], None],
    jitter: Callable[[], float] = random.random,
) -> AsyncIterator[LinearClient]:
    """Open a client for the time of a block.

    Args:
        settings: settings of the client.
        read_key: returns the key, e.g. `partial(read_key, settings, folder=...)`.
        clock: the clock that slots are counted on.
        on_error: called with the error kind of every failed request.
        jitter: returns a random number from 0 up to 1.

    Raises:
        CredentialsError: there is no key.
    """
    breaker = CircuitBreaker(
        Backoff(first=_FIRST_WAIT, cap=_LONGEST_WAIT, random=jitter),
        clock=clock,
        server=_SERVER,
        waits={ErrorKind.UNAUTHORIZED: _UNAUTHORIZED_WAIT},
        on_error=on_error,
    )
    rate_limiter = RateLimiter(settings.requests_per_hour, clock=clock)
    # The settings are checked already, and their URL may hold a query, unlike those of others.
    connection = HttpClientSettings.model_construct(url=settings.url, timeout=settings.timeout)
    async with HttpClient(_SERVER, connection, folder=Path(), clock=clock) as http:
        transport = LinearTransport(settings, read_key=read_key, http=http, clock=clock)
        yield LinearClient(
            transport, breaker=breaker, rate_limiter=rate_limiter, page_size=settings.page_size
        )
