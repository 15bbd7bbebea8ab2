"""Raw bytes of attackers at the listeners of the real program: refused, and no error of its own."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.exporter.environment import ProberEnvironment, wait_until
from tests.exporter.test_attacks import find_address, run_prober

CALL = (
    "POST / HTTP/1.1\r\nHost: x\r\n"
    "ce-id: a\r\nce-source: b\r\nce-specversion: 1.0\r\nce-type: c\r\n"
)
HEALTH = "GET /health HTTP/1.1\r\nHost: x\r\n"
SMUGGLED = "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
LENGTH = f"Content-Length: {len(SMUGGLED)}\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
MANY_FIELDS = "X-H: 1\r\n" * 10_000
MEGABYTE = "a" * 1_000_000
LONG_FIELD = f"X-Long: {'a' * 4_000}\r\n"
PROXY_V2 = "\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c" + "\0" * 12

FRAMINGS = {
    name: f"{CALL}{rest}"
    for name, rest in {
        "length and chunks": f"{LENGTH}{CHUNKED}\r\n{SMUGGLED}",
        "chunks and length": f"{CHUNKED}Content-Length: 4\r\n\r\n{SMUGGLED}",
        "two lengths": f"Content-Length: 0\r\n{LENGTH}\r\n{SMUGGLED}",
        "a list of lengths": f"Content-Length: 0, {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
        "a signed length": f"Content-Length: +5\r\n\r\n{SMUGGLED}",
        "a negative length": f"Content-Length: -1\r\n\r\n{SMUGGLED}",
        "an enormous length": "Content-Length: 99999999999999999999\r\n\r\n",
        "an underscore in the length": f"Content-Length: 1_0\r\n\r\n{SMUGGLED}",
        "an unknown coding": f"Transfer-Encoding: xchunked\r\n\r\n{SMUGGLED}",
        "chunked twice": f"{CHUNKED}{CHUNKED}\r\n{SMUGGLED}",
        "chunked first": f"Transfer-Encoding: chunked, identity\r\n\r\n{SMUGGLED}",
        "a folded coding": f"Transfer-Encoding:\r\n chunked\r\n\r\n{SMUGGLED}",
        "a tab before the colon": f"Transfer-Encoding\t: chunked\r\n\r\n{SMUGGLED}",
        "a space before the colon": f"Content-Length : 5\r\n\r\n{SMUGGLED}",
        "an enormous chunk": f"{CHUNKED}\r\n{'f' * 40}\r\n",
        "a negative chunk": f"{CHUNKED}\r\n-1\r\n\r\n{SMUGGLED}",
        "a chunk size with a prefix": f"{CHUNKED}\r\n0x0\r\n\r\n{SMUGGLED}",
        "a chunk that ends with a line feed": f"{CHUNKED}\r\n0\n\n{SMUGGLED}",
        "an endless chunk extension": f"{CHUNKED}\r\n1;{'a' * 300_000}",
        "ten thousand trailers": f"{CHUNKED}\r\n0\r\n{MANY_FIELDS}\r\n",
    }.items()
} | {
    "line feeds only": f"{CALL}\r\n".replace("\r\n", "\n"),
    "carriage returns only": f"{CALL}\r\n".replace("\r\n", "\r"),
}
"""Framings of a body about whose end two programs may disagree."""
HEADS = {
    "ten thousand headers": f"{HEALTH}{MANY_FIELDS}\r\n",
    "a header of a megabyte": f"{HEALTH}X-Long: {MEGABYTE}\r\n\r\n",
    "a name of a megabyte": f"{HEALTH}{MEGABYTE}: 1\r\n\r\n",
    "a URL of a megabyte": f"GET /{MEGABYTE} HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method of a megabyte": f"{'A' * 1_000_000} / HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in a header": f"{HEALTH}X-Nul: a\0b\r\n\r\n",
    "NUL in the URL": "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "CR in a header": f"{HEALTH}X-CR: a\rb\r\n\r\n",
    "no name": f"{HEALTH}: 1\r\n\r\n",
    "bytes that are no text": f"{HEALTH}X-Bytes: \xff\xfe\r\nce-id: \xf0\x28\r\n\r\n",
    "a URL that is no text": "GET /\xff%ff%00%zz?\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "an absolute URL": "GET http://evil.example/health HTTP/1.1\r\nHost: x\r\n\r\n",
    "a URL with a bad port": "GET http://evil.example:99999999/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a URL with brackets": "GET http://[::1/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "only a question mark": "GET ? HTTP/1.1\r\nHost: x\r\n\r\n",
    "a star": "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT": "CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "CONNECT without an authority": "CONNECT / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TRACE": "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": "GET /health HTTP/1.1\r\n\r\n",
    "two hosts": f"{HEALTH}Host: y\r\n\r\n",
    "a host that is no host": "GET /health HTTP/1.1\r\nHost: [::\u00e4]:x@y/z\r\n\r\n",
    "HTTP/0.9": "GET /\r\n\r\n",
    "HTTP/9.9": "GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\0" * 500,
    "an upgrade": f"{HEALTH}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
    "a web socket": (
        f"{HEALTH}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x88\x80\0\0\0\0"
    ),
    "an expectation, and nothing more": f"{CALL}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "a line of PROXY": f"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n{HEALTH}\r\n",
    "a header of PROXY, version 2": PROXY_V2 + HEALTH,
    "64 kB of headers": f"{HEALTH}{LONG_FIELD * 16}\r\n",
    "an unknown expectation": f"{CALL}Expect: magic\r\nContent-Length: 1\r\n\r\n1",
    "a login that is no base64": f"{HEALTH}Authorization: Basic \xff===\r\n\r\n",
    "a login of a megabyte": f"{HEALTH}Authorization: Basic {'QQ' * 500_000}\r\n\r\n",
    "a trace context of all kinds": (
        f"{HEALTH}traceparent: 00-\xff-\xff-zz\r\ntracestate: {'a=b,' * 1500}\r\n\r\n"
    ),
    "a hundred requests at once": f"{HEALTH}\r\n" * 100,
}
BODIES = {
    "deep lists": "[" * 30_000,
    "deep objects": '{"a":' * 10_000,
    "a lone surrogate": json.dumps({"probe_id": "\ud800", "name": "\udfff"}),
    "a number of 60,000 digits": '{"probe_id": ' + "9" * 60_000 + "}",
    "an infinite number": '{"probe_id": 1e999999, "name": NaN, "namespace": -Infinity}',
    "the same key twice": '{"probe_id": "a", "probe_id": {"b": 1}}',
    "no object": "7",
    "a byte order mark": '\u00ef\u00bb\u00bf{"probe_id": "a"}',
    "UTF-16": '{"probe_id": "a"}'.encode("utf-16").decode("latin-1"),
    "alerts that are none": '{"alerts": [null, 7, {"labels": 7}, {"labels": {"service": ["x"]}}]}',
    "no alerts": '{"alerts": {"0": {}}, "version": []}',
}
ATTACKS = {
    **FRAMINGS,
    **HEADS,
    **{
        f"{name}, to {path}": f"{CALL.replace('POST /', f'POST {path}')}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
        for name, body in BODIES.items()
        for path in ("/", "/alertmanager", "/-/reload", "/-/scenarios/throughput")
    },
}


def attack(address: tuple[str, int], raw: str, *, ends: bool = True) -> bytes:
    """Send bytes, end the sending side unless told otherwise, and read all answers."""
    received = b""
    with (
        contextlib.suppress(ConnectionError),
        socket.create_connection(address, timeout=60) as connection,
    ):
        connection.sendall(raw.encode("latin-1", errors="replace"))
        with contextlib.suppress(OSError):  # it may be closed already
            if ends:
                connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(65536):
            received += chunk
    return received


def iter_statuses(received: bytes) -> Iterator[int]:
    for part in received.split(b"HTTP/1.")[1:]:
        with contextlib.suppress(IndexError, ValueError):
            yield int(part.split()[1])


@pytest.mark.parametrize("listener", ["canary", "web"])
async def test_raw_requests_are_refused_and_do_no_harm(
    environment: ProberEnvironment, listener: str
) -> None:
    async with run_prober(environment) as prober:
        address = await find_address(prober, listener)
        wrong = []
        for name, raw in ATTACKS.items():
            started = time.monotonic()
            received = await asyncio.to_thread(attack, address, raw)
            statuses = list(iter_statuses(received))
            if any(status >= 500 for status in statuses):
                wrong.append(f"{name}: {received[:300]!r}")
            if name in FRAMINGS and len(statuses) > 1:
                wrong.append(f"{name}: a second request was read: {received[:500]!r}")
            if b"evil.example" in received:
                wrong.append(f"{name}: reflected")
            if time.monotonic() - started > 20:
                wrong.append(f"{name}: {time.monotonic() - started:.0f} s")
        assert not wrong, "\n".join(wrong)
        before = environment.agent.counters.received
        await wait_until(lambda: environment.agent.counters.received > before + 2)
        assert (await prober.get_page("/-/healthy"))[0] == 200
        log = (await prober.stop()).err
    assert "Traceback" not in log
    assert " ERROR " not in log, log[-3000:]


@pytest.mark.parametrize("listener", ["canary", "web"])
async def test_the_refusal_of_a_url_does_not_repeat_it(
    environment: ProberEnvironment, listener: str
) -> None:
    async with run_prober(environment) as prober:
        address = await find_address(prober, listener)
        raw = HEADS["a URL with a bad port"]
        # A client that waits; one that ends its side at once may miss the response.
        received = await asyncio.to_thread(attack, address, raw, ends=False)
    assert list(iter_statuses(received)) == [400]
    assert received.endswith(b"Bad Request\n")
