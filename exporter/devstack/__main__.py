"""`python -m exporter.devstack`: run the demo until Ctrl-C, or for some seconds."""

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
from exporter.devstack.terminal import Links, find_links
from slos.schema.contract import Stage
from slos.schema.loader import find_targets, parse_specs
from slos.schema.units import Duration

SPECS_FOLDER = Path(__file__).resolve().parents[2] / "slos"
"""Folder of the specs that the demo uses."""
_REFRESH_INTERVAL = 1.0
# Without a terminal a line is printed at this interval instead of a table.
_LINE_INTERVAL = 10.0


@click.command()
@click.option("--seconds", type=click.FloatRange(min=1), help="Stop after this time.")
@click.option(
    "--fault", multiple=True, help="Fault of the agent-sre simulator, such as lost. Repeatable."
)
def main(seconds: float | None, fault: tuple[str, ...]) -> None:
    """Run the simulators, slo-probe, Prometheus and Alertmanager, and show their state."""
    console, stop_event = Console(), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop_event.set())
    with tempfile.TemporaryDirectory(prefix="slo-monitor-") as folder:
        try:
            with stack.run_stack(
                Path(folder), specs=SPECS_FOLDER, faults=fault, print_line=click.echo
            ) as stack_urls:
                _show(stack_urls, console, stop_event, seconds)
        except NotReadyError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(1)


def _show(
    components: stack.Stack, console: Console, stop_event: threading.Event, seconds: float | None
) -> None:
    targets, deadline = load_stage_targets(), time.monotonic() + (seconds or float("inf"))
    links = find_links(components)
    if console.is_terminal:
        _show_table(components, console, stop_event, links, targets=targets, deadline=deadline)
    else:
        for name, url in links.urls.items():
            console.print(f"{name}: {url}", highlight=False)
        console.print(links.note, highlight=False)
        _print_lines(components, console, stop_event, deadline=deadline)
        console.print("The demo ends; the URLs above no longer answer.")
    reading = terminal.read_stack(components)
    console.rule("Summary")
    console.print(terminal.render_screen(reading, targets))


def _show_table(
    components: stack.Stack,
    console: Console,
    stop_event: threading.Event,
    links: Links,
    *,
    targets: Mapping[Stage, Duration],
    deadline: float,
) -> None:
    with Live(console=console, auto_refresh=False, transient=True, screen=False) as live_display:
        while not stop_event.is_set() and time.monotonic() < deadline:
            reading = terminal.read_stack(components)
            live_display.update(
                terminal.render_screen(reading, targets, links, rows=console.height), refresh=True
            )
            stop_event.wait(min(_REFRESH_INTERVAL, max(0.0, deadline - time.monotonic())))


def _print_lines(
    components: stack.Stack, console: Console, stop_event: threading.Event, *, deadline: float
) -> None:
    while not stop_event.is_set() and time.monotonic() < deadline:
        stop_event.wait(min(_LINE_INTERVAL, max(0.0, deadline - time.monotonic())))
        verdicts = terminal.read_stack(components).verdicts
        counts = ", ".join(f"{name} {count}" for name, count in verdicts.items() if count)
        console.print(f"runs: {counts or 'none yet'}", highlight=False)


def load_stage_targets() -> Mapping[Stage, Duration]:
    """Load the target of each stage from the specs of this repository."""
    files = sorted(SPECS_FOLDER.glob("*.yaml"))
    return find_targets(
        located for file in files for located in parse_specs(file.read_bytes(), file.name)[0]
    )


if __name__ == "__main__":
    main()
