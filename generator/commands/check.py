"""`slo-rules check`: are the specs right, and is the folder what they give?"""

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from generator import build, live, report, values, write
from generator.load import STDOUT
from generator.options import Request, request_of, spec_options
from generator.pipeline import Plans, Settings
from generator.reports import reports
from generator.write import Changes
from slos.schema.problem import Position, Problem
from slos.schema.units import Duration


@click.command("check")
@spec_options
@click.option(
    "--output",
    type=click.Choice(["text", *reports()]),
    default="text",
    show_default=True,
    help="How to tell: for people, programs, GitHub Actions, or code scanning (SARIF).",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --output json.")
@click.option(
    "--retention",
    type=values.DurationType(),
    help="How long Prometheus keeps samples, to compare periods with.",
)
@click.option(
    "--prometheus",
    "url",
    metavar="URL",
    callback=values.web_address,
    help="A running Prometheus: do the metrics exist, are they counters, what will it cost?",
)
def command(
    output: str,
    as_json: bool,  # noqa: FBT001 - click's way
    retention: Duration | None,
    url: str | None,
    **options: Any,  # noqa: ANN401 - read by request_of
) -> None:
    """Review specs, and check that the built files are still what they give.

    Writes nothing. Exits with 1 when a spec has an error, or when a file in the folder is
    missing, was edited by hand, or is left over. With -o - only the specs are checked. Each
    warning names its check; docs/checks tells about it, and how to silence it with a reason.

    \b
    Examples:
      slo-rules check
      slo-rules check new.yaml -o -
      slo-rules check -o - --prometheus http://localhost:9090
    """
    request = request_of(options)
    try:
        plans = build.plan_inputs(
            request.inputs,
            _reviewing(request.settings, retention, url),
            out=request.out,
            reading=request.reading,
        )
    except live.CannotAskError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    plans, changes = _compared(plans, request)
    chosen = "json" if as_json else output
    if chosen == "text":
        _tell(plans, changes, request.out)
    else:
        click.echo(reports()[chosen].text(plans.problems, asdict(changes) if changes else None))
    sys.exit(1 if plans.broken or changes else 0)


def _reviewing(settings: Settings, retention: Duration | None, url: str | None) -> Settings:
    """All checks, and those that a running Prometheus allows."""
    prometheus = live.Prometheus(url) if url else None
    defaults = replace(
        settings.defaults,
        review=True,
        retention=retention or (prometheus.retention() if prometheus else None),
        facts=prometheus.facts if prometheus else None,
    )
    return replace(settings, defaults=defaults)


def _compared(plans: Plans, request: Request) -> tuple[Plans, Changes | None]:
    """How the built files differ, unless there is nothing to compare."""
    out = request.out
    if plans.broken or out == STDOUT:
        return plans, None
    try:
        if request.to_file:
            name = Path(out).name
            artifact = build.file_artifact(plans, request.format_, request.settings, name=name)
            return plans, write.changes_of_file(artifact, Path(out))
        artifacts = build.folder_artifacts(plans, request.format_, request.settings)
        return plans, write.changes(artifacts, Path(out))
    except write.CannotWriteError as error:
        in_the_way = Problem(Position(out), str(error))
        return replace(plans, problems=(*plans.problems, in_the_way)), None


def _tell(plans: Plans, changes: Changes | None, out: str) -> None:
    report.problems(plans.problems, excerpts=True)
    if changes:
        report.drift(changes, out)
    elif not plans.broken:
        rules = sum(len(group.rules) for plan in plans.plans for group in plan.groups)
        click.echo(f"{len(plans.slos)} SLOs, {rules} rules: fine", err=True)
