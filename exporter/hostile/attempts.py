"""Hostile requests of the security probe, and the checks of their replies.

Requests are sent one after the other. Each check is a criterion, its result (None: nothing was
shown) and a note of what was seen.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping

from exporter.events import Alert, new_id, parameters
from exporter.evidence import TransportFault
from exporter.hostile.events import Fault, faulty, harmless
from exporter.hostile.judging import refuses_input, refuses_stranger, told
from exporter.hostile.strangers import known, with_wrong, without
from exporter.post import Reply
from exporter.reach import Reach
from slos.schema.contract import Criterion

Attempt = tuple[Criterion, bool | None, str]

_PATIENCE = 10.0
"""Seconds to wait for a reply to an event that has no effect."""
_AT_ONCE = 10
_TOO_MANY = 429


class Attempts:
    """Hostile requests that cause no alert.

    Args:
        path_context: path context of the target.
        probe: name of the probe that sends them.
    """

    def __init__(self, reach: Reach, probe: str) -> None:
        self._reach = reach
        self._probe = probe

    async def baseline(self) -> Reply:
        """Send a valid event. Without a good reply to it, no other reply proves anything."""
        return await self._post(harmless(self._alert()), await self._headers())

    async def broken_events(self, *, size: int) -> AsyncIterator[Attempt]:
        """Send one event for each defect; each must be refused."""
        headers = await self._headers()
        for fault in Fault:
            body = await asyncio.to_thread(faulty, fault, self._alert(), size=size)
            reply = await self._post(body, headers)
            refused = refuses_input(reply)
            if fault is Fault.OVERSIZED and reply.fault is TransportFault.RESET:
                refused = accepted(await self.baseline())  # reset while reading, but still running
            yield Criterion.INPUT_VALIDATION, refused, f"{fault.value}: {told(reply)}"

    async def strangers(self, names: Collection[str]) -> AsyncIterator[Attempt]:
        """Send a valid event without credentials and one with wrong credentials.

        Nothing is sent when no credentials are configured.
        """
        headers = await self._headers()
        if not known(headers, names):
            return
        kinds = {"no credentials": without, "wrong credentials": with_wrong}
        for kind, made in kinds.items():
            reply = await self._post(harmless(self._alert()), made(headers, names))
            yield Criterion.AUTHENTICATION, refuses_stranger(reply), f"{kind}: {told(reply)}"

    async def burst(self, count: int, *, limited: bool) -> AsyncIterator[Attempt]:
        """Send valid events in batches of ten until one is rejected with 429 or all were sent."""
        headers = await self._headers()
        answered = 0
        for first in range(0, count, _AT_ONCE):
            events = [harmless(self._alert()) for _ in range(min(_AT_ONCE, count - first))]
            replies = await asyncio.gather(*(self._post(event, headers) for event in events))
            answered += sum(reply.status is not None for reply in replies)
            if any(reply.status == _TOO_MANY for reply in replies):
                seen = f"turned away within {first + len(events)} requests"
                yield Criterion.RATE_LIMITING, limited, seen
                return
        shown = not limited if answered == count else None
        yield Criterion.RATE_LIMITING, shown, f"{answered} of {count} answered, none turned away"

    def _alert(self) -> Alert:
        run_id, canary = new_id(), self._reach.canary
        at = self._reach.clock.wall()
        return Alert(run_id, self._probe, parameters(run_id, canary), canary, at)

    async def _headers(self) -> Mapping[str, str]:
        return await asyncio.to_thread(self._reach.headers)

    async def _post(self, body: object, headers: Mapping[str, str]) -> Reply:
        reach = self._reach
        try:
            async with asyncio.timeout(_PATIENCE):
                return await reach.direct.post(reach.url, body, headers=headers)
        except TimeoutError:
            return Reply(reach.clock.now())


def accepted(reply: Reply) -> bool:
    """Return True if a valid event was accepted."""
    return reply.status is not None and 200 <= reply.status <= 299  # noqa: PLR2004 - HTTP
