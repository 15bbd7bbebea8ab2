"""Send hostile requests, honeypot, judge the answers."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Collection, Mapping

from aiohttp import web

from exporter.httpclient.client import Reply
from exporter.model.alert import Alert, ids_in, new_id, parameters
from exporter.model.evidence import TransportFault
from exporter.paths import Reach, direct
from exporter.probes.security.payloads import (
    Fault,
    Ground,
    Trick,
    faulty,
    harmless,
    hostile_name,
    misnamed,
)
from slos.schema.contract import Criterion, Verdict

_TOO_MANY = 429
_REFUSALS = frozenset({401, 403})

_NOBODY = "slo-probe-nobody"
"""A user that does not exist: wrong passwords of a real user could lock that user out."""

Attempt = tuple[Criterion, bool | None, str]

_PATIENCE = 10.0
"""Seconds to wait for a reply to an event that has no effect."""
_AT_ONCE = 10

_KEPT = 1_000
_NOT_FOUND = 404


def refuses_input(reply: Reply) -> bool | None:
    """Check that a defective event was refused as a mistake of the sender.

    A 5xx is no refusal: a broker retries a delivery that was answered with it.
    """
    status = reply.status
    if status is None or status == _TOO_MANY:
        return None
    return 400 <= status <= 499  # noqa: PLR2004 - HTTP


def refuses_stranger(reply: Reply) -> bool | None:
    """Check that a sender without the right credentials was refused."""
    status = reply.status
    if status is None or status == _TOO_MANY or status >= 500:  # noqa: PLR2004 - HTTP
        return None
    return status in _REFUSALS


def contains(verdict: Verdict, *, led_astray: bool) -> bool | None:
    """Check that a hostile function name caused no call to another host.

    Args:
        verdict: of the run; `corrupted` means that the canary was called at a wrong path.
        honeypot_called: True if the honeypot was called.

    A target that took the name for the canary's and called the canary stayed within its host.
    """
    if led_astray or verdict is Verdict.CORRUPTED:
        return False
    if verdict in (Verdict.OK, Verdict.LATE, Verdict.LOST, Verdict.REJECTED):
        return True
    return None


def told(reply: Reply) -> str:
    """Describe a reply in a few words."""
    if reply.status is not None:
        return f"answered {reply.status}"
    return reply.fault.value if reply.fault else "no reply in time"


def known(headers: Mapping[str, str], names: Collection[str]) -> set[str]:
    """Find the headers that hold credentials, in the case in which they are written."""
    lower = {name.lower() for name in names}
    return {name for name in headers if name.lower() in lower}


def without(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return the headers without credentials."""
    left_out = known(headers, names)
    return {name: value for name, value in headers.items() if name not in left_out}


def with_wrong(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return the headers with credentials of the same scheme that were never valid."""
    wrong = {name: _wrong(headers[name]) for name in known(headers, names)}
    return {**headers, **wrong}


def _wrong(value: str) -> str:
    """Build a value of the same authentication scheme; it contains nothing of the secret."""
    made_up = secrets.token_hex(16)
    scheme, space, _ = value.partition(" ")
    if not space:
        return made_up
    if scheme.lower() == "basic":
        return f"{scheme} {base64.b64encode(f'{_NOBODY}:{made_up}'.encode()).decode()}"
    return f"{scheme} {made_up}"


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


class HostileWay(direct.Way):
    """Delivery path that sends the alert of a run under a hostile function name."""

    def __init__(self, trick: Trick, reach: Reach, *, port: int) -> None:
        super().__init__(direct.Settings(), reach)
        self._trick = trick
        self._ground = Ground(reach.canary, port)

    async def send(self, alert: Alert) -> Reply:
        """Send a fired alert whose function name is hostile and holds the run's id."""
        name = hostile_name(self._trick, alert.id, self._ground)
        return await self._post(alert, misnamed(alert, name, self._ground))


class Decoy:
    """Listener that records the run ids in the paths of its calls."""

    def __init__(self) -> None:
        self._called: dict[str, None] = {}
        self.app = web.Application(client_max_size=0)
        self.app.router.add_route("*", "/{path:.*}", self._note)

    def was_called_for(self, run_id: str) -> bool:
        """Return whether the honeypot was called with the id of a run in the path."""
        return run_id in self._called

    async def _note(self, request: web.Request) -> web.Response:
        for run_id in ids_in(request.path):
            self._called[run_id] = None
            if len(self._called) > _KEPT:
                del self._called[next(iter(self._called))]
        return web.Response(status=_NOT_FOUND)
