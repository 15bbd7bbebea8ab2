"""`make run` as a newcomer sees it: it shows the truth, ends by itself, leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "exporter.live"]


def test_a_lost_fault_shows_its_verdict_and_the_alert_that_fires(tmp_path: Path) -> None:
    done = _run(tmp_path, "--seconds", "75", "--fault", "lost")
    assert done.returncode == 0, done.stdout + done.stderr
    summary = " ".join(done.stdout.partition("Summary")[2].split())
    assert "lost " in summary
    assert "ok 0" in summary
    firing = summary.partition("Firing in Alertmanager:")[2]
    assert "ValidationFailureRate" in firing
    _nothing_is_left(tmp_path)


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
    _nothing_is_left(tmp_path)


def test_a_fault_nobody_knows_is_one_clear_error(tmp_path: Path) -> None:
    done = _run(tmp_path, "--seconds", "5", "--fault", "sleepy")
    assert done.returncode == 1
    assert "sleepy" in done.stderr
    assert "Traceback" not in done.stderr
    _nothing_is_left(tmp_path)


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        check=False,
        env={**os.environ, "TMPDIR": str(folder)},
        text=True,
        timeout=150,
    )


def _nothing_is_left(folder: Path) -> None:
    """No file, and no process that was started with a path in the folder."""
    assert list(folder.iterdir()) == []
    deadline = time.monotonic() + 5
    while _processes_naming(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert _processes_naming(folder) == []


def _processes_naming(folder: Path) -> list[bytes]:
    needle, found = str(folder).encode(), []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except OSError:
            continue
        if needle in command:
            found.append(command)
    return found
