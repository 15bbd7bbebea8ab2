"""Command line of `slo-probe simulate`: output and exit codes."""

import asyncio
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from click.testing import CliRunner

from exporter.simulator.agent_sre.cli import simulate
from exporter.simulator.agent_sre.faults import SLOW_STAGES, AgentFaultFlag
from tests.exporter.simulator.conftest import FakeFunction, FakeLinear, build_event

ROOT = Path(__file__).parents[3]
EVENT = {"Content-Type": "application/cloudevents+json"}


@asynccontextmanager
async def run_simulator(*options: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A simulator in its own process, and its URL; killed if the test leaves it running."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "exporter.simulator.agent_sre", "--listen", "127.0.0.1:0", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        assert re.fullmatch(r"listening on http://127\.0\.0\.1:\d+\n", line)
        yield process, line.split()[-1]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_cleanly(number: signal.Signals) -> None:
    async with run_simulator() as (process, _url):
        process.send_signal(number)
        out, err = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_a_shutdown_does_not_wait_for_hung_requests() -> None:
    async with (
        run_simulator("--fault", "hang") as (process, url),
        aiohttp.ClientSession() as session,
    ):
        hung = asyncio.create_task(session.post(url, json=build_event(), headers=EVENT))
        async with session.get(f"{url}/fault") as response:
            assert (await response.json()) == {"faults": ["hang"]}
        process.send_signal(signal.SIGTERM)
        out, err = await asyncio.wait_for(process.communicate(), 10)
        with pytest.raises(aiohttp.ClientError):
            await hung
    assert (process.returncode, out, err) == (0, b"", b"")


async def test_a_shutdown_does_not_wait_for_a_slow_remediation(function: FakeFunction) -> None:
    function.gate.clear()
    options = ("--function-url", function.url)
    async with run_simulator(*options) as (process, url), aiohttp.ClientSession() as session:
        slow = asyncio.create_task(session.post(url, json=build_event(), headers=EVENT))
        await function.arrived.wait()
        process.send_signal(signal.SIGTERM)
        _, err = await asyncio.wait_for(process.communicate(), 10)
        with pytest.raises(aiohttp.ClientError):
            await slow
    function.gate.set()
    assert (process.returncode, err) == (0, b"")


async def test_the_options(function: FakeFunction, linear: FakeLinear, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("lin_secret\n")
    options = (
        *("--function-url", function.url, "--linear-url", linear.url),
        *("--linear-key-file", str(key), "--fault", "duplicated", "--capacity", "0"),
    )
    async with (
        run_simulator(*options) as (_process, url),
        aiohttp.ClientSession() as session,
        session.post(url, data=json.dumps(build_event()), headers=EVENT) as response,
    ):
        assert response.status == 200
    assert len(function.executed) == 2
    assert linear.calls[0].headers["Authorization"] == "lin_secret"


def test_a_taken_port_is_one_clear_line_and_exit_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(simulate, ["--listen", f"127.0.0.1:{port}"])
    expected = f"Error: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", expected)


def test_the_help_explains_every_fault_and_stage_with_examples() -> None:
    text = CliRunner().invoke(simulate, ["--help"]).stdout
    assert all(flag in text for flag in AgentFaultFlag)
    assert all(stage in text for stage in SLOW_STAGES)
    assert "slo-probe simulate --listen 127.0.0.1:0 --fault lost" in text
    assert "leak:" in text
