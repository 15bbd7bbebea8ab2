"""The server of the listeners: lost connections leave nothing, and it ends only when told to."""

import asyncio
import contextlib
import gc
import socket
import struct
from collections import Counter
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

import pytest
from aiohttp import web

from exporter.fields import Address
from exporter.listener.connections import ConnectionLimits, RequestHandler
from exporter.listener.server import bind_socket, format_url, serve_app
from tests.exporter.conftest import Serve
from tests.exporter.environment import wait_until


async def open_post(url: str) -> socket.socket:
    """Send a request whose body never ends."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    connection = await asyncio.to_thread(socket.create_connection, (host, int(port)))
    connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    return connection


async def read_reply(url: str) -> bytes:
    """Return the start of the reply to a request; nothing if the connection is closed."""
    with await open_post(url) as connection:
        connection.settimeout(10)
        try:
            return await asyncio.to_thread(connection.recv, 12)
        except ConnectionError:
            return b""


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


async def test_a_connection_without_memory_is_reported_and_not_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create_task, errors = asyncio.create_task, chain([MemoryError] * 2, repeat(None))

    def create_task_or_fail(*args: Any, **rest: Any) -> Any:  # noqa: ANN401 - as asyncio
        if rest.get("name") == "connection" and (error := next(errors)):
            raise error
        return create_task(*args, **rest)

    monkeypatch.setattr(asyncio, "create_task", create_task_or_fail)
    shortages: list[str | None] = []
    listener = bind_socket("test", Address("127.0.0.1", 0))
    server = await serve_app(
        web.Application(),
        listener,
        limits=ConnectionLimits(total=1, per_peer=1),
        on_shortage=shortages.append,
    )
    replies = [await read_reply(format_url(listener)) for _ in range(3)]
    await server.cleanup()
    assert replies == [b"", b"", b"HTTP/1.1 404"]
    assert shortages == [None, None]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot accept connections: out of memory" in caplog.text


async def test_the_server_closes_everything_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    app, closed, accepted = web.Application(), asyncio.Event(), asyncio.Event()

    async def close(_: web.Application) -> None:
        closed.set()

    def fail(*_: object) -> None:
        accepted.set()
        raise ZeroDivisionError

    app.on_cleanup.append(close)
    monkeypatch.setattr("exporter.listener.connections.ConnectionCounter.find_excess", fail)
    listener = bind_socket("test", Address("127.0.0.1", 0))
    server = await serve_app(app, listener)
    with await open_post(format_url(listener)):
        await asyncio.wait_for(accepted.wait(), 30)
    with pytest.raises(ZeroDivisionError):
        await server.cleanup()
    assert listener.fileno() == -1
    assert closed.is_set()


@pytest.mark.parametrize(
    ("limits", "peer"),
    [(ConnectionLimits(total=2, per_peer=1), "127.0.0.1"), (ConnectionLimits(1, 1), None)],
)
async def test_a_shortage_names_the_peer_if_only_that_one_has_too_many_connections(
    limits: ConnectionLimits, peer: str | None
) -> None:
    shortages: list[str | None] = []
    listener = bind_socket("test", Address("127.0.0.1", 0))
    server = await serve_app(
        web.Application(), listener, limits=limits, on_shortage=shortages.append
    )
    with await open_post(format_url(listener)):
        assert await read_reply(format_url(listener)) == b""
    await server.cleanup()
    assert shortages == [peer]
