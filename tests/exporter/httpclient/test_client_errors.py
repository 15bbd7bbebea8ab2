"""Errors and retries of an HTTP client."""

import asyncio
import socket
import traceback
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from hypothesis import given
from hypothesis import strategies as st

from exporter.fields import Address
from exporter.httpclient import retry
from exporter.httpclient.client import HttpClient
from exporter.httpclient.errors import RequestError, Response, build_request_error
from exporter.listener.server import bind_socket, format_url
from exporter.model.error_kind import ErrorKind
from tests.exporter.conftest import Serve
from tests.exporter.scripted_server import (
    InstantSleepClock,
    ScriptedReply,
    ScriptedServer,
    build_settings,
    open_client,
)


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (200, None),
        (204, None),
        (302, ErrorKind.BAD_RESPONSE),
        (400, ErrorKind.BAD_RESPONSE),
        (401, ErrorKind.UNAUTHORIZED),
        (403, ErrorKind.UNAUTHORIZED),
        (404, ErrorKind.BAD_RESPONSE),
        (429, ErrorKind.RATE_LIMITED),
        (500, ErrorKind.SERVER_ERROR),
        (503, ErrorKind.SERVER_ERROR),
    ],
)
def test_a_status_is_a_fault_of_its_kind(status: int, fault: ErrorKind | None) -> None:
    answer = Response("tempo", status, b"")
    assert answer.error_kind is fault
    if fault is None:
        assert answer.raise_for_status() is answer
        return
    with pytest.raises(RequestError, match=f"^tempo: {fault}: HTTP {status}") as caught:
        answer.raise_for_status()
    assert caught.value.kind is fault


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000, b'{"a":'])
def test_a_body_that_is_no_json_is_a_bad_answer_and_is_not_quoted(body: bytes) -> None:
    with pytest.raises(RequestError, match="without JSON") as caught:
        Response("tempo", 200, body).parse_json()
    assert caught.value.kind is ErrorKind.BAD_RESPONSE
    assert caught.value.__context__ is None


async def get_error(address: str) -> tuple[ErrorKind, str]:
    async with open_client(build_settings(address, retries=1, timeout="5s")) as source:
        with pytest.raises(RequestError) as caught:
            await source.get("/x")
    return caught.value.kind, str(caught.value)


async def test_a_port_without_a_listener_is_unreachable() -> None:
    listener = bind_socket("gone", Address("127.0.0.1", 0))
    address = format_url(listener)
    listener.close()
    told = "tempo: unreachable: connection refused"
    assert await get_error(address) == (ErrorKind.UNREACHABLE, told)


@pytest.mark.parametrize(
    ("play", "scheme", "expected", "said"),
    [
        (ScriptedReply(), "https:", ErrorKind.UNREACHABLE, "TLS failed"),
        (ScriptedReply(aborts=True), "http:", ErrorKind.UNREACHABLE, "the connection was closed"),
        (
            ScriptedReply(body=b"x" * 9_000_000),
            "http:",
            ErrorKind.BAD_RESPONSE,
            "longer than 8 MiB",
        ),
    ],
)
async def test_a_broken_answer_has_its_fault(
    serving: Serve, play: ScriptedReply, scheme: str, *, expected: ErrorKind, said: str
) -> None:
    address = await serving(ScriptedServer(play).build_app())
    fault, told = await get_error(address.replace("http:", scheme))
    assert (fault, said in told) == (expected, True)


async def test_a_response_that_is_not_http_is_an_error() -> None:
    async def handle_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"220 mail.example ESMTP\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle_connection, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        fault, _ = await get_error(f"http://127.0.0.1:{port}")
    assert fault is ErrorKind.BAD_RESPONSE


def test_a_host_without_an_address_is_unreachable() -> None:
    key = ConnectionKey("h", 80, False, True, None, None, None)  # noqa: FBT003
    error = aiohttp.ClientConnectorDNSError(key, socket.gaierror(-2, "no"))
    failure = build_request_error("tempo", error)
    assert (failure.kind, failure.reason) == (
        ErrorKind.UNREACHABLE,
        "the host name cannot be resolved",
    )
    failure = build_request_error(
        "tempo", aiohttp.ClientConnectorError(key, OSError(113, "No route to host"))
    )
    assert failure.reason == "No route to host"


async def test_a_redirect_is_not_followed(serving: Serve) -> None:
    elsewhere = ScriptedServer()
    there = await serving(elsewhere.build_app())
    script = ScriptedServer(ScriptedReply(302, headers={"Location": f"{there}/login"}))
    async with open_client(build_settings(await serving(script.build_app()))) as source:
        answer = await source.get("/x")
    with pytest.raises(RequestError, match="redirects are not followed"):
        answer.raise_for_status()
    assert elsewhere.requests == []


async def test_the_prefix_of_the_url_is_kept(serving: Serve) -> None:
    script = ScriptedServer()
    for suffix in ("/tempo", "/tempo/"):
        settings = build_settings(await serving(script.build_app()) + suffix)
        async with open_client(settings) as source:
            await source.get("/api/search", {"q": '{ a = "b" }'})
    assert {asked.path for asked in script.requests} == {
        "/tempo/api/search?q=%7B+a+%3D+%22b%22+%7D"
    }


async def test_asking_a_source_that_is_not_open_is_a_bug() -> None:
    source = HttpClient(
        "tempo", build_settings("http://tempo"), folder=Path(), clock=InstantSleepClock()
    )
    with pytest.raises(RuntimeError, match="is not open"):
        await source.get("/x")


async def test_no_error_and_no_repr_holds_a_secret(serving: Serve, tmp_path: Path) -> None:
    """Whatever goes wrong, the secrets that were sent are nowhere in what is said of it."""
    (tmp_path / "token").write_text("hunter2")
    (tmp_path / "key").write_text("hunter3")
    broken = [
        ScriptedReply(401),
        ScriptedReply(aborts=True),
        ScriptedReply(hangs=True),
        ScriptedReply(200, b"hunter4"),
    ]
    secret = {"bearer_auth": {"token_file": "token"}, "headers_from_files": {"X-Key": "key"}}

    async def ask(source: HttpClient, then: Callable[[Response], object]) -> None:
        then((await source.get("/x")).raise_for_status())

    for play in broken:
        address = await serving(ScriptedServer(play).build_app())
        settings = build_settings(address, timeout="200ms", retries=0, **secret)
        async with open_client(settings, folder=tmp_path) as source:
            asking: Awaitable[None] = ask(source, Response.parse_json)
            with pytest.raises(RequestError) as caught:
                await asking
        error = caught.value
        text = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
        text += repr(error.__context__) + repr(error.__cause__) + repr(source) + repr(settings)
        assert "hunter" not in text.replace('b"hunter4"', "")


NOW = 1_700_000_000.0
_date = partial(formatdate, usegmt=True)


@pytest.mark.parametrize(
    ("plays", "settings", "asked", "slept"),
    [
        *(
            ([ScriptedReply(n), ScriptedReply(n), ScriptedReply()], {}, 3, [0.5, 1.0])
            for n in (429, 502, 503, 504)
        ),
        *(([ScriptedReply(n)], {}, 1, []) for n in (200, 301, 400, 401, 404, 500)),
        ([ScriptedReply(503)], {"retries": 4}, 5, [0.5, 1.0, 2.0, 4.0]),
        ([ScriptedReply(503)], {"retries": 0}, 1, []),
        ([ScriptedReply(429, headers={"Retry-After": "7"}), ScriptedReply()], {}, 2, [7.0]),
    ],
)
async def test_only_what_may_pass_is_asked_again_with_growing_pauses(
    serving: Serve,
    plays: list[ScriptedReply],
    settings: dict[str, int],
    asked: int,
    *,
    slept: list[float],
) -> None:
    script, clock, last = ScriptedServer(*plays), InstantSleepClock(), plays[-1].status
    url = await serving(script.build_app())
    async with open_client(build_settings(url, **settings), clock=clock) as source:
        assert (await source.get("/x")).status == last
    assert (len(script.requests), clock.sleeps) == (asked, slept)


async def test_a_get_is_sent_at_most_twice_in_each_attempt(serving: Serve) -> None:
    script, clock = ScriptedServer(ScriptedReply(aborts=True)), InstantSleepClock()
    async with open_client(
        build_settings(await serving(script.build_app())), clock=clock
    ) as source:
        with pytest.raises(RequestError):
            await source.get("/x")
    assert (len(script.requests), clock.sleeps) == (6, [0.5, 1.0])


async def test_a_question_by_post_that_only_reads_is_repeated_too(serving: Serve) -> None:
    script = ScriptedServer(ScriptedReply(503), ScriptedReply())
    async with open_client(build_settings(await serving(script.build_app()))) as source:
        await source.post_query("/x", {"query": "up"})
    assert [(asked.method, asked.form) for asked in script.requests] == [
        ("POST", {"query": "up"})
    ] * 2


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
async def test_a_lack_of_memory_is_an_error_of_the_request(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("asyncio.to_thread", fail)
    found = await get_error("http://127.0.0.1:9")
    assert found[0] is ErrorKind.UNREACHABLE
    assert "this machine is out of memory" in found[1]


async def test_a_bug_is_not_an_error_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("asyncio.to_thread", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        await get_error("http://127.0.0.1:9")


async def test_a_request_out_of_time_is_not_repeated(serving: Serve) -> None:
    script = ScriptedServer(ScriptedReply(hangs=True))
    url = await serving(script.build_app())
    async with open_client(build_settings(url, timeout="100ms")) as source:
        with pytest.raises(RequestError) as caught:
            await source.get("/x")
    assert caught.value.kind is ErrorKind.TIMEOUT
    assert len(script.requests) == 1


async def test_a_long_retry_after_ends_the_asking(serving: Serve) -> None:
    script, clock = (
        ScriptedServer(ScriptedReply(429, headers={"Retry-After": "60"})),
        InstantSleepClock(),
    )
    async with open_client(
        build_settings(await serving(script.build_app())), clock=clock
    ) as source:
        answer = await source.get("/x")
    assert (len(script.requests), clock.sleeps, answer.retry_after) == (1, [], 60.0)
    with pytest.raises(RequestError) as caught:
        answer.raise_for_status()
    assert (caught.value.kind, caught.value.retry_after) == (ErrorKind.RATE_LIMITED, 60.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": " 12 "}, 12.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "9" * 5000}, 86400.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "\N{ARABIC-INDIC DIGIT ONE}"}, None),
        ({"Retry-After": _date(NOW + 30)}, 30.0),
        ({"Retry-After": _date(NOW - 30)}, 0.0),
        ({"Retry-After": _date(NOW + 10**9)}, 86400.0),
        ({"Retry-After": _date(NOW + 999), "Date": _date(NOW + 990)}, 9.0),
    ],
)
def test_retry_after_seconds_or_date(headers: Mapping[str, str], seconds: float | None) -> None:
    assert retry.parse_retry_after(headers, now=NOW) == seconds


@given(
    attempt=st.integers(0, 10),
    backoff=st.floats(0.001, 100),
    longest=st.floats(0.001, 100),
    asked=st.none() | st.floats(0, 1000),
)
def test_pause_is_bounded(
    attempt: int, backoff: float, longest: float, asked: float | None
) -> None:
    pause = retry.compute_retry_delay(
        attempt, backoff=backoff, max_delay=longest, retry_after=asked
    )
    if pause is None:
        assert asked is not None
        assert asked > longest
    else:
        assert (asked or 0.0) <= pause <= longest


@given(st.text())
def test_no_header_breaks_the_reading_of_it(text: str) -> None:
    found = retry.parse_retry_after({"Retry-After": text, "Date": text}, now=NOW)
    assert found is None or 0 <= found <= 86400
