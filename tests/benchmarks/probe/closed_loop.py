"""A client that waits for each answer before it asks again, as most load generators do.

It paces itself like the prober, with so many workers; what it misses while one of them waits is
never asked, and so never measured.
"""

import asyncio
import json
import time
import uuid

from tests.benchmarks.probe.target import parse_body

_WORKERS = 4


async def measure_latencies(
    target: int, canary: int, *, seconds: float, interval: float
) -> list[float]:
    """Seconds from each send to its answer."""
    seconds_per_event: list[float] = []
    server = await asyncio.start_server(_serve_canary, "127.0.0.1", canary)
    async with server:
        workers = (
            _run_worker(
                target,
                seconds_per_event,
                seconds=seconds,
                interval=_WORKERS * interval,
                number=number,
            )
            for number in range(_WORKERS)
        )
        await asyncio.gather(*workers)
    return seconds_per_event


async def _run_worker(
    target: int, seconds_per_event: list[float], *, seconds: float, interval: float, number: int
) -> None:
    await asyncio.sleep(number * interval / _WORKERS)
    started = time.monotonic()
    while (now := time.monotonic()) < started + seconds:
        reader, writer = await asyncio.open_connection("127.0.0.1", target)
        writer.write(_build_event())
        await reader.read()
        writer.close()
        seconds_per_event.append(time.monotonic() - now)
        await asyncio.sleep(max(now + interval - time.monotonic(), 0.0))


def _build_event() -> bytes:
    data = {"annotations": {"lambda_parameters": "{}"}}
    body = json.dumps({"id": f"closed-{uuid.uuid4().hex}", "data": data}).encode()
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def _serve_canary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer everything."""
    buffer = b""
    while part := await reader.read(65_536):
        buffer += part
        if buffer.startswith(b"GET") or parse_body(buffer) is not None:
            buffer = b""
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    writer.close()
