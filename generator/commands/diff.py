"""Command `slo-rules diff`: show the meaning of a change of specs."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from generator import build
from generator.build import DEFAULT_FORMAT, ReadSettings
from generator.commands import _report
from generator.commands._options import add_read_options
from generator.commands._request import parse_inputs, parse_read_settings, parse_spec_settings
from generator.diff.comparison import compare_plans
from generator.diff.render import RENDERERS
from generator.files.revision import RevisionError, export_revision
from generator.files.sources import STDOUT
from generator.pipeline import BuildPlan, BuildSettings, render_folder
from generator.requirements import Coverage
from generator.text.unified_diff import diff_texts
from slos.schema.problem import Problem, ProblemSeverity


@click.command("diff")
@click.argument("base", default="HEAD", metavar="[REV|DIR]")
@add_read_options
@click.option(
    "--output",
    type=click.Choice([*RENDERERS]),
    default="text",
    show_default=True,
    help="Output format: text, Markdown for a pull request, or JSON.",
)
@click.option("--json", "as_json", is_flag=True, help="Same as --output json.")
@click.option("--rules", is_flag=True, help="Show the difference of the rules as well.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 if there are differences.")
def command(
    base: str,
    output: str,
    as_json: bool,  # noqa: FBT001 - click's way
    rules: bool,  # noqa: FBT001
    exit_code: bool,  # noqa: FBT001
    **options: Any,  # noqa: ANN401 - read by parse_read_settings
) -> None:
    """Show the meaning of a change of specs.

    Compares the specs of the input (default: slos/) with those of a git revision (default: HEAD),
    or with a folder or file of specs. For each SLO that differs it shows objective, period, budget,
    queries, alerts, the time until they fire, and the cost; and it says where recorded history
    begins anew. Writes no files. A path that exists is a folder or file, - is standard input,
    anything else a revision.

    \b
    Examples:
      slo-rules diff
      slo-rules diff origin/main --output markdown
      slo-rules diff old-slos -i slos --rules
    """
    settings, read_settings = parse_spec_settings(options), parse_read_settings(options)
    inputs = parse_inputs(options)
    after = build.plan_inputs(inputs, settings, out=STDOUT, read_settings=read_settings)
    _report.print_problems(
        [each for each in after.problems if each.severity is ProblemSeverity.ERROR]
    )
    if after.has_errors:
        sys.exit(1)
    try:
        before = _plan_base(base, inputs, settings, read_settings)
    except RevisionError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    comparison = compare_plans(before, after)
    rule_diff = list(_diff_rules(before, after, settings)) if rules else []
    click.echo(RENDERERS["json" if as_json else output](comparison), nl=False)
    if rule_diff and output == "markdown":
        rule_diff = ["```diff", *rule_diff, "```"]
    if rule_diff and not as_json and output != "json":
        click.echo("\n".join(["", *rule_diff]))
    sys.exit(1 if exit_code and (comparison.changes or rule_diff) else 0)


def _plan_base(
    base: str, inputs: Sequence[Path], settings: BuildSettings, read_settings: ReadSettings
) -> BuildPlan:
    """Plan of the base; what has errors there is left out with a note."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        is_path = base == STDOUT or Path(base).exists()
        paths = [Path(base)] if is_path else export_revision(base, inputs, folder)
        if not paths:
            click.echo(f"note: {base} has none of these specs", err=True)
            return BuildPlan((), (), Coverage(), ())
        plan = build.plan_inputs(
            paths, settings, out=STDOUT, read_settings=read_settings, keep_going=True
        )
    errors = [
        each
        for each in (*plan.problems, *plan.left_out_errors)
        if each.severity is ProblemSeverity.ERROR
    ]
    if errors:
        click.echo(
            f"note: {base} has errors; what has them is left out of the comparison", err=True
        )
        _report.print_problems([_rename_file(each, f"{folder}/", f"{base}:") for each in errors])
    if errors and is_path and not plan.plans:
        sys.exit(1)
    return plan


def _rename_file(problem: Problem, prefix: str, replacement: str) -> Problem:
    """Problem with the name of the revision instead of that of a temporary folder."""
    file = problem.position.file
    if not file.startswith(prefix):
        return problem
    named = replacement + file.removeprefix(prefix)
    return replace(problem, position=replace(problem.position, file=named))


def _diff_rules(before: BuildPlan, after: BuildPlan, settings: BuildSettings) -> Iterator[str]:
    """Unified diff of the rule files."""
    old, new = (
        {str(each.path): each.text for each in render_folder(plan.plans, DEFAULT_FORMAT, settings)}
        for plan in (before, after)
    )
    for path in sorted({*old, *new}):
        if old.get(path) != new.get(path):
            yield from diff_texts(path, old.get(path), new.get(path))
