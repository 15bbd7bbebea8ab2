"""Linear client: find the issues of runs, archive them, list orphans.

Requests wait for the rate limiter. After an error the circuit breaker stops requests for a while. A
call during that time fails at once instead of waiting, so nothing hangs for the hour that Linear
may ask for, and the caller's own interval is the retry.
"""

import contextlib
import math
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from exporter.backoff import Backoff
from exporter.clock import Clock
from exporter.linear.answer import Answer
from exporter.linear.fault import LinearError, LinearFault
from exporter.linear.gate import Gate
from exporter.linear.issue import Issue, Page, read_page
from exporter.linear.pace import Pace
from exporter.linear.query import ARCHIVED_AT_ONCE, ISSUES, archiving, ours
from exporter.linear.settings import LinearSettings
from exporter.linear.transport import Transport, session

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
