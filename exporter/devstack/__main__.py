"""`python -m exporter.live`: run the loop until Ctrl-C, or for some seconds."""

import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from exporter.devstack import stack, terminal
from exporter.devstack.stack import NotReadyError
from slos.schema.contract import Stage
from slos.schema.loader import load_targets
from slos.schema.units import Duration

SPECS = Path(__file__).resolve().parents[2] / "slos"
"""Folder of the specs that the demo uses."""
_REFRESH = 1.0
# Without a terminal a line is printed at this interval instead of a table.
_LINE_EVERY = 10.0


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), help="End after this time.")
@click.option("--fault", multiple=True, help="A fault of the simulator, like lost. Repeatable.")
def main(seconds: float | None, fault: tuple[str, ...]) -> None:
    """Watch the whole loop live: simulator, probe, Prometheus, Alertmanager."""
    console, ended = Console(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    with tempfile.TemporaryDirectory(prefix="slo-monitor-") as folder:
        try:
            with stack.running(Path(folder), specs=SPECS, faults=fault, say=click.echo) as running:
                _watch(running, console, ended, seconds)
        except NotReadyError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(1)


def _watch(
    running: stack.Stack, console: Console, ended: threading.Event, seconds: float | None
) -> None:
    targets, deadline = targets_of_specs(), time.monotonic() + (seconds or float("inf"))
    for name, url in running.urls().items():
        console.print(f"{name}: {url}", highlight=False)
    if console.is_terminal:
        _table(running, console, ended, targets=targets, deadline=deadline)
    else:
        _lines(running, console, ended, deadline=deadline)
    reading = terminal.read(running)
    console.rule("Summary")
    console.print(terminal.render(reading, targets, running.urls()))


def _table(
    running: stack.Stack,
    console: Console,
    ended: threading.Event,
    *,
    targets: Mapping[Stage, Duration],
    deadline: float,
) -> None:
    with Live(console=console, auto_refresh=False, transient=True, screen=False) as live:
        while not ended.is_set() and time.monotonic() < deadline:
            reading = terminal.read(running)
            live.update(terminal.render(reading, targets, running.urls()), refresh=True)
            ended.wait(min(_REFRESH, max(0.0, deadline - time.monotonic())))


def _lines(
    running: stack.Stack, console: Console, ended: threading.Event, *, deadline: float
) -> None:
    while not ended.is_set() and time.monotonic() < deadline:
        ended.wait(min(_LINE_EVERY, max(0.0, deadline - time.monotonic())))
        verdicts = terminal.read(running).verdicts
        counts = ", ".join(f"{name} {count}" for name, count in verdicts.items() if count)
        console.print(f"runs: {counts or 'none yet'}", highlight=False)


def targets_of_specs() -> Mapping[Stage, Duration]:
    """Load the target of each stage from the specs of this repository."""
    targets: dict[Stage, Duration] = {}
    for path in sorted(SPECS.glob("*.yaml")):
        found, _ = load_targets(path.read_bytes(), path.name)
        targets |= found
    return targets


if __name__ == "__main__":
    main()
