"""Prometheus' own opinion of a rule file."""

import subprocess
from pathlib import Path

from exporter.devstack.stack import find_binary


def check_rules(*files: Path) -> str:
    """What promtool says about files that it accepts."""
    return _run_promtool("check", *files)


def run_rule_tests(*files: Path) -> str:
    """What promtool says about unit tests that pass."""
    return _run_promtool("test", *files)


def _run_promtool(command: str, *files: Path) -> str:
    promtool = find_binary("promtool")
    assert promtool, "promtool is missing; run 'make tools'"
    process = subprocess.run(
        [promtool, command, "rules", *files], capture_output=True, text=True, check=False
    )
    output = process.stdout + process.stderr
    assert process.returncode == 0, output
    return output
