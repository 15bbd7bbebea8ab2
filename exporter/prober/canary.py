"""The canary function: the HTTP endpoint that agent-sre calls, served by the prober itself.

It speaks the protocol that agent-sre expects of a function: a health check, then a CloudEvent in
binary mode, answered by one. Each call is matched to its run. Verdicts are given elsewhere.
"""

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from aiohttp import web

from exporter.model.alert import ids_in, may_be_ours
from exporter.model.evidence import Call
from exporter.prober.inflight import Ledger, Ticket
from exporter.schedule.clock import Clock
from slos.schema.contract import LOAD, CanaryOutcome

_REQUIRED = ("ce-id", "ce-source", "ce-specversion", "ce-type")
_REPLY_TYPE = "io.homelab.agent-sre.remediation.response"
_CONNECTIONS_KEPT = 1_000
_LARGEST_BODY = 65_536
"""Bytes; the parameters that are sent take a few hundred."""
_LONGEST_ID = 100
_BODY_WITHIN = 10.0
"""Seconds for a body to arrive, so that slow clients do not pile up."""

_log = logging.getLogger(__name__)


class Canary:
    """HTTP endpoint of the canary function."""

    def __init__(
        self,
        ledger: Ledger,
        *,
        clock: Clock,
        probe_of: Callable[[str], Awaitable[str | None]],
        count: Callable[[CanaryOutcome], None],
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._probe_of = probe_of
        self._count = count
        self._health_at: OrderedDict[object, float] = OrderedDict()
        self.app = web.Application(client_max_size=_LARGEST_BODY)
        self.app.add_routes([web.get("/health", self._health), web.post("/", self._execute)])
        self.app.router.add_post("/alertmanager", self._note_notification)
        self.app.router.add_route("*", "/{astray:.+}", self._astray)

    async def _health(self, request: web.Request) -> web.Response:
        connection = _connection(request)
        self._health_at[connection] = self._clock.now()
        self._health_at.move_to_end(connection)
        if len(self._health_at) > _CONNECTIONS_KEPT:
            self._health_at.popitem(last=False)
        return web.json_response({"status": "ok"})

    async def _execute(self, request: web.Request) -> web.StreamResponse:
        arrived = self._clock.now()
        health = self._health_at.pop(_connection(request), None)
        parameters = await _parameters(request)
        ticket = self._ticket(request, parameters or {})
        if ticket is None or not ticket.open:
            return await self._without_run(request, parameters, ticket)
        intact = parameters is not None and ticket.matches(parameters)
        call = Call(
            health_at=health if health is not None and health >= ticket.issued else None,
            arrived_at=arrived,
            finished_at=None,
            parameters_ok=intact,
            foreign_id=self._names_another(request, ticket),
            known_as=_known_as(request, ticket),
        )
        return await self._answer(request, ticket, call, well_formed=parameters is not None)

    async def _astray(self, request: web.Request) -> web.Response:
        """Handle a call to an unknown path; a run id in it makes it a wrong call of that run."""
        for run_id in ids_in(request.path):
            ticket = self._ledger.find(run_id)
            if ticket is not None and ticket.open:
                now = self._clock.now()
                call = Call(health_at=None, arrived_at=now, finished_at=None, parameters_ok=False)
                ticket.finish(ticket.arrive(call), now)
        return _refusal(404, "nothing here")

    async def _note_notification(self, request: web.Request) -> web.Response:
        """Record the arrival of a notification for each run that one of its alerts names.

        The answer is the same for all callers, and only open runs are looked up.
        """
        arrived = self._clock.now()
        for run_id in _notified_of(await _body(request)):
            ticket = self._ledger.find(run_id)
            if ticket is not None and ticket.open and ticket.notified_at is None:
                ticket.notified_at = arrived
        return web.json_response({"status": "ok"})

    async def _answer(
        self, request: web.Request, ticket: Ticket, call: Call, *, well_formed: bool
    ) -> web.StreamResponse:
        """Send the reply, and record when it was written or the caller disconnected."""
        number = ticket.arrive(call)
        if not ticket.load:
            self._count(CanaryOutcome.EXECUTED if well_formed else CanaryOutcome.MALFORMED)
        response = _reply(ticket.id) if well_formed else _refusal(400, "malformed")
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            _log.info("canary: the caller left before the answer")
        finally:
            ticket.finish(number, self._clock.now())
        return response

    async def _without_run(
        self, request: web.Request, parameters: dict[str, object] | None, ticket: Ticket | None
    ) -> web.Response:
        """Reply to a call that can change no verdict: malformed, late, or with an unknown id."""
        if parameters is None:
            self._count(CanaryOutcome.MALFORMED)
            return _refusal(400, "malformed")
        probe = None if ticket else await self._issued_earlier(request, parameters)
        if ticket is None and probe is None:
            self._count(CanaryOutcome.UNKNOWN_ID)
            _log.debug("canary: a call with an id that was never issued")
            return _refusal(404, "unknown id")
        if probe not in LOAD and not (ticket and ticket.load):
            self._count(CanaryOutcome.AFTER_VERDICT)
        return _reply(ticket.id if ticket else next(iter(_ids(request, parameters))))

    def _ticket(self, request: web.Request, parameters: dict[str, object]) -> Ticket | None:
        for run_id in _ids(request, parameters):
            if ticket := self._ledger.find(run_id):
                return ticket
        return None

    async def _issued_earlier(
        self, request: web.Request, parameters: dict[str, object]
    ) -> str | None:
        """Find the probe of a run that is no longer in memory."""
        for run_id in _ids(request, parameters):
            if probe := await self._probe_of(run_id):
                return probe
        return None

    def _names_another(self, request: web.Request, ticket: Ticket) -> bool:
        return any(
            run_id != ticket.id and self._ledger.find(run_id) is not None
            for run_id in _ids(request, {})
        )


def _connection(request: web.Request) -> object:
    """Return a key of the connection: the caller's address and port."""
    return request.transport.get_extra_info("peername") if request.transport else None


def _ids(request: web.Request, parameters: dict[str, object]) -> list[str]:
    """List the run ids of a request, the most reliable place first. Other ids are not looked up."""
    headers = request.headers
    places = (
        parameters.get("probe_id"),
        headers.get("ce-id"),
        headers.get("ce-correlationid"),
    )
    return [place for place in places if may_be_ours(place)]


def _known_as(request: web.Request, ticket: Ticket) -> str | None:
    """Find the correlation id of the caller, where a converter gave the event a new one."""
    found = request.headers.get("ce-correlationid") or request.headers.get("ce-id", "")
    fit = found and found != ticket.id and len(found) <= _LONGEST_ID and found.isprintable()
    return found if fit else None


async def _parameters(request: web.Request) -> dict[str, object] | None:
    """Read the body as an object; None if this is no CloudEvent with one."""
    if any(header not in request.headers for header in _REQUIRED):
        return None
    body = await _body(request)
    return body if isinstance(body, dict) else None


async def _body(request: web.Request) -> object:
    """Read the JSON of a request; None if there is none or it is too large."""
    try:
        async with asyncio.timeout(_BODY_WITHIN):
            return json.loads(await request.read())
    except (TimeoutError, ValueError, RecursionError, web.HTTPException, web.RequestPayloadError):
        return None


def _notified_of(body: object) -> list[str]:
    """List the run ids in the labels of firing alerts of an Alertmanager webhook message."""
    alerts = body.get("alerts") if isinstance(body, dict) else None
    found = []
    for alert in alerts if isinstance(alerts, list) else ():
        firing = isinstance(alert, dict) and alert.get("status") == "firing"
        labels = alert.get("labels") if firing else None
        values = labels.values() if isinstance(labels, dict) else ()
        found += [value for value in values if may_be_ours(value)]
    return found


def _reply(run_id: str) -> web.Response:
    headers = {
        "ce-specversion": "1.0",
        "ce-type": _REPLY_TYPE,
        "ce-source": "slo-probe/canary",
        "ce-id": f"{run_id}-reply",
    }
    return web.json_response({"status": "success", "message": "canary executed"}, headers=headers)


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"status": "error", "message": message}, status=status)
