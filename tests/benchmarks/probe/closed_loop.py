"""A client that waits for each answer before it asks again, as most load generators do.

It paces itself like the prober, with so many workers; what it misses while one of them waits is
never asked, and so never measured.
"""

import asyncio
import json
import time
import uuid

from tests.benchmarks.probe.target import body_of

_WORKERS = 4


async def latencies(target: int, canary: int, *, seconds: float, interval: float) -> list[float]:
    """Seconds from each send to its answer."""
    found: list[float] = []
    server = await asyncio.start_server(_canary, "127.0.0.1", canary)
    async with server:
        workers = (
            _worker(target, found, seconds=seconds, interval=_WORKERS * interval, at=number)
            for number in range(_WORKERS)
        )
        await asyncio.gather(*workers)
    return found


async def _worker(
    target: int, found: list[float], *, seconds: float, interval: float, at: int
) -> None:
    await asyncio.sleep(at * interval / _WORKERS)
    begun = time.monotonic()
    while (now := time.monotonic()) < begun + seconds:
        reader, writer = await asyncio.open_connection("127.0.0.1", target)
        writer.write(_event())
        await reader.read()
        writer.close()
        found.append(time.monotonic() - now)
        await asyncio.sleep(max(now + interval - time.monotonic(), 0.0))


def _event() -> bytes:
    data = {"annotations": {"lambda_parameters": "{}"}}
    body = json.dumps({"id": f"closed-{uuid.uuid4().hex}", "data": data}).encode()
    return b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def _canary(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer everything."""
    got = b""
    while part := await reader.read(65_536):
        got += part
        if got.startswith(b"GET") or body_of(got) is not None:
            got = b""
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    writer.close()
