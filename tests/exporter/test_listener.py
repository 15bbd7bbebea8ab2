"""The server of the listeners: lost connections leave nothing, and it ends only when told to."""

import asyncio
import contextlib
import gc
import socket
import struct
from collections import Counter
from collections.abc import Callable

import pytest
from aiohttp import web

from exporter.listener.connections import RequestHandler
from tests.exporter.conftest import Serve
from tests.exporter.environment import wait_until


async def open_post(url: str) -> socket.socket:
    """Send a request whose body never ends."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    connection = await asyncio.to_thread(socket.create_connection, (host, int(port)))
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    return connection


def reset_connection(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def count_protocols() -> int:
    gc.collect()
    return sum(isinstance(each, RequestHandler) for each in gc.get_objects())


@pytest.mark.parametrize("end", [reset_connection, socket.socket.close])
async def test_a_connection_lost_within_a_request_leaves_nothing(
    serving: Serve, caplog: pytest.LogCaptureFixture, end: Callable[[socket.socket], None]
) -> None:
    steps: Counter[str] = Counter()

    async def read_body(request: web.Request) -> web.Response:
        steps["begun"] += 1
        try:
            return web.Response(body=await request.read())
        finally:
            steps["ended"] += 1

    app = web.Application()
    app.router.add_post("/", read_body)
    url, before = await serving(app), count_protocols()
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(await open_post(url)) for _ in range(20)]
        await wait_until(lambda: steps["begun"] == 20)
        assert count_protocols() == before + 20
        for connection in opened:
            end(connection)
    await wait_until(lambda: steps["ended"] == 20)
    await wait_until(lambda: count_protocols() == before)
    assert not caplog.records
