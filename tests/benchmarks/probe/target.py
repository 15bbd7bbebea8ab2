"""`python -m tests.benchmarks.probe.target`: an agent-sre of which every latency is known.

Takes events, waits for a time it draws, calls the canary as agent-sre does (a connection for each
event: `GET /health`, then `POST /`), answers 200. Written on bare sockets: at hundreds of events a
second a web framework here would be the slower of the two. On SIGTERM it writes down what it did.
"""

import asyncio
import json
import random
import signal
import time
from math import exp, log
from pathlib import Path

import click

_MEDIAN, _P99 = 0.020, 0.100
"""Seconds of the injected latency, which is lognormal."""
_SIGMA = log(_P99 / _MEDIAN) / 2.326
_DRAINED_PER_SECOND = 400
"""After a stall the queue is worked off in the order in which it came."""
_HEALTH = b"GET /health HTTP/1.1\r\nHost: canary\r\n\r\n"


def build_reply(event_id: str) -> bytes:
    """Build the reply to an event."""
    body = f'{{"status":"processed","event_id":"{event_id}","correlation_id":"{event_id}"}}'
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body.encode())
    )


class TargetRecord:
    """Record of every event, and the time of the stall."""

    def __init__(self, seed: int, *, stall_at: float, stall: float) -> None:
        self.rows: list[tuple[str, float, float, float]] = []
        """Id, wall clock of arrival, injected seconds, seconds to the canary's answer."""
        self.canary = 0
        self._random = random.Random(seed)
        self._stall_at = stall_at
        self._stall = stall
        self._first: float | None = None
        self._queued = 0

    def draw_delay(self, now: float) -> float:
        """Draw the delay of an event that arrives now."""
        if self._first is None:
            self._first = now
        latency = _MEDIAN * exp(self._random.gauss(0.0, _SIGMA))
        begin = self._first + self._stall_at
        if not begin <= now < begin + self._stall:
            return latency
        self._queued += 1
        return latency + begin + self._stall - now + self._queued / _DRAINED_PER_SECOND


class EventProtocol(asyncio.Protocol):
    """One connection of the prober, one event."""

    def __init__(self, record: TargetRecord, tasks: set[asyncio.Task[None]]) -> None:
        self._record = record
        self._tasks = tasks
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember whom to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Collect until the event is whole."""
        self._buffer += data
        event = parse_body(self._buffer)
        if event is not None:
            arrived, wall = time.monotonic(), time.time()
            self._buffer = b""
            task = asyncio.create_task(self._handle_event(json.loads(event), arrived, wall))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _handle_event(self, event: dict[str, object], arrived: float, wall: float) -> None:
        due = arrived + self._record.draw_delay(arrived)
        called_at = await call_canary(self._record.canary, event, due=due)
        total_seconds = time.monotonic() - arrived
        self._transport.write(build_reply(str(event["id"])))
        self._transport.close()
        self._record.rows.append((str(event["id"]), wall, called_at - arrived, total_seconds))


def parse_body(request: bytes) -> bytes | None:
    """The body of a request or answer that is whole, else None."""
    head, found, body = request.partition(b"\r\n\r\n")
    if not found:
        return None
    _, _, after = head.lower().partition(b"content-length:")
    length = int(after.split(b"\r\n", 1)[0] or 0)
    return body[:length] if len(body) >= length else None


class CanaryProtocol(asyncio.Protocol):
    """One connection to the canary."""

    def __init__(self) -> None:
        self._buffer = b""
        self._response: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        """Collect until the answer is whole."""
        self._buffer += data
        if parse_body(self._buffer) is not None and not self._response.done():
            self._response.set_result(self._buffer)
            self._buffer = b""

    def connection_lost(self, _: Exception | None) -> None:
        """Nothing more will come."""
        if not self._response.done():
            self._response.set_result(b"")

    async def read_response(self) -> bytes:
        """The next answer; empty when the connection was cut."""
        response = await self._response
        self._response = asyncio.get_running_loop().create_future()
        return response


async def call_canary(port: int, event: dict[str, object], *, due: float) -> float:
    """Check the canary's health, and call it when it is due, on one connection; gives when."""
    data = event["data"]
    assert isinstance(data, dict)
    body = data["annotations"]["lambda_parameters"].encode()
    headers = {
        "Host": "canary",
        "ce-specversion": "1.0",
        "ce-type": "io.homelab.agent-sre.remediation.request",
        "ce-source": "agent-sre",
        "ce-id": event["id"],
        "ce-correlationid": event["id"],
        "Content-Length": len(body),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    transport, canary = await asyncio.get_running_loop().create_connection(
        CanaryProtocol, "127.0.0.1", port
    )
    try:
        transport.write(_HEALTH)
        await canary.read_response()
        await asyncio.sleep(max(due - time.monotonic(), 0.0))
        called = time.monotonic()
        transport.write(f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body)
        await canary.read_response()
    finally:
        transport.close()
    return called


@click.command()
@click.option("--canary", type=int, required=True, help="Port of the canary.")
@click.option("--record", "path", type=Path, required=True, help="Where to write what was done.")
@click.option("--seed", type=int, default=0)
@click.option("--stall-at", type=float, default=float("inf"), help="Seconds after the first event.")
@click.option("--stall", type=float, default=0.0, help="Seconds in which nothing goes on.")
def main(*, canary: int, path: Path, seed: int, stall_at: float, stall: float) -> None:
    """Serve on a free port until SIGTERM."""
    record = TargetRecord(seed, stall_at=stall_at, stall=stall)
    record.canary = canary
    asyncio.run(_serve(record))
    path.write_text(json.dumps(record.rows))


async def _serve(record: TargetRecord) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    tasks: set[asyncio.Task[None]] = set()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    server = await loop.create_server(
        lambda: EventProtocol(record, tasks), "127.0.0.1", 0, backlog=4096
    )
    click.echo(f"listening on {server.sockets[0].getsockname()[1]}")
    async with server:
        await stop.wait()


if __name__ == "__main__":
    main()
