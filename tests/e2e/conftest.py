"""The real programs in processes of their own, on loopback, stopped by process id."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from exporter.live.processes import Child, announced, free_port, start
from tests.e2e.programs import BIN, Loop


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Callable[..., Loop]]:
    """Start a simulator with faults; gives what a test needs to probe it."""
    with ExitStack() as children:

        def start_child(name: str, *command: str | Path) -> Child:
            child = start(name, command, folder=tmp_path)
            children.callback(child.stop)
            return child

        def make(*faults: str) -> Loop:
            canary = free_port()
            flags = [part for fault in faults for part in ("--fault", fault)]
            simulator = start_child(
                "simulator", BIN / "slo-probe", "simulate", "--listen", "127.0.0.1:0",
                "--function-url", f"http://127.0.0.1:{canary}/", *flags,
            )  # fmt: skip
            return Loop(tmp_path, announced(simulator, "listening on "), canary, start_child)

        yield make
