"""Every way a source can fail is one of six faults, and no text about it holds a secret."""

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from exporter.fields import Address
from exporter.http_source.answer import Answer, SourceError, SourceFault
from exporter.http_source.failures import explained
from exporter.http_source.source import HttpSource
from exporter.listen import bind, url
from tests.exporter.conftest import Serve
from tests.exporter.source_desk import Play, QuickClock, Script, opened, source_settings


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (200, None),
        (204, None),
        (302, SourceFault.BAD_ANSWER),
        (400, SourceFault.BAD_ANSWER),
        (401, SourceFault.UNAUTHORIZED),
        (403, SourceFault.UNAUTHORIZED),
        (404, SourceFault.BAD_ANSWER),
        (429, SourceFault.RATE_LIMITED),
        (500, SourceFault.SERVER_ERROR),
        (503, SourceFault.SERVER_ERROR),
    ],
)
def test_a_status_is_a_fault_of_its_kind(status: int, fault: SourceFault | None) -> None:
    answer = Answer("tempo", status, b"")
    assert answer.fault is fault
    if fault is None:
        assert answer.checked() is answer
        return
    with pytest.raises(SourceError, match=f"^tempo: {fault}: HTTP {status}") as caught:
        answer.checked()
    assert caught.value.fault is fault


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000, b'{"a":'])
def test_a_body_that_is_no_json_is_a_bad_answer_and_is_not_quoted(body: bytes) -> None:
    with pytest.raises(SourceError, match="not JSON") as caught:
        Answer("tempo", 200, body).json()
    assert caught.value.fault is SourceFault.BAD_ANSWER
    assert caught.value.__context__ is None


async def fault_of(address: str) -> tuple[SourceFault, str]:
    async with opened(source_settings(address, retries=1, timeout="5s")) as source:
        with pytest.raises(SourceError) as caught:
            await source.get("/x")
    return caught.value.fault, str(caught.value)


async def test_nobody_listening_is_unreachable() -> None:
    listener = bind("gone", Address("127.0.0.1", 0))
    address = url(listener)
    listener.close()
    told = "tempo: unreachable: nobody listens there"
    assert await fault_of(address) == (SourceFault.UNREACHABLE, told)


async def test_tls_to_a_plain_port_is_unreachable(serving: Serve) -> None:
    address = (await serving(Script().app())).replace("http:", "https:")
    fault, told = await fault_of(address)
    assert fault is SourceFault.UNREACHABLE
    assert "TLS failed" in told


async def test_a_connection_that_breaks_off_is_unreachable(serving: Serve) -> None:
    fault, told = await fault_of(await serving(Script(Play(cut=True)).app()))
    assert (fault, told) == (
        SourceFault.UNREACHABLE,
        "tempo: unreachable: the connection broke off",
    )


async def test_something_else_than_http_is_a_bad_answer() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        fault, _ = await fault_of(f"http://127.0.0.1:{port}")
    assert fault is SourceFault.BAD_ANSWER


async def test_an_endless_answer_is_not_read_to_its_end(serving: Serve) -> None:
    fault, told = await fault_of(await serving(Script(Play(body=b"x" * 9_000_000)).app()))
    assert fault is SourceFault.BAD_ANSWER
    assert "longer than 8 MiB" in told


def test_a_host_without_an_address_is_unreachable() -> None:
    key = ConnectionKey("h", 80, False, True, None, None, None)  # noqa: FBT003
    error = aiohttp.ClientConnectorDNSError(key, socket.gaierror(-2, "no"))
    failure = explained(error)
    assert (failure.fault, failure.why) == (SourceFault.UNREACHABLE, "the host has no address")
    failure = explained(aiohttp.ClientConnectorError(key, OSError(113, "No route to host")))
    assert failure.why == "No route to host"


async def test_a_redirect_is_not_followed(serving: Serve) -> None:
    elsewhere = Script()
    there = await serving(elsewhere.app())
    script = Script(Play(302, headers={"Location": f"{there}/login"}))
    async with opened(source_settings(await serving(script.app()))) as source:
        answer = await source.get("/x")
    with pytest.raises(SourceError, match="a redirect, which is not followed"):
        answer.checked()
    assert elsewhere.asked == []


async def test_the_prefix_of_the_url_is_kept(serving: Serve) -> None:
    script = Script()
    for suffix in ("/tempo", "/tempo/"):
        settings = source_settings(await serving(script.app()) + suffix)
        async with opened(settings) as source:
            await source.get("/api/search", {"q": '{ a = "b" }'})
    assert {asked.path for asked in script.asked} == {"/tempo/api/search?q=%7B+a+%3D+%22b%22+%7D"}


async def test_asking_a_source_that_is_not_open_is_a_bug() -> None:
    source = HttpSource("tempo", source_settings("http://tempo"), folder=Path(), clock=QuickClock())
    with pytest.raises(RuntimeError, match="outside of its context"):
        await source.get("/x")


async def test_no_error_and_no_repr_holds_a_secret(serving: Serve, tmp_path: Path) -> None:
    """Whatever goes wrong, the secrets that were sent are nowhere in what is said of it."""
    (tmp_path / "token").write_text("hunter2")
    (tmp_path / "key").write_text("hunter3")
    broken = [Play(401), Play(cut=True), Play(hang=True), Play(200, b"hunter4")]
    secret = {"bearer_auth": {"token_file": "token"}, "headers_from_files": {"X-Key": "key"}}

    async def ask(source: HttpSource, then: Callable[[Answer], object]) -> None:
        then((await source.get("/x")).checked())

    for play in broken:
        address = await serving(Script(play).app())
        settings = source_settings(address, timeout="200ms", retries=0, **secret)
        async with opened(settings, folder=tmp_path) as source:
            asking: Awaitable[None] = ask(source, Answer.json)
            with pytest.raises(SourceError) as caught:
                await asking
        error = caught.value
        text = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
        text += repr(error.__context__) + repr(error.__cause__) + repr(source) + repr(settings)
        assert "hunter" not in text.replace('b"hunter4"', "")
