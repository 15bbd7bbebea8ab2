"""Pictures for the documentation, drawn from a demo with faults.

Run it as `python -m exporter.devstack.pictures`.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import requests

from exporter.devstack import stack, terminal
from exporter.devstack.__main__ import SPECS_FOLDER, load_stage_targets
from exporter.devstack.stack import NotReadyError
from exporter.devstack.svg import draw_terminal

_COLUMNS = 84
# Faults and their seconds: the budget burns, and the page shows both good and failed runs.
_FAULT_SCHEDULE = (("none", 50), ("lost", 20), ("none", 50), ("lost", 4), ("none", 11))


@click.command()
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default="docs")
def main(out: Path) -> None:
    """Draw the table of `make run` as live.svg, and the prober's page as page.png."""
    try:
        with (
            tempfile.TemporaryDirectory(prefix="slo-monitor-") as folder,
            stack.run_stack(Path(folder), specs=SPECS_FOLDER, print_line=click.echo) as components,
        ):
            for fault, seconds in _FAULT_SCHEDULE:
                requests.post(f"{components.agent}/fault", data=fault, timeout=5).raise_for_status()
                time.sleep(seconds)
            _draw_table(components, out / "live.svg")
            _draw_page(components.probe, out / "page.png")
    except NotReadyError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _draw_table(components: stack.Stack, path: Path) -> None:
    screen = terminal.render_screen(terminal.read_stack(components), load_stage_targets())
    draw_terminal(screen, path, title="make run", columns=_COLUMNS)


def _draw_page(url: str, path: Path) -> None:
    chromium = stack.find_binary("chromium")
    if not chromium:
        click.echo(
            "chromium is not installed (Debian: apt install chromium), so page.png is not drawn"
        )
        return
    subprocess.run(  # noqa: S603 - our own page
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--window-size=1300,900", f"--screenshot={path.resolve()}", f"{url}/"),
        ],
        check=True,
        capture_output=True,
    )
    click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
