"""Errors below HTTP: each failure of a request has its own result."""

import asyncio
import errno
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from exporter.fields import Address
from exporter.httpclient.client import Reply, Sender, create_session
from exporter.httpclient.errors import classify_error
from exporter.listener.server import bind_socket, format_url
from exporter.model.error_kind import CONNECTION_ERRORS, ErrorKind
from exporter.model.verdict import Reason
from exporter.schedule.clock import SystemClock
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.slo_probe import ROOT

Raw = Callable[[bytes], Awaitable[str]]


async def _send(address: str) -> Reply:
    async with create_session() as client:
        return await Sender(client, SystemClock()).post(address, b'{"id": "x"}')


@pytest.fixture
async def raw_server() -> AsyncIterator[Raw]:
    """A server that answers every connection with the same bytes, and hangs up."""
    servers = []

    async def start(answer: bytes) -> str:
        async def handle_connection(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await reader.read(1)
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(handle_connection, "127.0.0.1", 0)
        servers.append(server)
        port = server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}/"

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", ErrorKind.RESET),
        (b"220 mail.example ESMTP\r\n\r\n", ErrorKind.NOT_HTTP),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", ErrorKind.RESET),
    ],
)
async def test_a_broken_answer_is_no_reply(
    raw_server: Raw, answer: bytes, fault: ErrorKind
) -> None:
    reply = await _send(await raw_server(answer))
    assert (reply.status, reply.error) == (None, fault)


async def test_an_endless_answer_is_cut_off(raw_server: Raw) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
    reply = await _send(await raw_server(head + b"x" * 200_000))
    assert (reply.status, reply.error) == (200, None)


async def test_tls_to_a_plain_port_is_a_tlsfault_of(agent: FakeAgent) -> None:
    reply = await _send(agent.url.replace("http://", "https://"))
    assert reply.error is ErrorKind.TLS


async def test_a_port_without_a_listener_refuses_the_connection() -> None:
    listener = bind_socket("gone", Address("127.0.0.1", 0))
    address = format_url(listener)
    listener.close()
    assert (await _send(address)).error is ErrorKind.REFUSED


async def test_local_shortage_is_raised(agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    async def raise_exhausted(*_: object, **__: object) -> None:
        raise aiohttp.ClientConnectorError(
            _build_connection_key(), OSError(errno.EMFILE, "Too many open files")
        )

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", raise_exhausted)
    with pytest.raises(OSError, match="Too many open files"):
        await _send(agent.url)


def _build_connection_key() -> ConnectionKey:
    return ConnectionKey("h", 80, False, True, None, None, None)  # noqa: FBT003


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (
            aiohttp.ClientConnectorDNSError(_build_connection_key(), socket.gaierror(-2, "no")),
            ErrorKind.DNS,
        ),
        (
            aiohttp.ClientConnectorError(_build_connection_key(), OSError(113, "no route")),
            ErrorKind.NO_ROUTE,
        ),
        (
            aiohttp.ClientConnectorSSLError(_build_connection_key(), ssl.SSLError(1, "bad")),
            ErrorKind.TLS,
        ),
        (aiohttp.ServerDisconnectedError(), ErrorKind.RESET),
        (ConnectionResetError(), ErrorKind.RESET),
        (aiohttp.ClientPayloadError(), ErrorKind.RESET),
    ],
)
def test_errors_of_the_client_are_sorted(error: BaseException, fault: ErrorKind) -> None:
    assert classify_error(error) is fault


def test_only_the_http_client_opens_sessions() -> None:
    """The simulators are servers of others, and open their own."""
    openers = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "exporter").rglob("*.py")
        if re.search(r"\bClientSession\(", path.read_text())
    }
    product = {path for path in openers if not path.startswith("exporter/simulator/")}
    assert product == {"exporter/httpclient/client.py"}


@pytest.mark.parametrize("kind", sorted(CONNECTION_ERRORS))
def test_every_broken_connection_is_a_reason_of_a_verdict(kind: ErrorKind) -> None:
    assert Reason(kind.value)
    assert kind.category in (ErrorKind.UNREACHABLE, ErrorKind.BAD_RESPONSE)
