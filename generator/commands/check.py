"""Command `slo-rules check`: check specs, and compare the built files with them."""

import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from generator import build
from generator.clients.prometheus import CannotAskError, Prometheus
from generator.commands import _report, _values
from generator.commands._options import Request, request_of, spec_options
from generator.files import output
from generator.files.output import Changes
from generator.files.sources import STDOUT
from generator.files.transaction import CannotWriteError
from generator.model import SLO, Facts
from generator.pipeline import Plans, Settings
from generator.reports import Told, reports
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
    type=_values.DurationType(),
    help="How long Prometheus keeps samples, to compare periods with.",
)
@click.option(
    "--prometheus",
    "url",
    metavar="URL",
    callback=_values.web_address,
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
    prometheus = Remembering(Prometheus(url)) if url else None
    try:
        plans = build.plan_inputs(
            request.inputs,
            _reviewing(request.settings, retention, prometheus),
            out=request.out,
            reading=request.reading,
        )
    except CannotAskError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    plans, changes = _compared(plans, request)
    chosen = "json" if as_json else output
    out = str(Path(request.out).parent) if request.to_file else request.out
    drift = asdict(changes) if changes else None
    told = Told(plans.problems, drift, out, prometheus.shown() if prometheus else None)
    if chosen == "text":
        _tell(plans, changes, request.out)
        for each in told.facts or ():
            click.echo(_line(each), err=True)
    else:
        click.echo(reports()[chosen].text(told))
    sys.exit(1 if plans.broken or changes else 0)


@dataclass(frozen=True, slots=True)
class Remembering:
    """Metrics source that records the facts of each SLO.

    Attributes:
        client: client of the Prometheus.
        facts_by_slo: facts read so far, by the id of the SLO.
    """

    prometheus: Prometheus
    said: dict[str, Facts] = field(default_factory=dict)

    def of_slo(self, slo: SLO) -> Facts:
        """Read and record the facts of an SLO's metrics."""
        self.said[slo.id] = facts = self.prometheus.of_slo(slo)
        return facts

    def of_query(self, query: str) -> Facts:
        """Read the facts of the metrics of another query."""
        return self.prometheus.of_query(query)

    def shown(self) -> list[dict[str, Any]]:
        """Facts of each SLO as JSON objects."""
        return [
            {
                "slo": slo,
                "series": dict(facts.series),
                "samples": facts.samples,
                "types": dict(facts.types),
                "events": facts.events,
            }
            for slo, facts in self.said.items()
        ]


def _line(facts: Mapping[str, Any]) -> str:
    """Facts of an SLO as a line of text."""
    series = sum(facts["series"].values())
    types = ", ".join(f"{metric} is a {kind}" for metric, kind in facts["types"].items())
    read = f"{facts['slo']}: {series:,} series, {facts['samples']:,} samples an evaluation"
    return f"{read}; {types or 'no metric with a known type'}"


def _reviewing(
    settings: Settings, retention: Duration | None, prometheus: Remembering | None
) -> Settings:
    """Settings with all checks enabled, and live checks where a Prometheus is given."""
    defaults = replace(
        settings.defaults,
        review=True,
        retention=retention or (prometheus.prometheus.retention() if prometheus else None),
        facts=prometheus,
    )
    return replace(settings, defaults=defaults)


def _compared(plans: Plans, request: Request) -> tuple[Plans, Changes | None]:
    """Compare the built files with the output folder, unless the plan has errors or no folder."""
    out = request.out
    if plans.broken or out == STDOUT:
        return plans, None
    try:
        if request.to_file:
            name = Path(out).name
            artifact = build.file_artifact(plans, request.format_, request.settings, name=name)
            return plans, output.changes_of_file(artifact, Path(out))
        artifacts = build.folder_artifacts(plans, request.format_, request.settings)
        changes = output.changes(artifacts, Path(out))
    except CannotWriteError as error:
        in_the_way = error.problems or (Problem(Position(out), str(error)),)
        return replace(plans, problems=(*plans.problems, *in_the_way)), None
    left = output.left_behind(changes, Path(out))
    return replace(plans, problems=(*plans.problems, *left)), changes


def _tell(plans: Plans, changes: Changes | None, out: str) -> None:
    _report.problems(plans.problems, excerpts=True)
    if changes:
        _report.drift(changes, out)
    elif not plans.broken:
        rules = sum(len(group.rules) for plan in plans.plans for group in plan.groups)
        click.echo(f"{len(plans.slos)} SLOs, {rules} rules: fine", err=True)
