"""Linear as the prober uses it: find the issues of runs, archive them, find what was left.

Requests keep to our own rate limit by waiting for their turn. After a fault Linear is left
alone for a while (`gate`); a call in that time fails at once instead of waiting, so nobody
hangs for the hour that Linear may ask for, and the caller's own rhythm is the retry.
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
from exporter.linear.gate import FIRST_WAIT, LONGEST_WAIT, Gate
from exporter.linear.issue import Issue, Page, read_page
from exporter.linear.pace import Pace
from exporter.linear.query import ARCHIVED_AT_ONCE, ISSUES, archiving, ours
from exporter.linear.settings import LinearSettings
from exporter.linear.transport import Transport, session

_MARGIN = 60.0
"""Seconds before the oldest run that are searched as well, so that the first question needs
no repetition merely because two clocks differ by a little."""
_MOST_PAGES = 200
"""Pages of one search; at 250 issues each that is more than a workspace should ever hold."""


class LinearClient:
    """One workspace, reached with one key."""

    def __init__(self, transport: Transport, *, gate: Gate, pace: Pace, page_size: int) -> None:
        self._transport = transport
        self._gate = gate
        self._pace = pace
        self._page_size = page_size

    @property
    def fault(self) -> LinearFault | None:
        """What the last request failed with; None when it did not."""
        return self._gate.fault

    def wall(self) -> float:
        """Seconds since 1970 on the clock that slots are counted on."""
        return self._transport.wall()

    async def find(self, ids: Iterable[str], *, since: float) -> Mapping[str, list[Issue]]:
        """The issues of runs, archived ones included, oldest first; runs without any are absent.

        Args:
            ids: the runs.
            since: seconds since 1970 on our clock, before which none of them was sent.

        Raises:
            LinearError: Linear did not answer all of it.
        """
        wanted = set(ids)
        if not wanted:
            return {}
        # A reply without a `Date` says nothing of Linear's clock, which then counts as right.
        asked = since + self._transport.skew.offset - _MARGIN
        issues = await self._search(ours(since=asked), archived=True)
        skew = self._transport.skew
        earliest = since + skew.offset - skew.uncertainty
        if math.isfinite(earliest) and earliest < asked:
            # Linear's clock is further behind than was known: some may have been left out.
            issues = await self._search(ours(since=earliest), archived=True)
        found: dict[str, list[Issue]] = {}
        for issue in sorted(issues, key=lambda issue: (issue.created_at, issue.id)):
            if issue.run_id in wanted:
                found.setdefault(issue.run_id, []).append(issue)
        return found

    async def archive(self, ids: Iterable[str]) -> list[str]:
        """Archive issues, several in one request; gives those that may still be open.

        One that is archived already, or is not there, is done. A failure does not end it: what
        was refused for one issue may be granted for the next, and while Linear is left alone the
        rest fails at once and costs nothing.
        """
        wanted, failed = list(dict.fromkeys(ids)), list[str]()
        for first in range(0, len(wanted), ARCHIVED_AT_ONCE):
            failed += await self._archive(wanted[first : first + ARCHIVED_AT_ONCE])
        return failed

    async def _archive(self, ids: Sequence[str]) -> Sequence[str]:
        """Archive issues in one request; a refusal of one ends all, so the rest is asked again."""
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
        if refused is None:  # it does not say which, so each is asked for by itself
            return [left for each in ids for left in await self._archive([each])]
        rest = await self._archive([each for each in ids if each != refused])
        if answer.not_found:
            return rest
        self._gate.refused(answer.fault)
        return [refused, *rest]

    async def orphans(self, older_than: float) -> list[Issue]:
        """Issues of any run of ours that are still open, oldest first.

        Args:
            older_than: seconds since 1970 on our clock; those created later are left out.

        Raises:
            LinearError: Linear did not answer all of it.
        """
        # Linear's clock may only be known after the reply, so the age is judged here.
        issues = await self._search(ours(), archived=False)
        left = [issue for issue in issues if issue.created_here < older_than and not issue.archived]
        return sorted(left, key=lambda issue: (issue.created_at, issue.id))

    async def _search(self, wanted: Mapping[str, Any], *, archived: bool) -> list[Issue]:
        """All pages of a search. An issue that two pages show is one issue."""
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
        """An answer, which may refuse this one question.

        Raises:
            LinearError: anything else went wrong.
        """
        self._gate.enter()
        await self._pace.turn()
        self._gate.enter()  # it may have closed while we waited
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
    """A client, for as long as the block runs.

    Args:
        settings: where and how.
        read_key: gives the key, e.g. `partial(read_key, settings, folder=...)`.
        clock: the same that slots are counted on.
        failed: hears of the fault of every request that failed.
        jitter: a random number from 0 up to 1, each time it is called.

    Raises:
        LinearKeyError: there is no key.
    """
    gate = Gate(
        Backoff(first=FIRST_WAIT, cap=LONGEST_WAIT, random=jitter), clock=clock, failed=failed
    )
    pace = Pace(settings.requests_per_hour, clock=clock)
    async with session() as http:
        transport = Transport(settings, read_key=read_key, http=http, clock=clock)
        yield LinearClient(transport, gate=gate, pace=pace, page_size=settings.page_size)
