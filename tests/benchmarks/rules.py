"""`python -m tests.benchmarks.rules`: our rules beside others', on a real Prometheus.

Builds 30 days of counters with known truth for each shape of traffic, runs every method's rules
over them, replays ten incidents, prints what came of it, and writes `docs/benchmarks.md`.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click

from tests.benchmarks import report, targets
from tests.benchmarks.incident_replay import IncidentReplay, replay_incidents
from tests.benchmarks.lateness import LateCount, count_late_samples
from tests.benchmarks.measurement import MethodMeasurement, measure_methods
from tests.benchmarks.new_series import NewSeriesCount, count_new_series
from tests.benchmarks.traffic import SHAPES
from tests.benchmarks.tsdb import MissingToolError, find_tool

_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_COUNTS = (1, 20, 200)
# The cost of many series is the same for every shape, and measuring it takes minutes.
_MANY, _SHAPES_OF_MANY = 200, ("steady", "restarts")
_NAMES = tuple(shape.name for shape in SHAPES)


@click.command()
@click.option("--check", is_flag=True, help="Exit 1 when a target is missed.")
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    type=click.Choice(_NAMES),
    help="Only this one, without incidents and late samples; repeatable.",
)
@click.option(
    "--series", "counts", multiple=True, type=int, help="Only so many series; repeatable."
)
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Runs at a time.")
def main(*, check: bool, shapes: tuple[str, ...], counts: tuple[int, ...], jobs: int) -> None:
    """Measure the rules; the documentation is written by a whole run only."""
    try:
        for name in ("prometheus", "promtool"):
            find_tool(name)
    except MissingToolError as error:
        raise click.ClickException(str(error)) from error
    runs = [
        (shape, count)
        for shape in shapes or _NAMES
        for count in counts or _COUNTS
        if counts or count < _MANY or shape in _SHAPES_OF_MANY
    ]
    rows, pages, late, new = _run_benchmark(runs, jobs, shapes_only=bool(shapes))
    results = targets.check_targets(rows, pages, late, new)
    _print_report(rows, pages, late, new, results)
    if not shapes and not counts:
        _PAGE.write_text(report.render_document(rows, pages, late, new, results))
        click.echo(f"wrote {_PAGE.name}", err=True)
    missed = [result for result in results if not result.met]
    if check and missed:
        click.echo(f"{len(missed)} targets missed", err=True)
        sys.exit(1)


def _run_benchmark(
    runs: Sequence[tuple[str, int]], jobs: int, *, shapes_only: bool
) -> tuple[list[MethodMeasurement], list[IncidentReplay], list[LateCount], list[NewSeriesCount]]:
    """All measurements, the long ones first."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        measured = {
            (shape, count): pool.submit(_measure_shape, shape, count)
            for shape, count in sorted(runs, key=lambda run: -run[1])
        }
        if shapes_only:
            return [row for run in runs for row in measured[run].result()], [], [], []
        replayed = pool.submit(_replay_incidents)
        late = pool.submit(count_late_samples)
        new = pool.submit(count_new_series)
        rows = [row for run in runs for row in measured[run].result()]
        return rows, replayed.result(), late.result(), new.result()


def _measure_shape(name: str, count: int) -> list[MethodMeasurement]:
    (shape,) = [shape for shape in SHAPES if shape.name == name]
    return measure_methods(
        shape, count, print_line=_build_progress_printer(f"{name}, {count} series")
    )


def _replay_incidents() -> list[IncidentReplay]:
    return replay_incidents(_build_progress_printer("incidents"))


def _build_progress_printer(title: str) -> Callable[[str], None]:
    started = time.monotonic()

    def print_line(text: str) -> None:
        click.echo(f"{title}: {text} ({time.monotonic() - started:.0f} s)", err=True)

    return print_line


def _print_report(
    rows: list[MethodMeasurement],
    pages: list[IncidentReplay],
    late: list[LateCount],
    new: list[NewSeriesCount],
    results: list[targets.TargetResult],
) -> None:
    for shape in dict.fromkeys(row.shape for row in rows):
        shape_rows = [row for row in rows if row.shape == shape]
        click.echo(f"\n{shape}\n\n{report.render_shape(shape_rows, with_times=True)}")
    click.echo(
        f"\n{report.render_rules(rows)}\n{report.render_pages(pages)}"
        f"\n{report.render_late_counts(late)}"
        f"\n{report.render_new_series(new)}\n{report.render_results(results)}"
    )


if __name__ == "__main__":
    main()
