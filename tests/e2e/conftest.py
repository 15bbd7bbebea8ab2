"""Fixtures: the real programs as processes on loopback."""

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from exporter.devstack.stack import ChildProcess, find_free_port, start_process, wait_for_line
from tests.exporter.slo_probe import run_program

BIN = Path(sys.executable).parent
QUICK_SPEC = Path(__file__).parent / "quick.yaml"


@dataclass(frozen=True, slots=True)
class SimulatorEnvironment:
    """A simulator, and a probe configuration for it.

    Attributes:
        folder: for logs, journal and configuration.
        agent: the simulator's address.
        canary: the port at which it finds the canary.
        start: starts a process that ends with the test.
    """

    folder: Path
    agent: str
    canary: int
    start: Callable[..., ChildProcess]

    def write_config(self, **remediation: object) -> Path:
        """A probe configuration with short times; `remediation` overrides settings."""
        settings = {"interval": "3s", "timeout": "2s", "late_after": "1s", "settle": "300ms"}
        path = self.folder / "slo-probe.yaml"
        path.write_text(
            json.dumps(
                {
                    "target": {"url": f"{self.agent}/"},
                    "canary": {"listen": f"127.0.0.1:{self.canary}"},
                    "web": {"listen": "127.0.0.1:0"},
                    "journal": {"path": str(self.folder / "journal.sqlite")},
                    "specs": [str(QUICK_SPEC)],
                    "probes": {"remediation": {**settings, **remediation}},
                }
            )
        )
        return path

    def run_probe(self, **remediation: object) -> tuple[int, dict[str, Any]]:
        """Exit code and the one result of `slo-probe once --json`."""
        file = self.write_config(**remediation)
        done = asyncio.run(run_program("once", "--config", str(file), "--json"))
        (result,) = json.loads(done.out)["runs"]
        return done.code, result


@pytest.fixture
def start_simulator(tmp_path: Path) -> Iterator[Callable[..., SimulatorEnvironment]]:
    """Function that starts a simulator with faults."""
    with ExitStack() as children:

        def start_child(name: str, *command: str | Path) -> ChildProcess:
            child = start_process(name, command, folder=tmp_path)
            children.callback(child.stop)
            return child

        def start_with_faults(*faults: str) -> SimulatorEnvironment:
            canary = find_free_port()
            flags = [part for fault in faults for part in ("--fault", fault)]
            simulator = start_child(
                "simulator", BIN / "slo-probe", "simulate", "--listen", "127.0.0.1:0",
                "--function-url", f"http://127.0.0.1:{canary}/", *flags,
            )  # fmt: skip
            return SimulatorEnvironment(
                tmp_path, wait_for_line(simulator, "listening on "), canary, start_child
            )

        yield start_with_faults
