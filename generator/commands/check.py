"""Command `slo-rules check`: check specs, and compare the built files with them."""

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import click

from generator import build
from generator.clients.json_api import APIError
from generator.clients.prometheus import MetricFactsClient, read_retention
from generator.commands import _report, _values
from generator.commands._options import add_spec_options, keep_going_option
from generator.commands._request import Request, check_extras, parse_request
from generator.files import output
from generator.files.output import Changes
from generator.files.sources import STDOUT
from generator.files.transaction import CannotWriteError
from generator.model import SLO, MetricFacts
from generator.pipeline import BuildPlan, BuildSettings
from generator.reports import Report, load_reports
from slos.schema.problem import Position, Problem, ProblemSeverity
from slos.schema.units import Duration, format_count


@click.command("check")
@add_spec_options
@click.option(
    "--output",
    type=click.Choice(["text", *load_reports()]),
    default="text",
    show_default=True,
    help="Output format: text, JSON, GitHub Actions annotations, or SARIF for code scanning.",
)
@click.option("--json", "as_json", is_flag=True, help="Same as --output json.")
@click.option(
    "--fail-on",
    type=click.Choice([str(severity) for severity in ProblemSeverity]),
    default=str(ProblemSeverity.ERROR),
    show_default=True,
    help="Lowest severity that fails the check.",
)
@click.option("--strict", is_flag=True, help="Same as --fail-on warning.")
@click.option(
    "--retention",
    type=_values.DurationType(),
    help="Retention of Prometheus. Periods must not be longer.",
)
@click.option(
    "--prometheus",
    "url",
    metavar="URL",
    callback=_values.check_web_address,
    help="URL of a Prometheus, to check metric names, metric types and the cost of queries.",
)
@keep_going_option
@click.option("--diff", is_flag=True, help="Print the difference of each file on stdout.")
def command(  # noqa: PLR0913, PLR0917 - click's way
    output: str,
    as_json: bool,  # noqa: FBT001 - click's way
    fail_on: str,
    strict: bool,  # noqa: FBT001
    retention: Duration | None,
    url: str | None,
    diff: bool,  # noqa: FBT001
    keep_going: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401 - read by parse_request
) -> None:
    """Check specs, and check that the built files are up to date.

    Writes no files. Exits with 1 if a spec has an error, or if a file in the output folder is
    missing, changed or no longer generated; with --strict also if there is a warning. With -o -
    only the specs are checked. Each warning names its check; docs/checks describes each check and
    how to silence it.

    \b
    Examples:
      slo-rules check
      slo-rules check new.yaml -o - --strict
      slo-rules check -o - --prometheus http://localhost:9090
    """
    request = parse_request(options)
    check_extras(request)
    recorder = FactsRecorder(MetricFactsClient(url)) if url else None
    try:
        build_plan = build.plan_inputs(
            request.inputs,
            _build_check_settings(request, retention, recorder),
            out=request.out,
            read_settings=request.read_settings,
            keep_going=keep_going,
            formats=request.formats,
        )
    except APIError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    build_plan, changes = _compare_output(build_plan, request)
    report_format = "json" if as_json else output
    out = str(Path(request.out).parent) if request.to_file else request.out
    drift = asdict(changes) if changes else None
    problems = build_plan.all_problems
    check_report = Report(tuple(problems), drift, out, recorder.to_json() if recorder else None)
    if report_format == "text":
        _report.print_problems(problems, excerpts=True)
        for facts in check_report.facts or ():
            click.echo(_format_facts(facts), err=True)
        _print_result(build_plan, changes, folder=out, out=request.out)
        if diff and changes:
            click.echo("\n".join(_list_differences(build_plan, request)))
    else:
        click.echo(load_reports()[report_format].render_report(check_report))
    severities = list(ProblemSeverity)
    lowest = ProblemSeverity.WARNING if strict else ProblemSeverity(fail_on)
    failing = severities[: severities.index(lowest) + 1]
    failed = any(problem.severity in failing for problem in problems)
    sys.exit(1 if failed or changes else 0)


@dataclass(frozen=True, slots=True)
class FactsRecorder:
    """Metrics source that records the facts of each SLO.

    Attributes:
        client: client of the Prometheus.
        facts_by_slo: facts read so far, by the id of the SLO.
    """

    client: MetricFactsClient
    facts_by_slo: dict[str, MetricFacts] = field(default_factory=dict)

    def read_slo_facts(self, slo: SLO) -> MetricFacts:
        """Read and record the facts of an SLO's metrics."""
        self.facts_by_slo[slo.id] = facts = self.client.read_slo_facts(slo)
        return facts

    def read_query_facts(self, query: str) -> MetricFacts:
        """Read the facts of the metrics of another query."""
        return self.client.read_query_facts(query)

    def to_json(self) -> list[dict[str, Any]]:
        """Facts of each SLO as JSON objects."""
        return [
            {
                "slo": slo,
                "series": dict(facts.series),
                "samples": facts.samples,
                "types": dict(facts.types),
                "events": facts.events,
            }
            for slo, facts in self.facts_by_slo.items()
        ]


def _format_facts(facts: Mapping[str, Any]) -> str:
    """Facts of an SLO as a line of text."""
    series = sum(facts["series"].values())
    types = ", ".join(f"{metric} is a {kind}" for metric, kind in facts["types"].items())
    summary = f"{facts['slo']}: {series:,} series, {facts['samples']:,} samples per evaluation"
    return f"{summary}; {types or 'no metric with a known type'}"


def _build_check_settings(
    request: Request, retention: Duration | None, recorder: FactsRecorder | None
) -> BuildSettings:
    """Settings with all checks enabled, and live checks where a Prometheus is given."""
    settings = request.settings
    run_settings = replace(
        settings.run_settings,
        review=True,
        now=time.time(),
        writes_runbooks=request.writes_runbooks,
        retention=retention or (read_retention(recorder.client.url) if recorder else None),
        metrics_source=recorder,
    )
    return replace(settings, run_settings=run_settings)


def _compare_output(build_plan: BuildPlan, request: Request) -> tuple[BuildPlan, Changes | None]:
    """Compare the built files with the output folder, unless the plan has errors or no folder."""
    out = request.out
    if build_plan.has_errors or out == STDOUT:
        return build_plan, None
    try:
        if request.to_file:
            return build_plan, output.compare_file(request.render_file(build_plan), Path(out))
        artifacts = request.render_folder(build_plan, compared=Path(out))
        changes = output.compare_folder(artifacts, Path(out))
    except CannotWriteError as error:
        write_problems = error.problems or (Problem(Position(out), str(error)),)
        return replace(build_plan, problems=(*build_plan.problems, *write_problems)), None
    warnings = output.warn_of_kept_pages(changes, Path(out))
    return replace(build_plan, problems=(*build_plan.problems, *warnings)), changes


def _list_differences(build_plan: BuildPlan, request: Request) -> Iterator[str]:
    """Lines of a unified diff from the output folder or file to the output of the specs."""
    out = Path(request.out)
    if request.to_file:
        return output.diff_file(request.render_file(build_plan), out)
    return output.diff_folder(request.render_folder(build_plan, compared=out), out)


def _print_result(build_plan: BuildPlan, changes: Changes | None, *, folder: str, out: str) -> None:
    """Print the drift, or the number of warnings."""
    if changes:
        _report.print_drift(changes, folder, out)
    elif not build_plan.has_errors:
        rules = sum(len(group.rules) for plan in build_plan.plans for group in plan.groups)
        slos = format_count(len(build_plan.slos), "SLO")
        severities = [problem.severity for problem in build_plan.problems]
        warnings = severities.count(ProblemSeverity.WARNING)
        errors = build_plan.left_out_errors
        if errors:
            result = f"{format_count(len(errors), 'error')} in what is left out"
        else:
            result = format_count(warnings, "warning") if warnings else "no errors"
        click.echo(f"{slos}, {format_count(rules, 'rule')}: {result}", err=True)
