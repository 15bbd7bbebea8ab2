"""`simulate-linear` as a program: it serves, it ends, its mistakes are one line."""

import asyncio
import signal
import socket
import sys
from pathlib import Path

import aiohttp
from click.testing import CliRunner

from exporter.fields import Address
from exporter.simulator.linear import TEAMS
from exporter.simulator.linear_api.command import simulate_linear
from exporter.simulator.linear_api.faults import Flag
from exporter.simulator.linear_api.server import running_linear_api
from exporter.simulator.linear_api.settings import Https, Settings
from tests.exporter.tls_files import TlsFiles

PROGRAM = "from exporter.simulator.linear_api.command import simulate_linear; simulate_linear()"


async def test_it_says_where_it_listens_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("lin_secret\n")
    options = ["--listen", "127.0.0.1:0", "--key-file", str(key), "--requests-per-hour", "2500"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *options, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        url = line.removeprefix("listening on ").strip()
        question = {"query": TEAMS, "variables": {"key": "BVL"}}
        headers = {"Authorization": "lin_secret"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=question, headers=headers) as reply,
        ):
            assert reply.status == 200
            assert reply.headers["X-RateLimit-Requests-Limit"] == "2500"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_over_tls_it_is_the_same_stand_in(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path)
    settings = Settings(https=Https(Address("127.0.0.1", 0), tmp_path))
    question = {"query": TEAMS, "variables": {"key": "BVL"}}
    async with (
        running_linear_api(settings) as api,
        aiohttp.ClientSession(headers={"Authorization": "any"}) as session,
    ):
        assert api.https
        async with session.post(api.https, json=question, ssl=files.client()) as reply:
            assert (reply.status, reply.url.scheme) == (200, "https")
        async with session.post(api.url, json=question) as reply:
            assert reply.status == 200
        assert api.served.requests == 2


def test_a_taken_port_is_one_clear_line_and_exit_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(simulate_linear, ["--listen", f"127.0.0.1:{port}"])
    expected = f"Error: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", expected)


def test_the_help_explains_every_fault_with_examples() -> None:
    text = CliRunner().invoke(simulate_linear, ["--help"]).stdout
    assert all(f"  {flag} " in text for flag in Flag)
    assert all(f"  {name}:<seconds>" in text for name in ("ratelimited", "slow", "lag", "skew"))
    assert "slo-probe simulate-linear --requests-per-hour 2500 --fault lag:1.5" in text
