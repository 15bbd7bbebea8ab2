"""The server of the listeners: lost connections leave nothing, and it ends only when told to."""

import asyncio
import contextlib
import gc
import ipaddress
import socket
import struct
from collections import Counter
from collections.abc import Callable
from itertools import chain, repeat
from typing import Any

import pytest
from aiohttp import web
from hypothesis import assume, given
from hypothesis import strategies as st

from exporter.fields import Address
from exporter.listener.connections import (
    ConnectionCounter,
    ConnectionLimits,
    Excess,
    RequestHandler,
    name_peer,
)
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


async def test_an_error_of_one_connection_is_logged_and_the_next_one_is_served(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    find_excess = ConnectionCounter.find_excess
    errors = chain([ZeroDivisionError] * 2, repeat(None))

    def find_excess_or_fail(counter: ConnectionCounter, peer: str) -> Excess | None:
        if error := next(errors):
            raise error
        return find_excess(counter, peer)

    monkeypatch.setattr(ConnectionCounter, "find_excess", find_excess_or_fail)
    app, closed = web.Application(), asyncio.Event()

    async def close(_: web.Application) -> None:
        closed.set()

    app.on_cleanup.append(close)
    listener = bind_socket("test", Address("127.0.0.1", 0))
    server = await serve_app(app, listener)
    replies = [await read_reply(format_url(listener)) for _ in range(3)]
    assert server.is_accepting
    await server.cleanup()
    assert replies == [b"", b"", b"HTTP/1.1 404"]
    assert caplog.text.count("ZeroDivisionError") == 1, "repetitions are not logged"
    assert listener.fileno() == -1
    assert closed.is_set()


_HALF = st.binary(min_size=8, max_size=8)


@given(_HALF, _HALF, _HALF)
def test_ipv6_addresses_of_one_network_are_one_peer(
    network: bytes, host: bytes, other: bytes
) -> None:
    first, second, elsewhere = (
        ipaddress.IPv6Address(part) for part in (network + host, network + other, other + host)
    )
    assume(other != network and not any(each.ipv4_mapped for each in (first, second, elsewhere)))
    assert name_peer(str(first)) == name_peer(str(second)) != name_peer(str(elsewhere))


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_one_peer_however_it_is_written(address: ipaddress.IPv4Address) -> None:
    assert name_peer(str(address)) == name_peer(f"::ffff:{address}") == str(address)


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
