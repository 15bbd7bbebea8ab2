"""Pictures of a terminal as SVG."""

from pathlib import Path

import click
from rich.console import Console, RenderableType

# Rich's frame of a terminal, without its web fonts.
_SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>.{unique_id}-matrix {{ font: {char_height}px monospace; }} {styles}</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect width="{terminal_width}" height="{terminal_height}"/></clipPath>{lines}</defs>
{chrome}<g transform="translate({terminal_x}, {terminal_y})"
clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}<g class="{unique_id}-matrix">
{matrix}</g></g></svg>
"""


def draw_terminal(content: RenderableType, path: Path, *, title: str, columns: int) -> None:
    """Draw a terminal with some content; longer lines are cut."""
    with Path("/dev/null").open("w") as null_file:
        console = Console(record=True, width=columns, file=null_file, force_terminal=True)
        console.print(content, no_wrap=True, overflow="ellipsis")
    path.write_text(console.export_svg(title=title, code_format=_SVG, unique_id=path.stem))
    click.echo(f"wrote {path}")
