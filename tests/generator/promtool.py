"""Prometheus' own opinion of a rule file."""

import subprocess
from pathlib import Path

from exporter.devstack.stack import find


def check_rules(*files: Path) -> str:
    """What promtool says about files that it accepts."""
    return _said("check", *files)


def tested(*files: Path) -> str:
    """What promtool says about unit tests that pass."""
    return _said("test", *files)


def _said(verb: str, *files: Path) -> str:
    promtool = find("promtool")
    assert promtool, "promtool is missing; run 'make tools'"
    done = subprocess.run(
        [promtool, verb, "rules", *files], capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
