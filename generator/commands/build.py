"""Command `slo-rules build`: build files from specs."""

import sys
from pathlib import Path
from typing import Any

import click

from generator import build
from generator.commands import _report
from generator.commands._options import request_of, spec_options
from generator.files import output
from generator.files.sources import STDOUT
from generator.files.transaction import CannotWriteError


@click.command("build")
@spec_options
def command(**options: Any) -> None:  # noqa: ANN401 - read by request_of
    """Build rules from specs, all or nothing.

    Reads SPEC files and every *.yaml below DIR (default: slos/) and writes into a folder
    (default: rules/). A folder holds one build: files an earlier build made and this one does
    not are removed; files of others are never touched. A second run changes nothing.

    \b
    Examples:
      slo-rules build
      slo-rules build slos/agent-sre.yaml -o - | promtool check rules
      slo-rules build specs -o out --format operator && kubectl apply -k out
      slo-rules build --profile sloth -i specs -o out        what `sloth generate` gives
    """
    request = request_of(options)
    settings, out = request.settings, request.out
    plans = build.plan_inputs(request.inputs, settings, out=out, reading=request.reading)
    _report.problems(plans.problems)
    if plans.broken:
        click.echo("nothing was written", err=True)
        sys.exit(1)
    try:
        if out == STDOUT:
            artifact = build.file_artifact(plans, request.format_, settings, name="rules.yaml")
            click.echo(artifact.text, nl=False)
        elif request.to_file:
            name = Path(out).name
            artifact = build.file_artifact(plans, request.format_, settings, name=name)
            output.write_file(artifact, Path(out))
            click.echo(f"wrote {out}", err=True)
        else:
            artifacts = build.folder_artifacts(plans, request.format_, settings)
            changes = output.write_folder(artifacts, Path(out))
            _report.written(changes, out)
            _report.problems(output.left_behind(changes, Path(out)))
    except CannotWriteError as error:
        _report.problems(error.problems)
        click.echo("nothing was written" if error.problems else f"error: {error}", err=True)
        sys.exit(1)
