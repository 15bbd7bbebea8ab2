"""GraphQL over the common HTTP client: find, archive, list orphans."""

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from pydantic import SecretStr

from exporter.httpclient.retry import Backoff, Gate, Pace
from exporter.observers.linear import response
from exporter.observers.linear.issue import MARKER, Issue, Page, Skew, SkewEstimate, read_page
from exporter.observers.linear.response import Answer, LinearError, LinearFault
from exporter.observers.linear.settings import LinearKeyError, LinearSettings
from exporter.schedule.clock import Clock

_LARGEST = 32 * 1024 * 1024
"""Bytes of a response that are read: 250 issues of the longest kind are a tenth of it."""
_BLOCK = 65_536

ISSUES = """
query SloProbeIssues($filter: IssueFilter!, $first: Int!, $after: String, $archived: Boolean!) {
  issues(filter: $filter, first: $first, after: $after, includeArchived: $archived) {
    nodes { id title description createdAt archivedAt }
    pageInfo { hasNextPage endCursor }
  }
}"""
ARCHIVED_AT_ONCE = 10
"""Issues in one request: archiving an issue costs Linear up to half a second, one after the other,
and all of them must be done within the timeout of a request."""

_FIRST_WAIT = 2.0
_LONGEST_WAIT = 300.0
_UNAUTHORIZED_WAIT = 300.0
"""Seconds after a refused key: a person has to change it, and twelve attempts an hour find
out soon enough that somebody did."""
_MARGIN = 60.0
"""Seconds before the oldest run that are searched as well, so that a small difference of two clocks
does not require a second search."""
_MOST_PAGES = 200
"""Maximum pages of one search; at 250 issues each that is more than a workspace should hold."""


def session() -> aiohttp.ClientSession:
    """Open an HTTP session for Linear alone.

    It keeps its connection, but neither cookies nor the key.
    """
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        headers={"User-Agent": "slo-probe"},
    )


@dataclass(frozen=True, slots=True)
class _Raw:
    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """HTTP transport; every error is part of the returned response."""

    def __init__(
        self,
        settings: LinearSettings,
        *,
        read_key: Callable[[], SecretStr],
        http: aiohttp.ClientSession,
        clock: Clock,
    ) -> None:
        """Read the key.

        Raises:
            LinearKeyError: there is no key.
        """
        self._url = settings.url
        self._timeout = float(settings.timeout.seconds)
        self._read_key = read_key
        self._key: SecretStr | None = read_key()
        self._http = http
        self._clock = clock
        self._offset = clock.steady() - clock.now()
        self._skew = SkewEstimate()

    @property
    def skew(self) -> Skew:
        """Estimated skew of Linear's clock."""
        return self._skew.current

    def wall(self) -> float:
        """Return seconds since 1970 on our clock.

        Changes of the machine's clock do not affect it.
        """
        return self._clock.now() + self._offset

    async def send(self, query: str, variables: Mapping[str, Any]) -> Answer:
        """Send one request. The key is read again after it was refused."""
        if self._key is None:
            try:
                self._key = self._read_key()
            except LinearKeyError:
                return Answer(fault=LinearFault.UNAUTHORIZED, reason="the key cannot be read")
        sent = self.wall()
        raw = await self._exchange(self._key, {"query": query, "variables": dict(variables)})
        if isinstance(raw, str):
            return Answer(fault=LinearFault.UNREACHABLE, reason=raw)
        received = self.wall()
        date = response.date(raw.headers)
        if date is not None:
            self._skew.add(date, sent=sent, received=received)
        said = response.read(raw.status, raw.headers, raw.body, wall=received)
        if said.fault is LinearFault.UNAUTHORIZED:
            self._key = None
        return said

    async def _exchange(self, key: SecretStr, question: dict[str, Any]) -> _Raw | str:
        """Post a request; return the response, or the reason for its absence in a few words.

        Exceptions of the HTTP library end here: some of them hold the headers of the request.
        Redirects are not followed, as they would carry the key to another server.
        """
        headers = {"Authorization": key.get_secret_value()}
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._http.post(
                    self._url, json=question, headers=headers, allow_redirects=False
                ) as reply,
            ):
                return _Raw(reply.status, reply.headers.copy(), await _body(reply))
        except TimeoutError:
            return f"no reply within {self._timeout:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"no reply ({type(error).__name__})"


async def _body(reply: aiohttp.ClientResponse) -> bytes:
    """Read the body; return an empty one when it is too long."""
    body = bytearray()
    async for block in reply.content.iter_chunked(_BLOCK):
        body += block
        if len(body) > _LARGEST:
            return b""
    return bytes(body)


def ours(*, since: float | None = None) -> dict[str, Any]:
    """Build the `IssueFilter` for issues that hold the marker.

    Args:
        since: earliest time of creation, in seconds since 1970 on Linear's clock.
    """
    wanted: dict[str, Any] = {"description": {"contains": MARKER}}
    if since is not None:
        text = datetime.fromtimestamp(since, tz=UTC).isoformat(timespec="milliseconds")
        wanted["createdAt"] = {"gte": text.replace("+00:00", "Z")}
    return wanted


def archiving(names: Iterable[str]) -> str:
    """Build the mutation that archives issues, each under an alias of its own.

    Args:
        aliases: names of the results, and of the variables that hold the issue ids.
    """
    names = list(names)
    variables = ", ".join(f"${name}: String!" for name in names)
    calls = " ".join(f"{name}: issueArchive(id: ${name}) {{ success }}" for name in names)
    return f"mutation SloProbeArchive({variables}) {{ {calls} }}"


class LinearClient:
    """Client of one workspace, with one key."""

    def __init__(
        self, transport: Transport, *, gate: Gate[LinearFault], pace: Pace, page_size: int
    ) -> None:
        self._transport = transport
        self._gate = gate
        self._pace = pace
        self._page_size = page_size

    @property
    def fault(self) -> LinearFault | None:
        """Error kind of the last request; None when it succeeded."""
        return self._gate.fault

    def wall(self) -> float:
        """Return seconds since 1970 on the clock that slots are counted on."""
        return self._transport.wall()

    async def find(self, ids: Iterable[str], *, since: float) -> Mapping[str, list[Issue]]:
        """Find the issues of runs, oldest first and archived ones included.

        Runs without issues are absent.

        Args:
            ids: ids of the runs.
            since: seconds since 1970 on our clock, before which none of the runs was sent.

        Raises:
            LinearError: the search failed or is incomplete.
        """
        wanted = set(ids)
        if not wanted:
            return {}
        # Without a `Date` in a response Linear's clock counts as right.
        asked = since + self._transport.skew.offset - _MARGIN
        issues = await self._search(ours(since=asked), archived=True)
        skew = self._transport.skew
        earliest = since + skew.offset - skew.uncertainty
        if math.isfinite(earliest) and earliest < asked:
            # Linear's clock is further behind than was known: issues may be missing.
            issues = await self._search(ours(since=earliest), archived=True)
        found: dict[str, list[Issue]] = {}
        for issue in sorted(issues, key=lambda issue: (issue.created_at, issue.id)):
            if issue.run_id in wanted:
                found.setdefault(issue.run_id, []).append(issue)
        return found

    async def archive(self, ids: Iterable[str]) -> list[str]:
        """Archive issues, several in one request; return those that may still be open.

        An issue that is archived already, or does not exist, counts as archived. An error does not
        end the loop: another request may succeed, and while the circuit breaker is open the rest
        fails at once.
        """
        wanted, failed = list(dict.fromkeys(ids)), list[str]()
        for first in range(0, len(wanted), ARCHIVED_AT_ONCE):
            failed += await self._archive(wanted[first : first + ARCHIVED_AT_ONCE])
        return failed

    async def _archive(self, ids: Sequence[str]) -> Sequence[str]:
        """Archive issues in one request.

        If one of them is refused all fail, so the others are sent again.
        """
        if not ids:
            return ids
        named = {f"issue{number}": each for number, each in enumerate(ids)}
        try:
            answer = await self._ask(archiving(named), named)
        except LinearError:
            return ids
        if answer.fault is None:
            failed = [each for name, each in named.items() if not _succeeded(answer.data, name)]
            for _ in failed:
                self._gate.refused(LinearFault.BAD_ANSWER)
            return failed
        refused = named.get(answer.about, ids[0] if len(ids) == 1 else None)
        if refused is None:  # the refused issue is unknown, so each is sent by itself
            return [left for each in ids for left in await self._archive([each])]
        rest = await self._archive([each for each in ids if each != refused])
        if answer.not_found:
            return rest
        self._gate.refused(answer.fault)
        return [refused, *rest]

    async def orphans(self, older_than: float) -> list[Issue]:
        """List the open issues of any synthetic run, oldest first.

        Args:
            older_than: seconds since 1970 on our clock; issues created later are left out.

        Raises:
            LinearError: the search failed or is incomplete.
        """
        # Linear's clock may only be known after the reply, so the age is judged here.
        issues = await self._search(ours(), archived=False)
        left = [issue for issue in issues if issue.created_here < older_than and not issue.archived]
        return sorted(left, key=lambda issue: (issue.created_at, issue.id))

    async def _search(self, wanted: Mapping[str, Any], *, archived: bool) -> list[Issue]:
        """Fetch all pages of a search; an issue on two pages is returned once."""
        found: dict[str, Issue] = {}
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            variables = {"filter": wanted, "first": self._page_size, "archived": archived}
            page = await self._page(variables | ({"after": cursor} if cursor else {}))
            found |= {issue.id: issue for issue in page.issues}
            if page.following is None:
                return list(found.values())
            if page.following == cursor:
                break
            cursor = page.following
        raise self._gate.shut(LinearFault.BAD_ANSWER, "pages without an end")

    async def _page(self, variables: Mapping[str, Any]) -> Page:
        answer = await self._ask(ISSUES, variables)
        if answer.fault is not None:
            raise self._gate.shut(answer.fault, answer.reason)
        try:
            return read_page(answer.data, self._transport.skew)
        except ValueError:
            reason = "a page that cannot be read"
        raise self._gate.shut(LinearFault.BAD_ANSWER, reason)

    async def _ask(self, query: str, variables: Mapping[str, Any]) -> Answer:
        """Send a query; the response may refuse this one request.

        Raises:
            LinearError: any other error.
        """
        self._gate.enter()
        await self._pace.turn()
        self._gate.enter()  # it may have opened meanwhile
        answer = await self._transport.send(query, variables)
        if answer.fault is not None and not answer.refused:
            raise self._gate.shut(answer.fault, answer.reason, wait=answer.wait)
        if answer.fault is None:
            self._gate.opened()
        return answer


def _succeeded(data: Mapping[str, Any], name: str) -> bool:
    payload = data.get(name)
    return isinstance(payload, dict) and payload.get("success") is True


@contextlib.asynccontextmanager
async def linear_client(
    settings: LinearSettings,
    *,
    read_key: Callable[[], SecretStr],
    clock: Clock,
    failed: Callable[[LinearFault], None],
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
        LinearKeyError: there is no key.
    """
    gate = Gate(
        Backoff(first=_FIRST_WAIT, cap=_LONGEST_WAIT, random=jitter),
        clock=clock,
        peer="Linear",
        error=LinearError,
        waits={LinearFault.UNAUTHORIZED: _UNAUTHORIZED_WAIT},
        failed=failed,
    )
    pace = Pace(settings.requests_per_hour, clock=clock)
    async with session() as http:
        transport = Transport(settings, read_key=read_key, http=http, clock=clock)
        yield LinearClient(transport, gate=gate, pace=pace, page_size=settings.page_size)
