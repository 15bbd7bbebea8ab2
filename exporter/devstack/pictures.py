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
from rich.console import Console

from exporter.devstack import stack, terminal
from exporter.devstack.__main__ import SPECS_FOLDER, load_stage_targets
from exporter.devstack.stack import NotReadyError

_COLUMNS = 84
# Faults and their seconds: the budget burns, and the page shows both good and failed runs.
_FAULT_SCHEDULE = (("none", 50), ("lost", 20), ("none", 50), ("lost", 4), ("none", 11))
# Rich's frame of a terminal, without its web fonts.
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>.{unique_id}-matrix {{ font: {char_height}px monospace; }} {styles}</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}"/></clipPath>{lines}</defs>
{chrome}<g transform="translate({terminal_x}, {terminal_y})"
clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}<g class="{unique_id}-matrix">
{matrix}</g></g></svg>
"""


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
    with Path("/dev/null").open("w") as null_file:
        console = Console(record=True, width=_COLUMNS, file=null_file, force_terminal=True)
        console.print(terminal.render_screen(terminal.read_stack(components), load_stage_targets()))
    path.write_text(console.export_svg(title="make run", code_format=_SVG, unique_id="live"))
    click.echo(f"wrote {path}")


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
            *("--window-size=1500,620", f"--screenshot={path.resolve()}", f"{url}/"),
        ],
        check=True,
        capture_output=True,
    )
    click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
