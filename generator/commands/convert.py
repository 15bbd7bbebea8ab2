"""Command `slo-rules convert`: write specs in another dialect."""

import sys
from pathlib import Path, PurePosixPath

import click

from generator import build
from generator.commands import _report
from generator.files import output
from generator.files.sources import STDOUT
from generator.files.transaction import CannotWriteError
from generator.model import Artifact
from generator.reference import convert
from slos.schema.problem import filter_errors


@click.command("convert")
@click.argument("specs", nargs=-1, type=click.Path(path_type=Path), metavar="[SPEC or DIR]...")
@click.option("--to", type=click.Choice(["sloth"]), required=True, help="The dialect wanted.")
@click.option("-o", "--out", default=STDOUT, metavar="FILE|-", help="Where to.  [default: -]")
@click.option("--lenient", is_flag=True, help="Pass over unknown keys, as Sloth does.")
@click.option(
    "-p",
    "--plugins",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="SLI plugins, whose queries take their place. Repeatable.",
)
def command(
    specs: tuple[Path, ...], to: str, out: str, *, lenient: bool, plugins: tuple[Path, ...]
) -> None:
    """Write specs of any dialect as plain Sloth prometheus/v1.

    Every SLI becomes events or a raw query, those of plugins too. What Sloth cannot say is left
    out: a comment in the result and a warning name it.

    \b
    Examples:
      slo-rules convert --to sloth slos/agent-sre.yaml -o sloth.yaml
    """
    _ = to  # there is only one dialect
    inputs = specs or (Path("slos"),)
    located, problems = build.read_specs(inputs, lenient=lenient, out=out, plugins=plugins)
    text, conversion_problems = convert.to_sloth(located)
    problems = [*problems, *conversion_problems]
    _report.print_problems(problems)
    if filter_errors(problems):
        click.echo("nothing was written", err=True)
        sys.exit(1)
    if out == STDOUT:
        click.echo(text, nl=False)
        return
    try:
        output.write_file(Artifact(PurePosixPath(Path(out).name), text), Path(out))
    except CannotWriteError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    click.echo(f"wrote {out}", err=True)
