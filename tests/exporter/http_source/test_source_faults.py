"""Faults of a source and how often it is asked again."""

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
from exporter.httpclient.client import HttpSource
from exporter.httpclient.errors import Answer, SourceError, SourceFault, explained
from exporter.listener import bind, url
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


@pytest.mark.parametrize(
    ("play", "scheme", "expected", "said"),
    [
        (Play(), "https:", SourceFault.UNREACHABLE, "TLS failed"),
        (Play(cut=True), "http:", SourceFault.UNREACHABLE, "the connection broke off"),
        (Play(body=b"x" * 9_000_000), "http:", SourceFault.BAD_ANSWER, "longer than 8 MiB"),
    ],
)
async def test_a_broken_answer_has_its_fault(
    serving: Serve, play: Play, scheme: str, *, expected: SourceFault, said: str
) -> None:
    address = await serving(Script(play).app())
    fault, told = await fault_of(address.replace("http:", scheme))
    assert (fault, said in told) == (expected, True)


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


NOW = 1_700_000_000.0
_date = partial(formatdate, usegmt=True)


@pytest.mark.parametrize(
    ("plays", "settings", "asked", "slept"),
    [
        *(([Play(n), Play(n), Play()], {}, 3, [0.5, 1.0]) for n in (429, 502, 503, 504)),
        *(([Play(n)], {}, 1, []) for n in (200, 301, 400, 401, 404, 500)),
        ([Play(503)], {"retries": 4}, 5, [0.5, 1.0, 2.0, 4.0]),
        ([Play(503)], {"retries": 0}, 1, []),
        ([Play(429, headers={"Retry-After": "7"}), Play()], {}, 2, [7.0]),
    ],
)
async def test_only_what_may_pass_is_asked_again_with_growing_pauses(
    serving: Serve, plays: list[Play], settings: dict[str, int], asked: int, *, slept: list[float]
) -> None:
    script, clock, last = Script(*plays), QuickClock(), plays[-1].status
    url = await serving(script.app())
    async with opened(source_settings(url, **settings), clock=clock) as source:
        assert (await source.get("/x")).status == last
    assert (len(script.asked), clock.slept) == (asked, slept)


async def test_a_get_is_sent_at_most_twice_in_each_attempt(serving: Serve) -> None:
    script, clock = Script(Play(cut=True)), QuickClock()
    async with opened(source_settings(await serving(script.app())), clock=clock) as source:
        with pytest.raises(SourceError):
            await source.get("/x")
    assert (len(script.asked), clock.slept) == (6, [0.5, 1.0])


async def test_a_question_by_post_that_only_reads_is_repeated_too(serving: Serve) -> None:
    script = Script(Play(503), Play())
    async with opened(source_settings(await serving(script.app()))) as source:
        await source.read_by_post("/x", {"query": "up"})
    assert [(asked.method, asked.form) for asked in script.asked] == [("POST", {"query": "up"})] * 2


async def test_a_request_out_of_time_is_not_repeated(serving: Serve) -> None:
    script = Script(Play(hang=True))
    url = await serving(script.app())
    async with opened(source_settings(url, timeout="100ms")) as source:
        with pytest.raises(SourceError) as caught:
            await source.get("/x")
    assert caught.value.fault is SourceFault.TIMEOUT
    assert len(script.asked) == 1


async def test_a_long_retry_after_ends_the_asking(serving: Serve) -> None:
    script, clock = Script(Play(429, headers={"Retry-After": "60"})), QuickClock()
    async with opened(source_settings(await serving(script.app())), clock=clock) as source:
        answer = await source.get("/x")
    assert (len(script.asked), clock.slept, answer.retry_after) == (1, [], 60.0)
    with pytest.raises(SourceError) as caught:
        answer.checked()
    assert (caught.value.fault, caught.value.retry_after) == (SourceFault.RATE_LIMITED, 60.0)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": " 12 "}, 12.0),
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
    assert retry.retry_after(headers, now=NOW) == seconds


@given(
    attempt=st.integers(0, 10),
    backoff=st.floats(0.001, 100),
    longest=st.floats(0.001, 100),
    asked=st.none() | st.floats(0, 1000),
)
def test_pause_is_bounded(
    attempt: int, backoff: float, longest: float, asked: float | None
) -> None:
    pause = retry.pause(attempt, backoff=backoff, longest=longest, asked=asked)
    if pause is None:
        assert asked is not None
        assert asked > longest
    else:
        assert (asked or 0.0) <= pause <= longest


@given(st.text())
def test_no_header_breaks_the_reading_of_it(text: str) -> None:
    found = retry.retry_after({"Retry-After": text, "Date": text}, now=NOW)
    assert found is None or 0 <= found <= 86400
