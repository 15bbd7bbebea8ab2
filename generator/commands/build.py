"""Command `slo-rules build`: build files from specs."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from generator import build
from generator.commands import _report
from generator.commands._options import Request, add_spec_options, parse_request
from generator.files import build_cache, output
from generator.files.output import Changes
from generator.files.sources import STDOUT
from generator.files.transaction import CannotWriteError
from generator.large_build import LargeBuild
from generator.pipeline import BuildPlan
from generator.profiles import load_profiles
from slos.schema.problem import sort_problems


@click.command("build")
@add_spec_options
@click.option(
    "--keep-going",
    is_flag=True,
    help="Build the SLOs, alerts and recordings without errors, report the others and exit with 1.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes that plan and render specs.  [default: by the number of specs and processors]",
)
def command(*, keep_going: bool, jobs: int | None, **options: Any) -> None:  # noqa: ANN401 - read by request_of
    """Build rules from specs.

    Reads SPEC files, standard input if SPEC is -, and the YAML and JSON files below DIR (default:
    slos/), and writes a folder (default: rules/). Files of an earlier build that are no longer
    generated are removed; other files are kept. If a spec has an error, no file is written; with
    --keep-going only what has errors is left out, and the rules that it had are removed. If
    nothing is left, no file is written or removed.

    \b
    Examples:
      slo-rules build
      slo-rules build slos/agent-sre.yaml -o - | promtool check rules
      slo-rules build specs -o out --format operator && kubectl apply --server-side -k out
      kubectl get psl -A -o yaml | slo-rules build - -o out
      slo-rules build --profile sloth -i specs -o out        output of `sloth generate`
    """
    request = parse_request(options)
    settings, out = request.settings, request.out
    large = None if keep_going else _choose_large_build(request, jobs)
    build_plan = build.plan_inputs(
        request.inputs,
        settings,
        out=out,
        read_settings=request.read_settings,
        keep_going=keep_going,
        large=large,
    )
    _report.print_problems(sort_problems((*build_plan.problems, *build_plan.left_out_errors)))
    if build_plan.has_errors:
        nothing_left = keep_going and not build_plan.plans
        kept = f", and {out} is unchanged" if nothing_left and out != STDOUT else ""
        click.echo(f"no files written{kept}; fix the errors above", err=True)
        sys.exit(1)
    try:
        if out == STDOUT:
            artifact = build.render_file_artifact(
                build_plan, request.format_, settings, name="rules.yaml"
            )
            click.echo(artifact.text, nl=False)
        elif request.to_file:
            name = Path(out).name
            artifact = build.render_file_artifact(build_plan, request.format_, settings, name=name)
            output.write_file(artifact, Path(out))
            click.echo(f"wrote {out}", err=True)
        else:
            changes = _write_folder(build_plan, request, large)
            _report.print_changes(changes, out)
            _report.print_problems(output.warn_of_kept_pages(changes, Path(out)))
    except CannotWriteError as error:
        _report.print_problems(error.problems)
        message = "no files written; fix the errors above" if error.problems else f"error: {error}"
        click.echo(message, err=True)
        sys.exit(1)
    if build_plan.left_out_errors:
        click.echo("built what has no errors; fix the errors above", err=True)
        sys.exit(1)


def _choose_large_build(request: Request, jobs: int | None) -> LargeBuild | None:
    """How to build many specs into a folder; None for other outputs."""
    formats = (request.format_,) if request.format_ else tuple(build.list_default_formats())
    as_written = load_profiles()[request.settings.profile].AS_WRITTEN and not request.format_
    if request.to_file or request.out == STDOUT or as_written:
        return None
    return LargeBuild(Path(request.out), formats, jobs)


def _write_folder(build_plan: BuildPlan, request: Request, large: LargeBuild | None) -> Changes:
    """Write the files of a plan into a folder."""
    folder = Path(request.out)
    artifacts = build.render_folder_artifacts(build_plan, request.format_, request.settings)
    try:
        changes = output.write_folder(artifacts, folder)
    except output.UnknownTextError:
        build_plan = build.plan_inputs(
            request.inputs,
            request.settings,
            out=request.out,
            read_settings=request.read_settings,
            large=replace(large, uses_cache=False) if large else None,
        )
        if build_plan.has_errors:
            raise CannotWriteError("a spec has changed during the build; build again") from None
        artifacts = build.render_folder_artifacts(build_plan, request.format_, request.settings)
        changes = output.write_folder(artifacts, folder)
    if build_plan.entries is not None:
        build_cache.write_entries(folder, build_plan.entries)
    return changes
