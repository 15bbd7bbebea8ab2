"""`slo-rules check`: are the specs right, and is the folder what they give?"""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from generator import build, report, write
from generator.load import STDOUT
from generator.options import request_of, spec_options
from generator.pipeline import Plans
from generator.write import Changes
from slos.schema.problem import Position, Problem


@click.command("check")
@spec_options
@click.option("--json", "as_json", is_flag=True, help="Problems and drift as JSON on stdout.")
def command(
    as_json: bool,  # noqa: FBT001 - click's way
    **options: Any,  # noqa: ANN401 - read by request_of
) -> None:
    """Check specs, and that the built files are still what they give.

    Writes nothing. Exits with 1 when a spec has an error, or when a file in the folder is
    missing, was edited by hand, or is left over. With -o - only the specs are checked.

    \b
    Examples:
      slo-rules check
      slo-rules check new.yaml -o -
    """
    request = request_of(options)
    settings, out = request.settings, request.out
    plans = build.plan_inputs(request.inputs, settings, out=out, reading=request.reading)
    changes = None
    try:
        if not plans.broken and out != STDOUT:
            if request.to_file:
                name = Path(out).name
                artifact = build.file_artifact(plans, request.format_, settings, name=name)
                changes = write.changes_of_file(artifact, Path(out))
            else:
                artifacts = build.folder_artifacts(plans, request.format_, settings)
                changes = write.changes(artifacts, Path(out))
    except write.CannotWriteError as error:
        in_the_way = Problem(Position(out), str(error))
        plans = replace(plans, problems=(*plans.problems, in_the_way))
    if as_json:
        report.as_json(plans.problems, changes)
    else:
        _tell(plans, changes, out)
    sys.exit(1 if plans.broken or changes else 0)


def _tell(plans: Plans, changes: Changes | None, out: str) -> None:
    report.problems(plans.problems)
    if changes:
        report.drift(changes, out)
    elif not plans.broken:
        rules = sum(len(group.rules) for plan in plans.plans for group in plan.groups)
        click.echo(f"{len(plans.slos)} SLOs, {rules} rules: fine", err=True)
