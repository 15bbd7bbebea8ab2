"""Command `slo-rules convert`: write specs in another dialect."""

import sys
from pathlib import Path

import click

from generator import build
from generator.commands import _report
from generator.commands._options import input_option, prometheus_version_option, spec_argument
from generator.commands._project import config_option
from generator.commands._request import choose_inputs
from generator.files.sources import STDOUT
from generator.pipeline import BuildSettings
from generator.reference import convert
from slos.schema.problem import filter_errors


@click.command("convert")
@spec_argument
@config_option
@input_option
@click.option("--to", type=click.Choice(["sloth"]), required=True, help="Dialect of the output.")
@click.option("-o", "--out", default=STDOUT, metavar="FILE|-", help="Output file.  [default: -]")
@click.option("--lenient", is_flag=True, help="Ignore unknown keys, as Sloth does.")
@prometheus_version_option
@click.option(
    "-p",
    "--plugins",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Folder of SLI plugins; their queries replace the plugins. Repeatable.",
)
def command(  # noqa: PLR0913 - each is an option
    specs: tuple[Path, ...],
    input_: Path | None,
    to: str,
    out: str,
    *,
    lenient: bool,
    prometheus_version: str,
    plugins: tuple[Path, ...],
) -> None:
    """Convert specs of any dialect to prometheus/v1 of Sloth.

    Every SLI is converted to an events or raw SLI. Keys that Sloth does not support are omitted;
    a comment in the output and a warning name them.

    \b
    Examples:
      slo-rules convert --to sloth slos/agent-sre.yaml -o sloth.yaml
    """
    _ = to  # there is only one dialect
    inputs = choose_inputs((*specs, *filter(None, [input_])))
    settings = BuildSettings(lenient=lenient, prometheus_version=int(prometheus_version))
    located, problems = build.read_specs(inputs, settings, out=out, plugins=plugins)
    text, conversion_problems = convert.to_sloth(located)
    problems = [*problems, *conversion_problems]
    _report.print_problems(problems)
    if filter_errors(problems):
        click.echo("no file written; fix the errors above", err=True)
        sys.exit(1)
    _report.write_page(text, out)
    if out != STDOUT:
        click.echo(f"wrote {out}", err=True)
