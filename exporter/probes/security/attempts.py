"""Hostile requests: sends them, judges the replies, and keeps the honeypot."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from exporter.httpclient.client import Reply
from exporter.model.alert import Alert, build_parameters, create_run_id, find_run_ids
from exporter.model.error_kind import ErrorKind
from exporter.paths import PathContext, direct
from exporter.probes.security.payloads import (
    CanaryHost,
    EventDefect,
    NameAttack,
    build_defective_body,
    build_harmless_event,
    build_hostile_name,
    build_misnamed_event,
)
from slos.schema.contract import Criterion, LoginResult, Verdict

_TOO_MANY_REQUESTS = 429
_LOGIN_REFUSED = frozenset({401, 403})

_UNKNOWN_USER = "slo-probe-nobody"
"""A user that does not exist: wrong passwords of a real user could lock that user out."""

HostileCheck = tuple[Criterion, bool | None, str]
LoginListener = Callable[[LoginResult, float], None]
"""Gets the result of a request that the target authenticated, and its seconds."""

_REPLY_TIMEOUT = 10.0
"""Seconds to wait for a reply to an event that has no effect."""
_BATCH_SIZE = 10

_MAX_CALLED = 1_000
_NOT_FOUND_STATUS = 404


def check_input_refused(reply: Reply) -> bool | None:
    """Check that a defective event was refused as a mistake of the sender.

    A 5xx is no refusal: a broker retries a delivery that was answered with it.
    """
    status = reply.status
    if status is None or status == _TOO_MANY_REQUESTS:
        return None
    return 400 <= status <= 499  # noqa: PLR2004 - HTTP


def check_login_refused(reply: Reply) -> bool | None:
    """Check that a sender without the right credentials was refused."""
    status = reply.status
    if status is None or status == _TOO_MANY_REQUESTS or status >= 500:  # noqa: PLR2004 - HTTP
        return None
    return status in _LOGIN_REFUSED


def check_containment(verdict: Verdict, *, honeypot_called: bool) -> bool | None:
    """Check that a hostile function name caused no call to another host.

    Args:
        verdict: of the run; `corrupted` means that the canary was called at a wrong path.
        honeypot_called: True if the honeypot was called.

    A target that took the name for the canary's and called the canary stayed within its host.
    """
    if honeypot_called or verdict is Verdict.CORRUPTED:
        return False
    if verdict in (Verdict.OK, Verdict.LATE, Verdict.LOST, Verdict.REJECTED):
        return True
    return None


def describe_reply(reply: Reply) -> str:
    """Describe a reply in a few words."""
    if reply.status is not None:
        return f"answered {reply.status}"
    return reply.error.value if reply.error else "no reply in time"


def find_credential_headers(headers: Mapping[str, str], names: Collection[str]) -> set[str]:
    """Find the headers that hold credentials, in the case in which they are written."""
    lower_names = {name.lower() for name in names}
    return {name for name in headers if name.lower() in lower_names}


def remove_credentials(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return the headers without credentials."""
    removed = find_credential_headers(headers, names)
    return {name: value for name, value in headers.items() if name not in removed}


def replace_credentials(headers: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return the headers with credentials of the same scheme that were never valid."""
    replaced = {
        name: _build_wrong_value(headers[name]) for name in find_credential_headers(headers, names)
    }
    return {**headers, **replaced}


def _build_wrong_value(value: str) -> str:
    """Build a value of the same authentication scheme; it contains nothing of the secret."""
    random_value = secrets.token_hex(16)
    scheme, space, _ = value.partition(" ")
    if not space:
        return random_value
    if scheme.lower() == "basic":
        return f"{scheme} {base64.b64encode(f'{_UNKNOWN_USER}:{random_value}'.encode()).decode()}"
    return f"{scheme} {random_value}"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Rate limit as it is agreed.

    Attributes:
        status: status with which it rejects.
        allows: number of requests of a burst that it must accept.
        is_expected: whether there is to be a limit.
    """

    status: int
    allows: int
    is_expected: bool

    def check_burst(self, statuses: Sequence[int | None]) -> bool | None:
        """Check that a burst was limited as agreed; None if it proves nothing.

        Without an agreed limit, a burst that was not limited proves nothing.
        """
        if self.status in statuses:
            return self.is_expected and sum(map(is_success, statuses)) >= self.allows
        if self.is_expected and all(map(is_success, statuses)):
            return False
        return None


class HostileRequests:
    """Hostile requests that cause no alert.

    Args:
        path_context: path context of the target.
        probe: name of the probe that sends them.
    """

    def __init__(self, path_context: PathContext, probe: str) -> None:
        self._path_context = path_context
        self._probe = probe

    async def send_baseline(self) -> Reply:
        """Send a valid event. Without a good reply to it, no other reply proves anything."""
        return await self._post(
            build_harmless_event(self._build_alert()), await self._read_headers()
        )

    async def send_defective_events(self, *, size: int) -> AsyncIterator[HostileCheck]:
        """Send one event for each defect; each must be refused."""
        headers = await self._read_headers()
        for defect in EventDefect:
            body = await asyncio.to_thread(
                build_defective_body, defect, self._build_alert(), size=size
            )
            reply = await self._post(body, headers)
            is_refused = check_input_refused(reply)
            if defect is EventDefect.OVERSIZED and reply.error is ErrorKind.RESET:
                is_refused = is_accepted(
                    await self.send_baseline()
                )  # reset while reading, but still running
            yield Criterion.INPUT_VALIDATION, is_refused, f"{defect.value}: {describe_reply(reply)}"

    async def has_credentials(self, credential_names: Collection[str]) -> bool:
        """Return whether credentials are configured."""
        return bool(find_credential_headers(await self._read_headers(), credential_names))

    async def send_unauthenticated_events(
        self, credential_names: Collection[str], *, on_reply: LoginListener
    ) -> AsyncIterator[HostileCheck]:
        """Send a valid event without credentials and one with wrong credentials.

        A request with the right ones is timed as well. Nothing is sent when no credentials are
        configured.
        """
        headers = await self._read_headers()
        if not find_credential_headers(headers, credential_names):
            return
        reply, seconds = await self._post_timed(headers)
        if is_accepted(reply):
            on_reply(LoginResult.ACCEPTED, seconds)
        variants = {"no credentials": remove_credentials, "wrong credentials": replace_credentials}
        for kind, change_headers in variants.items():
            reply, seconds = await self._post_timed(change_headers(headers, credential_names))
            is_refused = check_login_refused(reply)
            if is_refused:
                on_reply(LoginResult.REFUSED, seconds)
            yield Criterion.AUTHENTICATION, is_refused, f"{kind}: {describe_reply(reply)}"

    async def send_burst(self, count: int, limit: RateLimit) -> AsyncIterator[HostileCheck]:
        """Send valid events in batches of ten until one is rejected or all were sent."""
        headers = await self._read_headers()
        statuses: list[int | None] = []
        while len(statuses) < count and limit.status not in statuses:
            events = [
                build_harmless_event(self._build_alert())
                for _ in range(min(_BATCH_SIZE, count - len(statuses)))
            ]
            replies = await asyncio.gather(*(self._post(event, headers) for event in events))
            statuses += [reply.status for reply in replies]
        is_met = limit.check_burst(statuses)
        if is_met is None and not limit.is_expected:
            return
        accepted = sum(map(is_success, statuses))
        rejected = statuses.count(limit.status)
        text = f"{accepted} of {len(statuses)} accepted, {rejected} rejected with {limit.status}"
        yield Criterion.RATE_LIMITING, is_met, text

    def _build_alert(self) -> Alert:
        run_id, canary = create_run_id(), self._path_context.canary
        sent_at = self._path_context.clock.wall()
        return Alert(run_id, self._probe, build_parameters(run_id, canary), canary, sent_at)

    async def _read_headers(self) -> Mapping[str, str]:
        return await asyncio.to_thread(self._path_context.read_headers)

    async def _post_timed(self, headers: Mapping[str, str]) -> tuple[Reply, float]:
        """Send a valid event; return the reply and the seconds until it came."""
        sent_at = self._path_context.clock.now()
        reply = await self._post(build_harmless_event(self._build_alert()), headers)
        return reply, self._path_context.clock.now() - sent_at

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Reply:
        path_context = self._path_context
        try:
            async with asyncio.timeout(_REPLY_TIMEOUT):
                return await path_context.target_sender.post(
                    path_context.url, body, headers=headers
                )
        except TimeoutError:
            return Reply(path_context.clock.now())


def is_accepted(reply: Reply) -> bool:
    """Return True if a valid event was accepted."""
    return is_success(reply.status)


def is_success(status: int | None) -> bool:
    """Return True if a status is a 2xx."""
    return status is not None and 200 <= status <= 299  # noqa: PLR2004 - HTTP


class HostilePath(direct.Path):
    """Delivery path that sends the alert of a run under a hostile function name."""

    def __init__(self, attack: NameAttack, path_context: PathContext, *, port: int) -> None:
        super().__init__(direct.Settings(), path_context)
        self._attack = attack
        self._canary_host = CanaryHost(path_context.canary, port)

    async def send_alert(self, alert: Alert) -> Reply:
        """Send a fired alert whose function name is hostile and holds the run's id."""
        name = build_hostile_name(self._attack, alert.id, self._canary_host)
        return await self._post_event(alert, build_misnamed_event(alert, name, self._canary_host))


class Honeypot:
    """Listener that records the run ids in the paths of its calls."""

    def __init__(self) -> None:
        self._called: dict[str, None] = {}
        self.app = web.Application(client_max_size=0)
        self.app.router.add_route("*", "/{path:.*}", self._handle_call)

    def was_called_for(self, run_id: str) -> bool:
        """Return whether the honeypot was called with the id of a run in the path."""
        return run_id in self._called

    async def _handle_call(self, request: web.Request) -> web.Response:
        for run_id in find_run_ids(request.path):
            self._called[run_id] = None
            if len(self._called) > _MAX_CALLED:
                del self._called[next(iter(self._called))]
        return web.Response(status=_NOT_FOUND_STATUS)
