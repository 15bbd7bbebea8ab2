"""`python -m tests.benchmarks.rules`: our rules beside others', on a real Prometheus.

Builds 30 days of counters with known truth for each shape of traffic, runs every method's rules
over them, replays ten incidents, prints what came of it, and writes `docs/benchmarks.md`.
"""

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import click

from tests.benchmarks import report, targets
from tests.benchmarks.measure import Row, measure
from tests.benchmarks.replay import Page, replay
from tests.benchmarks.shapes import SHAPES
from tests.benchmarks.tsdb import MissingToolError, tool

_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_COUNTS = (1, 20, 200)
_NAMES = tuple(shape.name for shape in SHAPES)


@click.command()
@click.option("--check", is_flag=True, help="Exit 1 when a target is missed.")
@click.option(
    "--shape", "shapes", multiple=True, type=click.Choice(_NAMES), help="Only this one; repeatable."
)
@click.option(
    "--series", "counts", multiple=True, type=int, help="Only so many series; repeatable."
)
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Runs at a time.")
def main(*, check: bool, shapes: tuple[str, ...], counts: tuple[int, ...], jobs: int) -> None:
    """Measure the rules; the documentation is written by a whole run only."""
    try:
        for name in ("prometheus", "promtool"):
            tool(name)
    except MissingToolError as error:
        raise click.ClickException(str(error)) from error
    rows, pages = _run(shapes or _NAMES, counts or _COUNTS, jobs)
    results = targets.results(rows, pages)
    _print(rows, pages, results)
    if not shapes and not counts:
        _PAGE.write_text(report.document(rows, pages, results))
        click.echo(f"wrote {_PAGE.name}", err=True)
    missed = [result for result in results if not result.met]
    if check and missed:
        click.echo(f"{len(missed)} targets missed", err=True)
        sys.exit(1)


def _run(
    shapes: tuple[str, ...], counts: tuple[int, ...], jobs: int
) -> tuple[list[Row], list[Page]]:
    """All measurements, the long ones first."""
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        runs = {
            (shape, count): pool.submit(_measure, shape, count)
            for count in sorted(counts, reverse=True)
            for shape in shapes
        }
        replayed = pool.submit(_replay)
        rows = [row for shape in shapes for count in counts for row in runs[shape, count].result()]
        return rows, replayed.result()


def _measure(name: str, count: int) -> list[Row]:
    (shape,) = [shape for shape in SHAPES if shape.name == name]
    return measure(shape, count, say=_progress(f"{name}, {count} series"))


def _replay() -> list[Page]:
    return replay(_progress("incidents"))


def _progress(what: str) -> Callable[[str], None]:
    started = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"{what}: {text} ({time.monotonic() - started:.0f} s)", err=True)

    return say


def _print(rows: list[Row], pages: list[Page], results: list[targets.Result]) -> None:
    for shape in dict.fromkeys(row.shape for row in rows):
        chosen = [row for row in rows if row.shape == shape]
        click.echo(f"\n{shape}\n\n{report.of_shape(chosen, timed=True)}")
    click.echo(f"\n{report.of_rules(rows)}\n{report.of_pages(pages)}\n{report.of_results(results)}")


if __name__ == "__main__":
    main()
