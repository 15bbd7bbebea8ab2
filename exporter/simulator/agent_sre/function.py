"""Remediation function of the simulated agent-sre: selection and call."""

import asyncio
import io
import json
import logging
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

import aiohttp

from exporter.simulator.agent_sre.cloudevent import (
    REQUIRED_HEADERS,
    AlertEvent,
    MalformedEventError,
    parse_object,
)
from exporter.simulator.agent_sre.cpu import CpuStep, EventWork
from exporter.simulator.agent_sre.faults import AgentFaultFlag, AgentFaultSet
from exporter.simulator.agent_sre.settings import AgentCounters, Settings
from slos.schema.contract import Stage

log = logging.getLogger(__name__)

PROBE_ID = "probe_id"
"""Parameter that the `corrupted` fault leaves alone, so that the event stays traceable."""

REQUEST_TYPE = "io.homelab.agent-sre.remediation.request"
Status = Literal["success", "error", "unknown"]
STATUSES: Mapping[str, Status] = MappingProxyType({"success": "success", "error": "error"})
"""Statuses that a function may report; everything else is `unknown`."""

FAILURES = (aiohttp.ClientError, OSError, ValueError)
"""All exceptions of a call (a TimeoutError is an OSError, an invalid URL a ValueError)."""


@dataclass(frozen=True)
class Remediation:
    """Function to call, with its parameters; the name is not checked, as in the service."""

    function: str
    parameters: Mapping[str, Any]

    def with_corruption(self) -> "Remediation":
        """Return the same call with one changed parameter other than the probe id."""
        name = next(key for key in self.parameters if key != PROBE_ID)
        altered = {**self.parameters, name: _alter_value(self.parameters[name])}
        return Remediation(self.function, altered)


def select_remediation(event: AlertEvent) -> Remediation | None:
    """Select the remediation named in the annotations; None without one.

    Raises:
        MalformedEventError: `lambda_parameters` is not the text of a JSON object.
    """
    function = event.annotations.get("lambda_function")
    if not function:
        return None
    raw_parameters = event.annotations.get("lambda_parameters", "{}")
    parameters = (
        dict(raw_parameters)
        if isinstance(raw_parameters, dict)
        else parse_object(str(raw_parameters))
    )
    for name in ("name", "namespace"):
        parameters.setdefault(name, event.labels.get(name) or event.labels.get(f"resource_{name}"))
    return Remediation(str(function), parameters)


def _alter_value(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}~corrupted"


@dataclass(frozen=True)
class FunctionResult:
    """Result of a remediation, as the service understood it."""

    status: Status
    message: str


class FunctionCaller:
    """Caller of functions, as agent-sre does it: one pool of connections, no retry.

    Any request of any event may use any kept connection.
    """

    def __init__(self, settings: Settings, counters: AgentCounters) -> None:
        self._settings = settings
        self._counters = counters
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _get_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            # The service sends no content-type; aiohttp adds one unless told not to.
            self._session = aiohttp.ClientSession(skip_auto_headers=["Content-Type"])
        return self._session

    async def call(
        self,
        remediation: Remediation,
        *,
        event_id: str | None,
        work: EventWork,
        faults: AgentFaultSet,
    ) -> FunctionResult:
        """Check the function's health, then call it; never raises for a failing function."""
        headers = build_function_headers(event_id or str(uuid.uuid4()))
        body = json.dumps(remediation.parameters).encode()
        session = self._get_session()
        try:
            base_url = self._settings.build_function_url(remediation.function)
            await self._check_health(session, base_url, work=work)
        except FAILURES as error:
            self._counters.unhealthy += 1
            log.info("health check failed: %r", error)
            return FunctionResult(
                "error", f"LambdaFunction {remediation.function} is not available"
            )
        await asyncio.sleep(faults.get_delay(Stage.LAMBDA_EXECUTION))
        for _ in range(2 if AgentFaultFlag.DUPLICATED in faults.flags else 1):
            result = await self._post(session, f"{base_url}/", headers, body=body, work=work)
        return result

    async def _check_health(
        self, session: aiohttp.ClientSession, base_url: str, *, work: EventWork
    ) -> None:
        """Check `/health`; raises one of FAILURES for anything but a 200 in time."""
        async with asyncio.timeout(self._settings.health_timeout):
            await work.run_step(CpuStep.HEALTH)
            async with session.get(f"{base_url}/health", allow_redirects=False) as response:
                await response.read()
        if response.status != 200:  # noqa: PLR2004 - the service compares with 200, not with 2xx
            raise ValueError(f"health check answered {response.status}")

    async def _post(
        self,
        session: aiohttp.ClientSession,
        url: str,
        headers: Mapping[str, str],
        *,
        body: bytes,
        work: EventWork,
    ) -> FunctionResult:
        try:
            async with asyncio.timeout(self._settings.call_timeout):
                await work.run_step(CpuStep.CALL)
                self._counters.calls += 1
                result = await _send_request(session, url, headers, body=body)
        except FAILURES as error:
            return FunctionResult("error", f"Unexpected error: {error!r}")
        self._counters.succeeded += result.status == "success"
        return result


async def _send_request(
    session: aiohttp.ClientSession, url: str, headers: Mapping[str, str], *, body: bytes
) -> FunctionResult:
    data = io.BytesIO(body)  # plain bytes over 1 MB make aiohttp warn
    async with session.post(url, data=data, headers=headers, allow_redirects=False) as response:
        content = await response.read()
    if not response.ok or response.status >= 300:  # noqa: PLR2004 - redirects are not followed
        return FunctionResult("error", f"HTTP error: {response.status}")
    return parse_function_reply(response.headers, content)


def build_function_headers(correlation_id: str) -> dict[str, str]:
    """Build the headers of a function request; the correlation id is that of the incoming event."""
    return {
        "ce-specversion": "1.0",
        "ce-type": REQUEST_TYPE,
        "ce-source": "agent-sre",
        "ce-id": correlation_id,
        "ce-correlationid": correlation_id,
        "x-correlation-id": correlation_id,
        "ce-time": datetime.now(UTC).isoformat(),
        "traceparent": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
    }


def parse_function_reply(headers: Mapping[str, str], content: bytes) -> FunctionResult:
    """Parse a function's reply: a binary CloudEvent with flat data; anything else is an error."""
    missing = [name for name in REQUIRED_HEADERS if name not in headers]
    if missing:
        return FunctionResult("error", "reply lacks CloudEvent headers: " + ", ".join(missing))
    try:
        data = parse_object(content or b"{}")
    except MalformedEventError as error:
        return FunctionResult("error", f"reply {error}")
    return FunctionResult(
        STATUSES.get(str(data.get("status")), "unknown"), str(data.get("message", ""))
    )
