"""`make run` as a user starts it: processes, faults, alerts and shutdown."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from exporter.devstack.stack import find_free_port
from tests.e2e.conftest import QUICK_SPEC
from tests.exporter.slo_probe import run_program, start_program, wait_for_end

COMMAND = [sys.executable, "-m", "exporter.devstack"]


def test_a_lost_fault_shows_its_verdict_and_the_alert_that_fires(tmp_path: Path) -> None:
    done = _run(tmp_path, "--seconds", "75", "--fault", "lost")
    assert done.returncode == 0, done.stdout + done.stderr
    summary = " ".join(done.stdout.partition("Summary")[2].split())
    assert "lost " in summary
    assert "ok 0" in summary
    firing = summary.partition("Firing in Alertmanager:")[2]
    assert "ValidationFailureRate" in firing
    _check_nothing_is_left(tmp_path)


def test_ctrl_c_stops_everything_it_started(tmp_path: Path) -> None:
    process = subprocess.Popen(
        COMMAND, env={**os.environ, "TMPDIR": str(tmp_path)}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    lines = iter(process.stdout.readline, "")
    assert any("Alertmanager: http" in line for line in lines)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Summary" in rest
    _check_nothing_is_left(tmp_path)


def test_an_unknown_fault_is_an_error(tmp_path: Path) -> None:
    done = _run(tmp_path, "--seconds", "5", "--fault", "sleepy")
    assert done.returncode == 1
    assert "sleepy" in done.stderr
    assert "Traceback" not in done.stderr
    _check_nothing_is_left(tmp_path)


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        check=False,
        env={**os.environ, "TMPDIR": str(folder)},
        text=True,
        timeout=150,
    )


def _check_nothing_is_left(folder: Path) -> None:
    """No file, and no process that was started with a path in the folder."""
    assert list(folder.iterdir()) == []
    deadline = time.monotonic() + 5
    while _list_processes(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _list_processes(folder) == []


def _list_processes(folder: Path) -> list[bytes]:
    needle, found = str(folder).encode(), []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except OSError:
            continue
        if needle in command:
            found.append(command)
    return found


async def run_probe(folder: Path, fault: str) -> tuple[int, dict[str, Any]]:
    """Exit code and the one result of `slo-probe once --json`, of a simulator with a fault."""
    canary = find_free_port()
    simulator = await start_program(
        *("simulate", "--listen", "127.0.0.1:0", "--fault", fault),
        *("--function-url", f"http://127.0.0.1:{canary}/"),
    )
    try:
        assert simulator.stdout
        line = (await simulator.stdout.readline()).decode()
        times = {"interval": "3s", "timeout": "2s", "late_after": "1s", "settle": "300ms"}
        config = folder / "slo-probe.yaml"
        config.write_text(
            json.dumps(
                {
                    "target": {"url": f"{line.removeprefix('listening on ').strip()}/"},
                    "canary": {"listen": f"127.0.0.1:{canary}"},
                    "web": {"listen": "127.0.0.1:0"},
                    "journal": {"path": str(folder / "journal.sqlite")},
                    "specs": [str(QUICK_SPEC)],
                    "probes": {"remediation": times},
                }
            )
        )
        done = await run_program("once", "--config", str(config), "--json")
    finally:
        simulator.terminate()
        await wait_for_end(simulator)
    (result,) = json.loads(done.out)["runs"]
    return done.code, result


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ("none", "ok"),
        ("lost", "lost"),
        ("duplicated", "duplicated"),
        ("slow:lambda_execution:1.3", "late"),
        ("error", "rejected"),
        ("corrupted", "corrupted"),
        ("down", "unreachable"),
        ("hang", "timeout"),
    ],
)
async def test_a_fault_of_the_agent_gets_its_verdict(
    tmp_path: Path, fault: str, verdict: str
) -> None:
    exit_code, result = await run_probe(tmp_path, fault)
    assert result["verdict"] == verdict
    assert (exit_code == 0) == (verdict == "ok")


@pytest.mark.parametrize("stage", ["remediation_selection", "lambda_execution"])
async def test_a_slow_stage_is_seen_in_that_stage(tmp_path: Path, stage: str) -> None:
    _, result = await run_probe(tmp_path, f"slow:{stage}:0.5")
    other = {"remediation_selection", "lambda_execution"} - {stage}
    assert 0.5 <= result["stages"][stage] < 0.9
    assert result["stages"][other.pop()] < 0.3
    assert result["stages"]["end_to_end"] >= 0.5
