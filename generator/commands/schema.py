"""Command `slo-rules schema`: print the JSON Schema or the reference page of a spec."""

import json
import sys
from pathlib import Path, PurePosixPath

import click

from generator.files import output
from generator.files.sources import STDOUT
from generator.files.transaction import CannotWriteError
from generator.model import Artifact
from generator.reference import pages
from generator.reference.schema import build_project_schema, build_spec_schema


@click.command("schema")
@click.option(
    "--of",
    "subject",
    type=click.Choice(["spec", "project"]),
    default="spec",
    show_default=True,
    help="Specs, or the project settings in slo-rules.yaml.",
)
@click.option("--markdown", is_flag=True, help="Print a Markdown page instead.")
@click.option("-o", "--out", default=STDOUT, metavar="FILE|-", help="Output file.  [default: -]")
@click.option("--check", is_flag=True, help="Write no file; exit 1 if the file differs.")
def command(*, subject: str, markdown: bool, out: str, check: bool) -> None:
    """Print the JSON Schema of specs or of project settings, for editors and pipelines.

    \b
    Examples:
      slo-rules schema > spec.schema.json
      slo-rules schema --markdown -o docs/spec-reference.md
      slo-rules schema --of project > project-settings.schema.json
    """
    if subject == "spec":
        schema, render_page = build_spec_schema(), pages.render_spec_page
    else:
        schema, render_page = build_project_schema(), pages.render_project_page
    content = render_page(schema) if markdown else json.dumps(schema, indent=1) + "\n"
    if out == STDOUT:
        click.echo(content, nl=False)
        return
    artifact = Artifact(PurePosixPath(Path(out).name), content)
    try:
        if not check:
            output.write_file(artifact, Path(out))
        elif output.compare_file(artifact, Path(out)):
            click.echo(f"{out} is out of date; run the same command without --check", err=True)
            sys.exit(1)
    except CannotWriteError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
