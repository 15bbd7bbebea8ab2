"""The command line: exit codes, one line for a user's mistake, and never a traceback."""

import asyncio
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from exporter.cli import main
from tests.exporter.conftest import ROOT
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.journal_desk import files, rows
from tests.exporter.program import call, config, free_port

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


async def test_once_fails_in_plain_words_when_nobody_answers(tmp_path: Path) -> None:
    file = config(tmp_path, f"http://127.0.0.1:{free_port()}/")
    done = await call("once", "--config", str(file))
    assert done.code == 1
    assert done.out == "remediation (direct): unreachable, connection_refused\n"
    assert [row[1:] for row in rows(tmp_path / "journal.sqlite")] == [("cleaned", "unreachable")]


async def test_check_says_that_all_is_fine(tmp_path: Path) -> None:
    file = config(tmp_path, "http://127.0.0.1:1/")
    done = await call("check", "--config", str(file))
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    assert "fine" in done.out


@pytest.mark.parametrize("command", ["run", "once", "check"])
def test_a_bad_configuration_is_told_on_stderr(tmp_path: Path, command: str) -> None:
    file = config(tmp_path, "http://127.0.0.1:1/", rest="wbe: {}")
    done = CliRunner().invoke(main, [command, "--config", str(file)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"{file}:7:1: error: unknown key 'wbe'" in done.stderr
    assert "did you mean 'web'?" in done.stderr


@pytest.mark.parametrize("command", ["run", "once", "check"])
def test_a_missing_configuration_is_told(tmp_path: Path, command: str) -> None:
    done = CliRunner().invoke(main, [command, "--config", str(tmp_path / "gone.yaml")])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "No such file" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["run"], ["once", "--confg", "x"], ["runn"], ["check", "extra"]]
)
def test_wrong_usage_is_exit_code_two(arguments: list[str]) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "Usage:" in done.stderr


@pytest.mark.parametrize("command", ["run", "once"])
async def test_a_taken_port_is_one_line(tmp_path: Path, agent: FakeAgent, command: str) -> None:
    port = int(agent.url.rpartition(":")[2])
    file = config(tmp_path, agent.url, canary=port)
    done = await call(command, "--config", str(file))
    assert (done.code, done.out) == (1, "")
    expected = f"error: canary: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert done.err == expected
    assert list(files(tmp_path)) == ["probe.yaml"]


async def test_a_journal_that_is_none_is_told_and_untouched(tmp_path: Path) -> None:
    journal = tmp_path / "journal.sqlite"
    journal.write_bytes(b"my diary")
    done = await call("run", "--config", str(config(tmp_path, "http://127.0.0.1:1/")))
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith(f"error: journal {journal}: file is not a database; move it away\n")
    assert journal.read_bytes() == b"my diary"


async def test_help_lists_every_command_without_importing_the_heavy_parts() -> None:
    done = await call("--help")
    assert done.code == 0
    for command in ("run", "once", "check", "simulate"):
        assert f"\n  {command} " in done.out
    version = await call("--version")
    assert version.code == 0
    assert version.out.startswith("slo-probe ")


async def test_simulate_is_the_simulators_own_command() -> None:
    done = await call("simulate", "--help")
    assert done.code == 0
    assert "--function-url" in done.out


async def test_the_command_line_imports_nothing_heavy() -> None:
    program = "import sys, exporter.cli; print({'aiohttp', 'pydantic'} & set(sys.modules))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == "set()"
