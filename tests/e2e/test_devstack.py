"""`make run` as a user starts it: processes, faults, alerts and shutdown."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import SimulatorEnvironment

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


StartSimulator = Callable[..., SimulatorEnvironment]


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
def test_a_fault_of_the_agent_gets_its_verdict(
    start_simulator: StartSimulator, fault: str, verdict: str
) -> None:
    exit_code, result = start_simulator(fault).run_probe()
    assert result["verdict"] == verdict
    assert (exit_code == 0) == (verdict == "ok")


@pytest.mark.parametrize("stage", ["remediation_selection", "lambda_execution"])
def test_a_slow_stage_is_seen_in_that_stage(start_simulator: StartSimulator, stage: str) -> None:
    _, result = start_simulator(f"slow:{stage}:0.5").run_probe()
    other = {"remediation_selection", "lambda_execution"} - {stage}
    assert 0.5 <= result["stages"][stage] < 0.9
    assert result["stages"][other.pop()] < 0.3
    assert result["stages"]["end_to_end"] >= 0.5
