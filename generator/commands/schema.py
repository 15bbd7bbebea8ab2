"""Command `slo-rules schema`: print the JSON Schema or the reference page of a spec."""

import json

import click

from generator.commands import _report
from generator.files.sources import STDOUT
from generator.reference.schema import (
    build_project_schema,
    build_spec_schema,
    render_project_page,
    render_spec_page,
)


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
        schema, render_page = build_spec_schema(), render_spec_page
    else:
        schema, render_page = build_project_schema(), render_project_page
    content = render_page(schema) if markdown else json.dumps(schema, indent=1) + "\n"
    _report.write_page(content, out, check=check)
