"""Stand-in for agent-sre that injects a fault into each event, and keeps a ledger of the truth.

It writes HTTP by itself, since most faults are below what an HTTP server can do. Issues are opened
and functions are called as the simulator does; any request may use any connection of its pool.
"""

import asyncio
import contextlib
import json
import random
import socket
import struct
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from exporter.simulator.agent_sre.cloudevent import AlertEvent, parse_event
from exporter.simulator.agent_sre.function import build_function_headers
from exporter.simulator.agent_sre.linear import LinearIssueClient, build_alert_issue
from exporter.simulator.agent_sre.settings import Settings
from tests.campaign.faults import FAULTS, WHOLE, Step

_REQUEST_TIMEOUT = 30.0
_DRIP = 20
"""Bytes of a reply that drips; they cut lines and words."""
_RESET = struct.pack("ii", 1, 0)
"""A lingering time of zero: the connection is reset."""
_AT_ONCE = frozenset(Step) - {Step.HANG, Step.REPLY_SLOW_DRIP}
"""Steps that take no time by themselves."""
_STATUS = {Step.REPLY_302: "302 Found", Step.REPLY_404: "404 Not Found", Step.REPLY_500: "500 Bad"}


@dataclass(slots=True)
class Request:
    """A request to the canary: monotonic seconds at which it was begun and its answer read."""

    sent: float
    answered: float | None = None


@dataclass(slots=True)
class LedgerEntry:
    """The truth about one event."""

    fault: str
    arrived_at: float
    checks: list[Request] = field(default_factory=list)
    calls: list[Request] = field(default_factory=list)
    has_issue: bool = False
    lag: float = 0.0
    """Seconds by which the stand-in, on a busy machine, was behind its plan."""


class FaultyAgent:
    """Server of the stand-in.

    Args:
        canary: URL of the canary.
        linear: URL of the stand-in for Linear.
        seed: seed of the faults.
        faults: names of the faults to draw from.
    """

    def __init__(self, canary: str, linear: str, *, seed: int, faults: Sequence[str] = ()) -> None:
        self.url = ""
        self.ledger: dict[str, LedgerEntry] = {}
        self.errors: list[str] = []
        self._canary = canary
        self._random = random.Random(seed)
        self._faults = list(faults or FAULTS)
        self._issues = LinearIssueClient(Settings(linear_url=linear), key="any")
        self._session: aiohttp.ClientSession
        self._events: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator["FaultyAgent"]:
        """Serve while the block runs."""
        connector = aiohttp.TCPConnector(limit=50)
        async with aiohttp.ClientSession(
            connector=connector,
            skip_auto_headers=["Content-Type"],
            timeout=aiohttp.ClientTimeout(_REQUEST_TIMEOUT),
        ) as self._session:
            server = await asyncio.start_server(self._serve_event, "127.0.0.1", 0, backlog=1024)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            try:
                yield self
            finally:
                server.close()
                await self.wait_for_events()

    async def wait_for_events(self) -> None:
        """Wait until no event is under way."""
        while self._events:
            await asyncio.wait(set(self._events))

    async def _serve_event(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._events.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                headers, body = await _read_request(reader)
                await self._handle_event(parse_event(headers, body), _Reply(writer))
        except Exception as error:  # noqa: BLE001 - reported by the campaign
            self.errors.append(repr(error))
        finally:
            writer.close()
            self._events.discard(task)

    async def _handle_event(self, event: AlertEvent, reply: "_Reply") -> None:
        entry = LedgerEntry(self._draw_fault(), time.monotonic())
        other = next(reversed(self.ledger), str(event.id))
        self.ledger[str(event.id)] = entry
        planned = entry.arrived_at
        for step in FAULTS[entry.fault].steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
                planned += step
            elif step in (Step.HEALTH, Step.CALL, Step.CALL_CORRUPTED, Step.CALL_FOREIGN):
                if not entry.has_issue:
                    entry.has_issue = True
                    await self._issues.open_issue(build_alert_issue(event))
                await self._call_canary(event, entry, step, other=other)
                entry.lag = max(entry.lag, time.monotonic() - planned)
            else:
                with contextlib.suppress(ConnectionError):
                    await reply.write(step, event_id=str(event.id), other=other)
                if step in _AT_ONCE:
                    entry.lag = max(entry.lag, time.monotonic() - planned)

    def _draw_fault(self) -> str:
        if not self.ledger:  # there is no other run yet
            return "none"
        return self._random.choice(self._faults)

    async def _call_canary(
        self, event: AlertEvent, entry: LedgerEntry, step: Step, *, other: str
    ) -> None:
        """Make one request; the prober may be dead by now."""
        request = Request(time.monotonic())
        with contextlib.suppress(aiohttp.ClientError, ConnectionError, TimeoutError):
            if step is Step.HEALTH:
                entry.checks.append(request)
                async with self._session.get(f"{self._canary}/health") as response:
                    await response.read()
            else:
                entry.calls.append(request)
                parameters: dict[str, Any] = json.loads(event.annotations["lambda_parameters"])
                if step is Step.CALL_CORRUPTED:
                    parameters["nonce"] = "another"
                run_id = other if step is Step.CALL_FOREIGN else str(event.id)
                headers = build_function_headers(run_id)
                body = json.dumps(parameters).encode()
                async with self._session.post(self._canary, data=body, headers=headers) as response:
                    await response.read()
            request.answered = time.monotonic()


class _Reply:
    """The reply to one event, written with a fault."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def write(self, step: Step, *, event_id: str, other: str) -> None:
        """Write it."""
        named = other if step is Step.REPLY_FOREIGN else event_id
        content = {"status": "processed", "event_id": named, "correlation_id": named}
        body = json.dumps({} if step is Step.REPLY_UNEXPECTED else content).encode()
        if step is Step.REPLY_CUT_JSON:
            body = body[:20]
        status = _STATUS.get(step, "200 OK")
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nLocation: /\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode()
        if step is Step.HANG:
            await asyncio.sleep(WHOLE.timeout + 2)
        elif step is Step.RESET:
            self._reset()
        elif step is Step.RESET_IN_HEAD:
            await self._send_then_reset(head[:30])
        elif step is Step.RESET_IN_BODY:
            await self._send_then_reset(head + body[:10])
        elif step is Step.REPLY_GARBAGE:
            await self._send(b"\x00\x01 this is not HTTP\r\n\r\n")
            self._writer.close()
        elif step in (Step.REPLY_DRIP, Step.REPLY_SLOW_DRIP):
            seconds = 0.2 if step is Step.REPLY_DRIP else WHOLE.timeout + 3
            for number in range(0, len(head + body), _DRIP):
                await self._send((head + body)[number : number + _DRIP])
                await asyncio.sleep(seconds * _DRIP / len(head + body))
        elif step is Step.REPLY_HTTP_1_0:
            await self._send(b"HTTP/1.0 200 OK\r\n\r\n" + body)
            self._writer.close()
        else:
            await self._send(head + body + (b"extra" if step is Step.REPLY_EXTRA else b""))
            self._writer.close()

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def _send_then_reset(self, data: bytes) -> None:
        """Send a part, and reset the connection once it may have been read."""
        await self._send(data)
        await asyncio.sleep(0.1)
        self._reset()

    def _reset(self) -> None:
        connection: socket.socket = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._writer.transport.abort()


async def _read_request(reader: asyncio.StreamReader) -> tuple[dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = [line.partition(":") for line in head.split("\r\n")[1:] if line]
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    return headers, await reader.readexactly(int(headers.get("content-length", "0")))
