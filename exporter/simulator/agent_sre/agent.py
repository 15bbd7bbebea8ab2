"""Simulated service without HTTP: the steps of one event, in order."""

import asyncio
import contextlib
import logging
import time
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
from exporter.simulator.agent_sre.cpu import Cpu, CpuStep, EventWork
from exporter.simulator.agent_sre.faults import AgentFaultFlag, AgentFaults, AgentFaultSet
from exporter.simulator.agent_sre.function import FunctionCaller, select_remediation
from exporter.simulator.agent_sre.linear import (
    IssueCreationError,
    IssueInput,
    LinearIssueClient,
    build_alert_issue,
    build_failure_issue,
)
from exporter.simulator.agent_sre.settings import AgentCounters, Settings
from slos.schema.contract import Stage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AgentReply:
    """HTTP reply: status code and JSON body."""

    status: int
    body: Mapping[str, Any]


class Agent:
    """One agent-sre process; create it inside the event loop that uses it."""

    def __init__(self, settings: Settings, faults: AgentFaults) -> None:
        self.faults = faults
        self.counters = AgentCounters()
        self.ready = False
        self._settings = settings
        self._cpu = Cpu(settings.capacity, burst=settings.burst_seconds)
        self._caller = FunctionCaller(settings, self.counters)
        self._linear_client = (
            LinearIssueClient(settings, key=settings.linear_key) if settings.linear_key else None
        )
        self._leaked: list[bytes] = []
        self._lock = asyncio.Lock()
        self._pool: tuple[int, asyncio.Semaphore] = (0, asyncio.Semaphore(0))

    async def close(self) -> None:
        """Close the connections to functions."""
        await self._caller.close()

    async def process_event(self, headers: Mapping[str, str], body: bytes) -> AgentReply:
        """Process one event to its end; reply 200 for any event, 500 if the request is no event."""
        faults = self.faults.active
        self.counters.received += 1
        self._leak_memory(faults.leak)
        work = EventWork(self._cpu)
        await asyncio.sleep(faults.get_delay(Stage.CLOUDEVENT_PROCESSING))
        await self._apply_contention_faults(faults)
        await work.run_step(CpuStep.PARSE)
        try:
            event = parse_event(headers, body)
        except MalformedEventError as error:
            return AgentReply(500, {"error": str(error)})
        self.counters.processed += 1
        await self._handle_event(event, work=work, faults=faults)
        await work.finish()
        reply_body = {"status": "processed", "event_id": event.id, "correlation_id": event.id}
        return AgentReply(200, reply_body)

    async def _handle_event(
        self, event: AlertEvent, *, work: EventWork, faults: AgentFaultSet
    ) -> None:
        if event.type == FIRED:
            await asyncio.sleep(faults.get_delay(Stage.LINEAR_ISSUE_CREATION))
            await self._open_issue(build_alert_issue(event))
            await self._remediate(event, work=work, faults=faults)
        elif event.type == RESOLVED:
            await asyncio.sleep(faults.get_delay(Stage.VERIFICATION))

    async def _remediate(
        self, event: AlertEvent, *, work: EventWork, faults: AgentFaultSet
    ) -> None:
        try:
            remediation = select_remediation(event)
        except MalformedEventError as error:
            log.warning("event %r has no valid parameters: %s", event.id, error)
            return
        if remediation is None:
            await asyncio.sleep(self._settings.model_seconds)
            return
        await asyncio.sleep(faults.get_delay(Stage.REMEDIATION_SELECTION))
        if AgentFaultFlag.LOST in faults.flags:
            return
        called = (
            remediation.with_corruption()
            if AgentFaultFlag.CORRUPTED in faults.flags
            else remediation
        )
        async with self._open_connection(faults.pool):
            result = await self._caller.call(called, event_id=event.id, work=work, faults=faults)
        if result.status == "error":
            await self._open_issue(build_failure_issue(event, remediation, message=result.message))

    async def _open_issue(self, issue: IssueInput) -> None:
        if self._linear_client is None:
            return
        try:
            await self._linear_client.open_issue(issue)
        except IssueCreationError as error:
            self.counters.linear_failures += 1
            log.warning("%s", error)
        else:
            self.counters.issues += 1

    async def _apply_contention_faults(self, faults: AgentFaultSet) -> None:
        """Take the lock, block the event loop and use the CPU, as the faults say."""
        if faults.lock:
            async with self._lock:
                await asyncio.sleep(faults.lock)
        if faults.block:
            time.sleep(faults.block)  # noqa: ASYNC251 - to block the event loop is the fault
        ends_at = time.thread_time() + faults.cpu
        while time.thread_time() < ends_at:
            pass

    def _open_connection(self, size: int) -> contextlib.AbstractAsyncContextManager[None]:
        """Open one of the few connections to functions, if they are limited."""
        if not size:
            return contextlib.nullcontext()
        if self._pool[0] != size:
            self._pool = (size, asyncio.Semaphore(size))
        return self._pool[1]

    def _leak_memory(self, size: int) -> None:
        """Allocate `size` bytes that are never freed, written to so that they are resident."""
        if size:
            self._leaked.append(b"\xff" * size)
