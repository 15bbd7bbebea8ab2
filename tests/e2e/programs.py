"""The real programs as tests drive them."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.live.processes import Child

BIN = Path(sys.executable).parent
QUICK_SPEC = Path(__file__).parent / "quick.yaml"


@dataclass(frozen=True, slots=True)
class Loop:
    """A simulator and what it takes to probe it.

    Attributes:
        folder: for logs, journal and configuration.
        agent: the simulator's address.
        canary: the port at which it finds the canary.
        start: starts a process that ends with the test.
    """

    folder: Path
    agent: str
    canary: int
    start: Callable[..., Child]

    def config(self, **remediation: object) -> Path:
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

    def once(self, **remediation: object) -> tuple[int, dict[str, Any]]:
        """Exit code and the one result of `slo-probe once --json`."""
        done = subprocess.run(
            [BIN / "slo-probe", "once", "--config", self.config(**remediation), "--json"],
            capture_output=True,
            check=False,
            text=True,
            timeout=30,
        )
        assert "Traceback" not in done.stderr, done.stderr
        (result,) = json.loads(done.stdout)["runs"]
        return done.returncode, result
