"""The command line: exit codes, one line for a user's mistake, and never a traceback."""

import asyncio
import json
import sys
from pathlib import Path

import pytest

from tests.exporter.fake_agent import FakeAgent
from tests.exporter.journal_desk import files
from tests.exporter.program import ROOT, call, config, free_port

ROOMY = "interval: 6s, timeout: 5s, settle: 20ms, late_after: 4s, max_send_lag: 4s"


async def test_once_prints_json(tmp_path: Path, agent: FakeAgent) -> None:
    port = free_port()
    agent.canary = f"http://127.0.0.1:{port}"
    file = config(tmp_path, agent.url, canary=port, probe=ROOMY)
    done = await call("once", "--config", str(file), "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    (result,) = told["runs"]
    assert told["checks"] == []
    assert list(result) == ["probe", "path", "id", "verdict", "reason", "stages", "sources"]
    assert (result["probe"], result["path"]) == ("remediation", "direct")
    assert (result["verdict"], result["reason"]) == ("ok", "executed_once")
    assert set(result["stages"]) == {
        "cloudevent_processing",
        "remediation_selection",
        "lambda_execution",
        "end_to_end",
    }
    assert all(0 <= seconds < 4 for seconds in result["stages"].values())
    assert result["id"] == agent.events[0]["id"]


@pytest.mark.parametrize("command", ["run", "once"])
async def test_a_taken_port_is_one_line(tmp_path: Path, agent: FakeAgent, command: str) -> None:
    port = int(agent.url.rpartition(":")[2])
    file = config(tmp_path, agent.url, canary=port)
    done = await call(command, "--config", str(file))
    assert (done.code, done.out) == (1, "")
    expected = f"error: canary: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert done.err == expected
    assert list(files(tmp_path)) == ["probe.yaml"]


async def test_the_command_line_imports_nothing_heavy() -> None:
    program = "import sys, exporter.cli; print({'aiohttp', 'pydantic'} & set(sys.modules))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == "set()"
