"""Pictures of commands of `slo-rules` for the documentation, from a new project.

Run it as `python -m exporter.devstack.command_pictures`.
"""

import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from rich.text import Text

from exporter.devstack.svg import draw_terminal

_COLUMNS, _MOST_LINES = 100, 30
_BIN = Path(sys.executable).parent
_COMMIT = ("-c", "user.name=shop", "-c", "user.email=shop@example.org", "commit", "-qm", "Specs")


@click.command()
@click.option("-o", "--out", type=click.Path(path_type=Path, file_okay=False), default="docs")
def main(out: Path) -> None:
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
    draw_terminal(text, out / f"{arguments[0]}.svg", title="slo-rules", columns=_COLUMNS)


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
    with os.fdopen(parent, "rb", buffering=0) as terminal:
        try:
            while data := terminal.read(65536):
                output += data
        except OSError:  # Linux reports the end of a terminal as an error
            pass
    process.wait()
    return output.decode()


if __name__ == "__main__":
    main()
