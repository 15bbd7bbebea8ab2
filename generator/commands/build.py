"""Command `slo-rules build`: build files from specs."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import filterfalse
from pathlib import Path
from typing import Any

import click

from generator import build
from generator.commands import _report
from generator.commands._options import add_spec_options, keep_going_option
from generator.commands._request import Request, check_extras, parse_request
from generator.files import build_cache, output
from generator.files.output import Changes
from generator.files.sources import STDOUT
from generator.files.transaction import CannotWriteError
from generator.model import Artifact
from generator.parallel_build import ParallelBuild
from generator.pipeline import BuildPlan
from generator.profiles import load_profiles
from slos.schema.extras import is_missing
from slos.schema.problem import ProblemSeverity


@click.command("build")
@add_spec_options
@keep_going_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes that plan and render specs.  [default: by the number of specs and processors]",
)
@click.option("--dry-run", is_flag=True, help="Write no file; print what would change.")
@click.option("-v", "--verbose", is_flag=True, help="Print a line for each file that changes.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors and warnings only.")
def command(
    *,
    keep_going: bool,
    dry_run: bool,
    verbose: bool,
    quiet: bool,
    jobs: int | None,
    **options: Any,  # noqa: ANN401 - read by parse_request
) -> None:
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
    check_extras(request)
    out = request.out
    parallel = None if keep_going or dry_run else _choose_parallel_build(request, jobs)
    try:
        build_plan = build.plan_inputs(
            request.inputs,
            request.settings,
            out=out,
            read_settings=request.read_settings,
            keep_going=keep_going,
            formats=request.formats,
            parallel=parallel,
        )
        hidden = (ProblemSeverity.NOTE,) if quiet else ()
        _report.print_problems([p for p in build_plan.all_problems if p.severity not in hidden])
        if build_plan.has_errors:
            nothing_left = keep_going and not build_plan.plans
            kept = f", and {out} is unchanged" if nothing_left and out != STDOUT else ""
            click.echo(f"no files written{kept}; fix the errors above", err=True)
            sys.exit(1)
        if out == STDOUT:
            click.echo(request.render_file(build_plan).text, nl=False)
        elif dry_run:
            changes = _compare(build_plan, request)
            if not quiet:
                _report.print_planned_changes(changes, out)
        else:
            changes = _write(build_plan, request, parallel)
            if not quiet:
                _report.print_changes(changes, out, verbose=verbose, is_folder=not request.to_file)
            _report.print_problems(output.warn_of_kept_pages(changes, Path(out)))
    except CannotWriteError as error:
        _report.print_problems(error.problems)
        message = "no files written; fix the errors above" if error.problems else f"error: {error}"
        click.echo(message, err=True)
        sys.exit(1)
    if build_plan.left_out_errors:
        click.echo("built what has no errors; fix the errors above", err=True)
        sys.exit(1)


def _write(build_plan: BuildPlan, request: Request, parallel: ParallelBuild | None) -> Changes:
    out = Path(request.out)
    if not request.to_file:
        return _write_folder(build_plan, request, parallel)
    return output.write_file(request.render_file(build_plan), out)


def _compare(build_plan: BuildPlan, request: Request) -> Changes:
    out = Path(request.out)
    if not request.to_file:
        return output.compare_folder(_render_artifacts(build_plan, request), out)
    return output.compare_file(request.render_file(build_plan), out)


def _render_artifacts(build_plan: BuildPlan, request: Request) -> Iterator[Artifact]:
    return _report.show_progress(request.render_folder(build_plan), "file")


def _choose_parallel_build(request: Request, jobs: int | None) -> ParallelBuild | None:
    """Choose the build of many specs into a folder; None for other outputs."""
    names = tuple(each.name for each in request.formats)
    formats = names or tuple(filterfalse(is_missing, build.list_default_formats()))
    as_written = load_profiles()[request.settings.profile].AS_WRITTEN and not names
    # The parts that a prober does not export depend on all specs.
    has_inventory = request.settings.inventory is not None
    has_own_settings = has_inventory or any(
        each.settings != request.settings for each in request.formats
    )
    if request.to_file or request.out == STDOUT or as_written or has_own_settings:
        return None
    return ParallelBuild(Path(request.out), formats, jobs)


def _write_folder(
    build_plan: BuildPlan, request: Request, parallel: ParallelBuild | None
) -> Changes:
    """Write the files of a plan into a folder."""
    folder = Path(request.out)
    try:
        changes = output.write_folder(_render_artifacts(build_plan, request), folder)
    except output.StaleCacheError:
        build_plan = build.plan_inputs(
            request.inputs,
            request.settings,
            out=request.out,
            read_settings=request.read_settings,
            formats=request.formats,
            parallel=replace(parallel, uses_cache=False) if parallel else None,
        )
        if build_plan.has_errors:
            raise CannotWriteError("a spec has changed during the build; build again") from None
        changes = output.write_folder(_render_artifacts(build_plan, request), folder)
    if build_plan.entries is not None:
        build_cache.write_entries(folder, build_plan.entries)
    return changes
