"""The canary function: the HTTP endpoint that agent-sre calls, served by the prober itself.

It speaks the protocol that agent-sre expects of a function: a health check, then a CloudEvent in
binary mode, answered by one. Each call is matched to its run. Verdicts are given elsewhere.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable

from aiohttp import web

from exporter.listener.connections import name_peer
from exporter.model.alert import find_run_ids, is_run_id
from exporter.model.bounds import Bounds
from exporter.model.evidence import Call
from exporter.prober.engine_calls import EngineCalls
from exporter.prober.health_checks import ContactWindow
from exporter.prober.inflight import InflightRun, InflightRuns
from exporter.schedule.clock import Clock
from slos.schema.contract import CanaryOutcome, is_load_probe

REQUIRED_HEADERS = ("ce-id", "ce-source", "ce-specversion", "ce-type")
"""Headers of a CloudEvent in binary mode."""
_REPLY_EVENT_TYPE = "io.homelab.agent-sre.remediation.response"
_KUBELET = "kube-probe/"
"""Start of the user agent of the kubelet, whose health checks belong to no run."""
MAX_BODY_BYTES = 65_536
"""Bytes; the parameters that are sent take a few hundred."""
_MAX_ID_LENGTH = 100
_MAX_CALLERS = 1_000
"""Peers that are kept: agent-sre's pods."""
BODY_TIMEOUT = 10.0
"""Seconds for a body to arrive, so that slow clients do not pile up."""

_log = logging.getLogger(__name__)


class Canary:
    """HTTP endpoint of the canary function."""

    def __init__(
        self,
        inflight_runs: InflightRuns,
        *,
        clock: Clock,
        find_probe: Callable[[str], Awaitable[str | None]],
        count_call: Callable[[CanaryOutcome], None],
        engine_calls: EngineCalls,
    ) -> None:
        self._inflight_runs = inflight_runs
        self._clock = clock
        self._find_probe = find_probe
        self._count_call = count_call
        self._engine_calls = engine_calls
        self._callers: deque[str] = deque(maxlen=_MAX_CALLERS)
        self.app = web.Application(client_max_size=MAX_BODY_BYTES)
        self.app.add_routes(
            [web.get("/health", self._handle_health), web.post("/", self._handle_call)]
        )
        self.app.router.add_post("/alertmanager", self._handle_notification)
        self.app.router.add_route("*", "/{astray:.+}", self._handle_stray_call)

    def has_caller(self, peer: str) -> bool:
        """Return whether a valid call of a run came from this peer."""
        return peer in self._callers

    async def _handle_health(self, request: web.Request) -> web.Response:
        user_agent = _get_user_agent(request)
        if not user_agent.startswith(_KUBELET):
            self._inflight_runs.contacts.add_check(
                self._clock.now(), _list_join_ids(request), user_agent=user_agent
            )
        return web.json_response({"status": "ok"})

    async def _handle_call(self, request: web.Request) -> web.StreamResponse:
        arrived_at = self._clock.now()
        parameters = await _read_parameters(request)
        inflight_run = self._find_inflight_run(request, parameters or {})
        has_foreign_id = inflight_run is not None and await self._has_foreign_id(
            request, inflight_run
        )
        if inflight_run is None or not inflight_run.is_open:
            if inflight_run is not None:
                self._inflight_runs.contacts.add_call(
                    inflight_run.id, arrived_at, user_agent=_get_user_agent(request)
                )
            return await self._reply_without_run(request, parameters, inflight_run)
        call = Call(
            contact=Bounds.exactly(arrived_at),
            arrived_at=arrived_at,
            finished=None,
            parameters_ok=parameters is not None and inflight_run.has_parameters(parameters),
            foreign_id=has_foreign_id,
            alias=_find_alias(request, inflight_run),
        )
        caller = name_peer(request.remote)
        if call.parameters_ok and caller not in self._callers:
            self._callers.append(caller)
        number = inflight_run.add_call(call, self._open_window(request, inflight_run, call))
        return await self._send_reply(
            request, inflight_run, number, well_formed=parameters is not None
        )

    def _open_window(
        self, request: web.Request, inflight_run: InflightRun, call: Call
    ) -> ContactWindow:
        """Open the window of the first contact of a call."""
        return self._inflight_runs.contacts.add_call(
            inflight_run.id,
            call.arrived_at,
            _list_join_ids(request),
            user_agent=_get_user_agent(request),
            is_trusted=call.parameters_ok and not call.foreign_id,
        )

    async def _handle_stray_call(self, request: web.Request) -> web.Response:
        """Handle a call to an unknown path; a run id in it makes it a wrong call of that run."""
        for run_id in find_run_ids(request.path):
            inflight_run = self._inflight_runs.find_run(run_id)
            if inflight_run is not None and inflight_run.is_open:
                now = self._clock.now()
                call = Call(Bounds.exactly(now), now, finished=None, parameters_ok=False)
                number = inflight_run.add_call(call, self._open_window(request, inflight_run, call))
                inflight_run.finish_call(number, call.contact)
        return _build_error(404, "not found")

    async def _handle_notification(self, request: web.Request) -> web.Response:
        """Record the arrival of a notification for each run that one of its alerts names.

        The answer is the same for all callers, and only open runs are looked up.
        """
        arrived_at = self._clock.now()
        for run_id in _list_notified_ids(await _read_body(request)):
            inflight_run = self._inflight_runs.find_run(run_id)
            if (
                inflight_run is not None
                and inflight_run.is_open
                and inflight_run.notified_at is None
            ):
                inflight_run.notified_at = arrived_at
        return web.json_response({"status": "ok"})

    async def _send_reply(
        self, request: web.Request, inflight_run: InflightRun, number: int, *, well_formed: bool
    ) -> web.StreamResponse:
        """Send the reply, and record when it was written or the caller disconnected."""
        if not inflight_run.is_load:
            self._count_call(CanaryOutcome.EXECUTED if well_formed else CanaryOutcome.MALFORMED)
        response = build_reply(inflight_run.id) if well_formed else _build_error(400, "malformed")
        # The process may be suspended while the answer is already on its way.
        before = self._clock.now()
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            _log.info("canary: the caller disconnected before the response")
        finally:
            finished = Bounds(before, self._clock.now())
            if finished.is_certain:
                finished = Bounds.exactly(finished.high)
            inflight_run.finish_call(number, finished)
        return response

    async def _reply_without_run(
        self,
        request: web.Request,
        parameters: dict[str, object] | None,
        inflight_run: InflightRun | None,
    ) -> web.Response:
        """Reply to a call that can change no verdict: malformed, late, or with an unknown id."""
        if parameters is None:
            self._count_call(CanaryOutcome.MALFORMED)
            return _build_error(400, "malformed")
        if inflight_run is None:
            for run_id in _list_run_ids(request, parameters):
                if self._engine_calls.add_call(run_id, parameters):
                    return build_reply(run_id)
        probe = None if inflight_run else await self._find_earlier_probe(request, parameters)
        if inflight_run is None and probe is None:
            self._count_call(CanaryOutcome.UNKNOWN_ID)
            _log.debug("canary: call with an unknown run id")
            return _build_error(404, "unknown id")
        is_load = inflight_run.is_load if inflight_run else is_load_probe(probe or "")
        if not is_load:
            self._count_call(CanaryOutcome.AFTER_VERDICT)
        return build_reply(
            inflight_run.id if inflight_run else next(iter(_list_run_ids(request, parameters)))
        )

    def _find_inflight_run(
        self, request: web.Request, parameters: dict[str, object]
    ) -> InflightRun | None:
        for run_id in _list_run_ids(request, parameters):
            if inflight_run := self._inflight_runs.find_run(run_id):
                return inflight_run
        return None

    async def _find_earlier_probe(
        self, request: web.Request, parameters: dict[str, object]
    ) -> str | None:
        """Find the probe of a run that is no longer in memory."""
        for run_id in _list_run_ids(request, parameters):
            if probe := await self._find_probe(run_id):
                return probe
        return None

    async def _has_foreign_id(self, request: web.Request, inflight_run: InflightRun) -> bool:
        """Return whether a call carries the id of another run, even of an earlier process."""
        for run_id in _list_run_ids(request, {}):
            if run_id != inflight_run.id and (
                self._inflight_runs.find_run(run_id) or await self._find_probe(run_id)
            ):
                return True
        return False


def _get_user_agent(request: web.Request) -> str:
    return request.headers.get("User-Agent", "")[:_MAX_ID_LENGTH]


def _list_join_ids(request: web.Request) -> list[str]:
    """List the ids in the headers of a request by which a health check can be joined to a call."""
    trace_id = request.headers.get("traceparent", "").partition("-")[2].partition("-")[0]
    candidates = (trace_id, request.headers.get("x-correlation-id", ""))
    return [candidate for candidate in candidates if 0 < len(candidate) <= _MAX_ID_LENGTH]


def _list_run_ids(request: web.Request, parameters: dict[str, object]) -> list[str]:
    """List the run ids of a request, the most reliable place first. Other ids are not looked up."""
    headers = request.headers
    candidates = (
        parameters.get("probe_id"),
        headers.get("ce-id"),
        headers.get("ce-correlationid"),
    )
    return [candidate for candidate in candidates if is_run_id(candidate)]


def _find_alias(request: web.Request, inflight_run: InflightRun) -> str | None:
    """Find the correlation id of the caller, where a converter gave the event a new one."""
    found = request.headers.get("ce-correlationid") or request.headers.get("ce-id", "")
    is_usable = (
        found and found != inflight_run.id and len(found) <= _MAX_ID_LENGTH and found.isprintable()
    )
    return found if is_usable else None


async def _read_parameters(request: web.Request) -> dict[str, object] | None:
    """Read the body as an object; None if this is no CloudEvent with one."""
    if any(header not in request.headers for header in REQUIRED_HEADERS):
        return None
    body = await _read_body(request)
    return body if isinstance(body, dict) else None


async def _read_body(request: web.Request) -> object:
    """Read the JSON of a request; None if there is none or it is too large."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            return json.loads(await request.read())
    except (TimeoutError, ValueError, RecursionError, web.HTTPException, web.RequestPayloadError):
        return None


def _list_notified_ids(body: object) -> list[str]:
    """List the run ids in the labels of firing alerts of an Alertmanager webhook message."""
    alerts = body.get("alerts") if isinstance(body, dict) else None
    found = []
    for alert in alerts if isinstance(alerts, list) else ():
        firing = isinstance(alert, dict) and alert.get("status") == "firing"
        labels = alert.get("labels") if firing else None
        values = labels.values() if isinstance(labels, dict) else ()
        found += [value for value in values if is_run_id(value)]
    return found


def build_reply(run_id: str) -> web.Response:
    """Build the reply to a call of a run, a CloudEvent in binary mode."""
    headers = {
        "ce-specversion": "1.0",
        "ce-type": _REPLY_EVENT_TYPE,
        "ce-source": "slo-probe/canary",
        "ce-id": f"{run_id}-reply",
    }
    return web.json_response({"status": "success", "message": "canary executed"}, headers=headers)


def _build_error(status: int, message: str) -> web.Response:
    return web.json_response({"status": "error", "message": message}, status=status)
