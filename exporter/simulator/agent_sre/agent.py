"""Simulated service without HTTP: the steps of one event, in order."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exporter.simulator.agent_sre.cloudevent import (
    FIRED,
    RESOLVED,
    AlertEvent,
    MalformedEventError,
    parse_event,
)
from exporter.simulator.agent_sre.cpu import Cpu, Step, Work
from exporter.simulator.agent_sre.faults import Active, Faults, Flag
from exporter.simulator.agent_sre.function import FunctionCaller, select
from exporter.simulator.agent_sre.linear import (
    Issue,
    Linear,
    LinearError,
    alert_issue,
    failure_issue,
)
from exporter.simulator.agent_sre.settings import Executed, Settings
from slos.schema.contract import Stage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reply:
    """HTTP reply: status code and JSON body."""

    status: int
    body: Mapping[str, Any]


class Agent:
    """One agent-sre process; create it inside the event loop that uses it."""

    def __init__(self, settings: Settings, faults: Faults) -> None:
        self.faults = faults
        self.executed = Executed()
        self.ready = False
        self._settings = settings
        self._cpu = Cpu(settings.capacity, burst=settings.burst_seconds)
        self._caller = FunctionCaller(settings, self.executed)
        self._linear = Linear(settings, key=settings.linear_key) if settings.linear_key else None
        self._leaked: list[bytes] = []

    async def process(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Process one event to its end; reply 200 for any event, 500 if the request is no event."""
        active = self.faults.active
        self.executed.received += 1
        self._leak(active.leak)
        work = Work(self._cpu)
        await asyncio.sleep(active.delay(Stage.CLOUDEVENT_PROCESSING))
        await work.do(Step.PARSE)
        try:
            event = parse_event(headers, body)
        except MalformedEventError as error:
            return Reply(500, {"error": str(error)})
        self.executed.processed += 1
        await self._handle(event, work=work, active=active)
        await work.finish()
        answer = {"status": "processed", "event_id": event.id, "correlation_id": event.id}
        return Reply(200, answer)

    async def _handle(self, event: AlertEvent, *, work: Work, active: Active) -> None:
        if event.type == FIRED:
            await asyncio.sleep(active.delay(Stage.LINEAR_ISSUE_CREATION))
            await self._open(alert_issue(event))
            await self._remediate(event, work=work, active=active)
        elif event.type == RESOLVED:
            await asyncio.sleep(active.delay(Stage.VERIFICATION))

    async def _remediate(self, event: AlertEvent, *, work: Work, active: Active) -> None:
        try:
            remediation = select(event)
        except MalformedEventError as error:
            log.warning("event %r asks for nothing executable: %s", event.id, error)
            return
        if remediation is None:
            await asyncio.sleep(self._settings.model_seconds)
            return
        await asyncio.sleep(active.delay(Stage.REMEDIATION_SELECTION))
        if Flag.LOST in active.flags:
            return
        sent = remediation.corrupted() if Flag.CORRUPTED in active.flags else remediation
        outcome = await self._caller.call(sent, event_id=event.id, work=work, active=active)
        if outcome.status == "error":
            await self._open(failure_issue(event, remediation, message=outcome.message))

    async def _open(self, issue: Issue) -> None:
        if self._linear is None:
            return
        try:
            await self._linear.open(issue)
        except LinearError as error:
            self.executed.linear_failures += 1
            log.warning("%s", error)
        else:
            self.executed.issues += 1

    def _leak(self, size: int) -> None:
        """Allocate `size` bytes that are never freed, written to so that they are resident."""
        if size:
            self._leaked.append(b"\xff" * size)
