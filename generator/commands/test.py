"""Command `slo-rules test`: run the generated unit tests with promtool."""

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from generator.clients import promtool
from generator.clients.promtool import UnitTestResult
from generator.commands._project import config_option, get_project
from slos.schema.units import format_count

_TESTS = "tests"
_TEST = re.compile(rb"^(?:tests:|[ {]*\"tests\":)", re.MULTILINE)
_RULES_SUFFIX = ".rules"


@click.command("test")
@click.argument("tests", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE or DIR]...")
@config_option
@click.option(
    "-i",
    "--input",
    "input_",
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="Same as the argument.",
)
@click.option(
    "--promtool",
    "program",
    default="promtool",
    metavar="PATH",
    help="Path of promtool.  [default: promtool on PATH]",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    metavar="N",
    help="Number of parallel promtool processes.  [default: number of processors]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON on stdout.")
def command(
    tests: tuple[Path, ...], input_: Path | None, program: str, jobs: int, *, as_json: bool
) -> None:
    """Run the unit tests of the rules with promtool.

    `slo-rules build` generates the tests. They check that each alert is silent at half its
    threshold and without traffic, fires in time at twice the threshold, resolves, and has the
    expected labels and annotations. Exits with 1 if a test fails. Each test reads the rule file
    beside it, so `promtool test rules rules/tests/*/*.yaml` runs the tests too.

    \b
    Examples:
      slo-rules test
      slo-rules test rules/tests/agent-sre/agent-sre-availability-quick.yaml
    """
    promtool_path = shutil.which(program)
    if not promtool_path:
        click.echo(
            f"error: {program!r} not found; install Prometheus (Debian: apt install prometheus), "
            "or set --promtool",
            err=True,
        )
        sys.exit(1)
    tests = (*tests, *filter(None, [input_]))
    places = tests or (Path(get_project().out, _TESTS),)
    if missing := [place for place in places if not place.exists()]:
        hint = "check the path" if tests else "run: slo-rules build"
        click.echo(f"error: {missing[0]} does not exist; {hint}", err=True)
        sys.exit(1)
    paths = list(_list_test_files(places))
    if not paths:
        click.echo("error: no test files found; run: slo-rules build", err=True)
        sys.exit(1)
    if other := next((path for path in paths if not _is_test(path)), None):
        click.echo(
            f"error: {other} is not a unit test; build the tests of a spec with "
            "slo-rules build SPEC -o DIR, and run those in DIR/tests",
            err=True,
        )
        sys.exit(1)
    results = list(
        _print_results(
            promtool.run_tests(paths, promtool_path, jobs=jobs), len(paths), quiet=as_json
        )
    )
    failures = [result for result in results if result.failed]
    if as_json:
        listed = [{"file": str(result.path), "failed": result.failed} for result in results]
        click.echo(json.dumps({"tests": listed}, indent=2))
    else:
        files = format_count(len(results), "test file")
        click.echo(f"{files}, {len(failures)} failed", err=True)
    sys.exit(1 if failures else 0)


def _list_test_files(places: Iterable[Path]) -> Iterator[Path]:
    """List the tests of folders, and files; the rules beside a test are passed over."""
    for place in places:
        if place.is_dir():
            files = (path for path in sorted(place.rglob("*.yaml")) if path.is_file())
            yield from (path for path in files if _is_test(path))
        elif place.suffix != _RULES_SUFFIX:
            yield place


def _is_test(path: Path) -> bool:
    """Tell whether a file is a unit test of promtool; running one that is unreadable says so."""
    try:
        return path.is_file() and _TEST.search(path.read_bytes()) is not None
    except OSError:
        return True


def _print_results(
    results: Iterable[UnitTestResult], count: int, *, quiet: bool
) -> Iterator[UnitTestResult]:
    """Print failures as they come, and the progress on a terminal; pass the results on."""
    on_terminal = sys.stderr.isatty() and not quiet
    for number, result in enumerate(results, 1):
        if on_terminal:
            click.echo(f"\r{number} of {count}", nl=number == count, err=True)
        if result.failed and not quiet:
            failed = click.style("failed", fg="red", bold=True)
            click.echo(f"{result.path}: {failed}\n{result.failed}", err=True)
        yield result
