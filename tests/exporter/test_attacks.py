"""Attacks on the listeners of the real program: it goes on measuring, and says what it lacked."""

import asyncio
import base64
import contextlib
import gzip
import os
import resource
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import bcrypt
import pytest

from tests.exporter.environment import (
    ProberEnvironment,
    ProberProcess,
    build_auth_headers,
    wait_until,
)
from tests.exporter.slo_probe import ROOT

SHORT_DEADLINES = """
import exporter.listener.connections as connections
connections._HEADER_TIMEOUT, connections._IDLE_TIMEOUT = 0.5, 2.0
"""
FEW_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
"""
USERS = f"basic_auth_users: {{alice: '{bcrypt.hashpw(b's3cret', bcrypt.gensalt(10)).decode()}'}}\n"


def encode_login(password: str) -> str:
    return base64.b64encode(f"alice:{password}".encode()).decode()


@contextlib.asynccontextmanager
async def run_prober(
    environment: ProberEnvironment, *, before: str = "", **changes: object
) -> AsyncIterator[ProberProcess]:
    """Run the program; some Python may run in its process before it."""
    file = environment.write_config(**changes)
    if not before:
        async with environment.run_prober(file) as prober:
            await prober.wait_for_url("web")
            yield prober
        return
    code = f"{before}\nimport sys\nfrom exporter.cli import main\nmain(sys.argv[1:])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, "run", "--config", str(file),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    async with ProberProcess(process).kill_at_end() as prober:
        yield prober


async def find_address(prober: ProberProcess, name: str) -> tuple[str, int]:
    host, _, port = (await prober.wait_for_url(name)).removeprefix("http://").rpartition(":")
    return host, int(port)


@contextlib.contextmanager
def open_connections(
    address: tuple[str, int], count: int, *, source: str = "127.0.0.1", data: bytes = b""
) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            connection = stack.enter_context(
                socket.create_connection(address, timeout=20, source_address=(source, 0))
            )
            connection.sendall(data)
            opened.append(connection)
        yield opened


async def read_to_the_end(connection: socket.socket) -> bytes:
    """Read until the peer closes the connection."""

    def read() -> bytes:
        received = b""
        with contextlib.suppress(ConnectionError):
            while chunk := connection.recv(65536):
                received += chunk
        return received

    return await asyncio.to_thread(read)


def read_memory(pid: int) -> int:
    """Read the peak of the resident memory in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


async def test_a_compressed_body_is_never_expanded(environment: ProberEnvironment) -> None:
    """290 kB of gzip, 300 MB without: before authentication, and at the canary."""
    (environment.folder / "web.yml").write_text(USERS)
    web = {"listen": "127.0.0.1:0", "config_file": "web.yml", "health_without_login": True}
    bomb = gzip.compress(b"\0" * 300_000_000)
    event = {f"ce-{name}": "x" for name in ("id", "source", "specversion", "type")}
    async with run_prober(environment, web=web) as prober, aiohttp.ClientSession() as client:
        before = read_memory(prober.process.pid)
        answers = []
        for name, path in (("canary", "/"), ("canary", "/alertmanager"), ("web", "/-/reload")):
            url = f"{await prober.wait_for_url(name)}{path}"
            for encoding in ("gzip", "deflate", "deflate, gzip"):
                headers = {"Content-Encoding": encoding, **event}
                with contextlib.suppress(aiohttp.ClientError):
                    async with client.post(url, data=bomb, headers=headers) as reply:
                        answers.append(reply.status)
                started = time.monotonic()
                assert (await prober.get_page("/-/healthy"))[0] == 200
                assert time.monotonic() - started < 2
        assert set(answers) <= {200, 400, 401}
        assert read_memory(prober.process.pid) - before < 30_000_000


@pytest.mark.parametrize("listener", ["canary", "web"])
async def test_slow_clients_are_disconnected(environment: ProberEnvironment, listener: str) -> None:
    """Silent, dripping headers, idle, and never reading the responses."""
    async with run_prober(environment, before=SHORT_DEADLINES) as prober:
        address = await find_address(prober, listener)
        request = b"GET /metrics HTTP/1.1\r\nHost: x\r\n"
        with (
            open_connections(address, 20) as silent,
            open_connections(address, 20, data=request) as dripping,
            open_connections(address, 5, data=request + b"\r\n") as idle,
            open_connections(address, 2, data=(request + b"\r\n") * 300) as deaf,
        ):
            ended = asyncio.gather(*(read_to_the_end(each) for each in (*silent, *dripping)))
            while not ended.done():
                for connection in dripping:
                    with contextlib.suppress(ConnectionError):
                        connection.sendall(b"X-Drip: 1\r\n")
                await asyncio.sleep(0.1)
            assert set(await ended) == {b""}
            replies = await asyncio.gather(*(read_to_the_end(each) for each in idle))
            assert {reply.split()[1] for reply in replies} <= {b"200", b"404"}
            await wait_until(
                lambda: not count_sockets(prober.process.pid, {c.getsockname()[1] for c in deaf})
            )


def count_sockets(pid: int, ports: set[int]) -> int:
    """Count the established connections to some ports that a process holds."""
    owned = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            owned.add(str(link.readlink()))
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        int(fields[2].partition(":")[2], 16) in ports and f"socket:[{fields[9]}]" in owned
        for fields in lines
    )


async def test_a_burst_of_a_thousand_waits_to_be_accepted(environment: ProberEnvironment) -> None:
    async with run_prober(environment) as prober:
        address = await find_address(prober, "canary")
        prober.send_signal(signal.SIGSTOP)
        health = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        with open_connections(address, 1000, data=health) as burst:
            prober.send_signal(signal.SIGCONT)
            statuses: Counter[bytes] = Counter()
            for connection in burst:
                statuses[connection.recv(1024).split()[1]] += 1
        assert statuses == {b"200": 1000}


@pytest.mark.parametrize(("listener", "most"), [("canary", 96), ("web", 16)])
async def test_one_peer_cannot_take_every_connection(
    environment: ProberEnvironment, listener: str, most: int
) -> None:
    async with run_prober(environment, before=FEW_FILES) as prober:
        address = await find_address(prober, listener)
        await wait_until(lambda: environment.agent.counters.received > 2)
        request = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
        with open_connections(address, 200, source="127.0.0.2") as attackers:
            refused = 0
            for connection in attackers:
                try:
                    connection.sendall(request)
                    refused += not connection.recv(100)
                except ConnectionError:
                    refused += 1
            assert refused == 200 - most
            with open_connections(address, 1, source="127.0.0.3", data=request) as (other,):
                assert other.recv(100).startswith(b"HTTP/1.1 ")
            before = environment.agent.counters.received
            await wait_until(lambda: environment.agent.counters.received > before + 3)
            if listener == "canary":
                runs = await read_runs(prober)
                assert {run["verdict"] for run in runs} == {"ok"}, "the agent was not refused"
        log = (await prober.stop()).err
    assert f"{most} connections of 127.0.0.2 are open" in log
    assert log.count("connections are refused") == 1


async def test_runs_without_a_free_file_are_unknown(environment: ProberEnvironment) -> None:
    """Every file is taken, so that neither an event can be sent nor a call be accepted."""
    async with run_prober(environment) as prober:
        await wait_until(lambda: environment.agent.counters.received > 3)
        pid = prober.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (count_files(pid) - 2, hard))
        with open_connections(await find_address(prober, "canary"), 3):
            await asyncio.sleep(2)  # the probes go on meanwhile
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        await wait_until(lambda: environment.count_states()["cleaned"] > 10)
        runs: list[dict[str, Any]] = await read_runs(prober)
        log = (await prober.stop()).err
    reasons = Counter((run["verdict"], run["reason"]) for run in runs)
    assert reasons.keys() == {("ok", "executed_once"), ("unknown", "resource_exhausted")}, reasons
    assert runs[0]["verdict"] == "ok", "it has recovered"
    own = [line for line in log.splitlines() if "Too many open files" in line]
    assert 1 <= len(own) <= 4, log
    assert "Traceback" not in log


def count_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def read_runs(prober: ProberProcess) -> Any:  # noqa: ANN401 - JSON
    url = await prober.wait_for_url("web")
    async with aiohttp.ClientSession() as client, client.get(f"{url}/runs") as reply:
        return await reply.json()


async def test_a_flood_of_wrong_passwords_locks_nobody_out(
    environment: ProberEnvironment,
) -> None:
    (environment.folder / "web.yml").write_text(USERS)
    web = {"listen": "127.0.0.1:0", "config_file": "web.yml", "health_without_login": True}
    async with run_prober(environment, web=web) as prober:
        url = await prober.wait_for_url("web")

        async def guess(source: str) -> None:
            connector = aiohttp.TCPConnector(local_addr=(source, 0))
            headers = build_auth_headers(encode_login("guess"))
            async with aiohttp.ClientSession(connector=connector, headers=headers) as client:
                while True:
                    async with client.get(f"{url}/metrics") as reply:
                        assert reply.status in (401, 503)

        sources = [f"127.0.1.{number}" for number in range(1, 9)]
        flood = [asyncio.create_task(guess(source)) for source in sources * 4]
        try:
            await asyncio.sleep(1)  # the queue is full by then
            for page, expected in (("/-/healthy", 200), ("/-/ready", 200), ("/runs", 401)):
                assert (await prober.get_page(page))[0] == expected
            started = time.monotonic()
            assert (await prober.get_page("/metrics", encode_login("s3cret")))[0] == 200
            assert time.monotonic() - started < 5
        finally:
            for task in flood:
                task.cancel()
            ended = await asyncio.gather(*flood, return_exceptions=True)
        assert not [error for error in ended if not isinstance(error, asyncio.CancelledError)]
