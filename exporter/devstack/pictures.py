"""Pictures for the documentation: commands of `slo-rules`, and a demo with faults.

Run it as `python -m exporter.devstack.pictures commands` and `... demo`.
"""

import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import requests
from rich.console import Console, RenderableType
from rich.text import Text

from exporter.devstack import stack, terminal
from exporter.devstack.__main__ import SPECS_FOLDER, load_stage_targets
from exporter.devstack.stack import NotReadyError

# Rich's frame of a terminal, without its web fonts.
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>.{unique_id}-matrix {{ font: {char_height}px monospace; }} {styles}</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}"/></clipPath>{lines}</defs>
{chrome}<g transform="translate({terminal_x}, {terminal_y})"
clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}<g class="{unique_id}-matrix">
{matrix}</g></g></svg>
"""
_COMMAND_COLUMNS, _MOST_LINES = 100, 30
_BIN = Path(sys.executable).parent
_COMMIT = ("-c", "user.name=shop", "-c", "user.email=shop@example.org", "commit", "-qm", "Specs")
_DEMO_COLUMNS = 84
# Faults and their seconds: the budget burns, and the page shows both good and failed runs.
_FAULT_SCHEDULE = (("none", 50), ("lost", 20), ("none", 50), ("lost", 4), ("none", 11))
_OUT_OPTION = click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), default="docs"
)


@click.group()
def main() -> None:
    """Draw pictures for the documentation."""


@main.command()
@_OUT_OPTION
def commands(out: Path) -> None:
    """Draw the output of `slo-rules init`, `diff` and `check` as SVG."""
    out = out.resolve()
    with tempfile.TemporaryDirectory(prefix="slo-rules-") as name:
        folder = Path(name, "shop")
        folder.mkdir()
        spec = folder / "slos" / "shop.yaml"
        _draw_command(("init", "--kind", "grpc"), folder, out)
        for arguments in (("init", "-q"), ("add", "."), _COMMIT):
            subprocess.run(["git", *arguments], cwd=folder, check=True)  # noqa: S603, S607 - fixed
        text = spec.read_text()
        spec.write_text(re.sub(r"objective: [0-9.]+", "objective: 99.95", text))
        _draw_command(("diff",), folder, out)
        spec.write_text(re.sub(r"objective: [0-9.]+", "objectiv: 99.95", text))
        _draw_command(("check",), folder, out)


def _draw_command(arguments: tuple[str, ...], folder: Path, out: Path) -> None:
    lines = _run_on_terminal(arguments, folder).splitlines()
    shown = [*lines[:_MOST_LINES], *(["..."] if len(lines) > _MOST_LINES else [])]
    text = Text.from_ansi("\n".join([f"$ slo-rules {' '.join(arguments)}", *shown]))
    _draw_terminal(text, out / f"{arguments[0]}.svg", title="slo-rules", columns=_COMMAND_COLUMNS)


def _run_on_terminal(arguments: tuple[str, ...], folder: Path) -> str:
    """Run a command with a terminal, for its colours, and return what it prints."""
    parent, child = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - our own program
        [_BIN / "slo-rules", *arguments],
        cwd=folder,
        env={**os.environ, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=child,
        stderr=child,
    )
    os.close(child)
    output = b""
    with os.fdopen(parent, "rb", buffering=0) as screen:
        try:
            while data := screen.read(65536):
                output += data
        except OSError:  # Linux reports the end of a terminal as an error
            pass
    process.wait()
    return output.decode()


@main.command()
@_OUT_OPTION
def demo(out: Path) -> None:
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
    _draw_terminal(screen, path, title="make run", columns=_DEMO_COLUMNS)


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


def _draw_terminal(content: RenderableType, path: Path, *, title: str, columns: int) -> None:
    """Draw a terminal with some content; longer lines are cut."""
    with Path("/dev/null").open("w") as null_file:
        console = Console(record=True, width=columns, file=null_file, force_terminal=True)
        console.print(content, no_wrap=True, overflow="ellipsis")
    path.write_text(console.export_svg(title=title, code_format=_SVG, unique_id=path.stem))
    click.echo(f"wrote {path}")


if __name__ == "__main__":
    main()
