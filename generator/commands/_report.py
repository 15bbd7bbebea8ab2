"""Printer of problems, changes and drift on stderr, and of pages on stdout or to a file."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path, PurePath, PurePosixPath
from typing import TypeVar

import click

from generator.files import output
from generator.files.output import Changes
from generator.files.sources import STDOUT
from generator.files.transaction import CannotWriteError
from generator.model import Artifact
from generator.reports import DRIFT_MESSAGES
from slos.schema.problem import Problem, ProblemSeverity
from slos.schema.units import format_count

Item = TypeVar("Item")

_EXCERPT_WIDTH = 160
_PROGRESS_AFTER, _PROGRESS_EVERY = 1.0, 0.2
"""Seconds until the progress is shown, and between two lines of it."""
_COLOURS = {
    ProblemSeverity.ERROR: "red",
    ProblemSeverity.WARNING: "yellow",
    ProblemSeverity.NOTE: "cyan",
}


def print_problems(problems: Sequence[Problem], *, excerpts: bool = False) -> None:
    """Print problems on stderr; click removes the colours where stderr is no terminal.

    Args:
        problems: problems to print.
        excerpts: whether to print the line of each, with a mark below its column.
    """
    lines = cache(_read_lines)
    for problem in problems:
        severity = click.style(problem.severity, fg=_COLOURS[problem.severity], bold=True)
        check = f" [{problem.check}]" if problem.check and excerpts else ""
        click.echo(f"{problem.position}: {severity}: {problem.message}{check}", err=True)
        if excerpts:
            for line in _format_excerpt(problem, lines(problem.position.file)):
                click.echo(line, err=True)
        if problem.hint:
            click.echo(f"    hint: {problem.hint}", err=True)


def _format_excerpt(problem: Problem, lines: Sequence[str]) -> Iterator[str]:
    if 0 < problem.position.line <= len(lines):
        line, column = lines[problem.position.line - 1], max(problem.position.column, 1) - 1
        # JSON can be one long line; only what is around the column is of interest then.
        start = max(column - _EXCERPT_WIDTH // 2, 0) if len(line) > _EXCERPT_WIDTH else 0
        number = f"{problem.position.line:5} | "
        yield f"{number}{line[start : start + _EXCERPT_WIDTH]}"
        yield " " * (len(number) + column - start) + "^"


def _read_lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):  # the file has changed since; its position is enough
        return []


def print_changes(changes: Changes, out: str, *, verbose: bool, is_folder: bool = True) -> None:
    """Print the changes that a build made, in one line.

    Args:
        changes: the changes.
        out: the folder or file, as the user named it.
        verbose: whether to print a line for each file of a folder as well.
        is_folder: whether `out` is a folder.
    """
    if not is_folder:
        click.echo(f"wrote {out}" if changes else f"{out}: no changes", err=True)
        return
    counts = []
    for verb, names in _list_changes(changes):
        counts += [f"{len(names):,} {verb}"] if names else []
        for name in names if verbose else ():
            click.echo(f"{verb} {out}/{name}", err=True)
    files = len(changes.added) + len(changes.changed) + changes.same
    summary = ", ".join(counts) or "no changes"
    click.echo(f"{out}: {format_count(files, 'file')}, {summary}", err=True)


def show_progress(items: Iterable[Item], noun: str) -> Iterator[Item]:
    """Pass items on, and show their number on a terminal when they take more than a second."""
    on_terminal = sys.stderr.isatty()
    shown_at, printed = time.monotonic() + _PROGRESS_AFTER, False
    for number, item in enumerate(items, 1):
        if on_terminal and time.monotonic() > shown_at:
            click.echo(f"\r{format_count(number, noun)}", nl=False, err=True)
            shown_at, printed = time.monotonic() + _PROGRESS_EVERY, True
        yield item
    if printed:
        click.echo("\r\x1b[K", nl=False, err=True)


def print_planned_changes(changes: Changes, out: str) -> None:
    """Print the changes that a build would make to a folder or file."""
    for verb, names in _list_changes(changes):
        if names:
            click.echo(f"{format_count(len(names), 'file')} would be {verb}:", err=True)
        for name in names:
            click.echo(f"  {name}", err=True)
    if not changes:
        click.echo(f"{out} would not change", err=True)


def print_drift(changes: Changes, folder: str, out: str) -> None:
    """Print the files of a folder that differ from the output of the specs.

    Args:
        changes: differences.
        folder: folder of the files.
        out: output path, as the user named it.
    """
    for verb, names in _list_changes(changes):
        for name in names:
            click.echo(f"{PurePath(folder, name)}: {DRIFT_MESSAGES[verb]}", err=True)
    if changes:
        click.echo(f"{out} is out of date; run: slo-rules build", err=True)


def write_page(page: str, out: str, *, check: bool = False) -> None:
    """Print a page, write it to a file, or check that the file has it; exit with 1 if it has not.

    Args:
        page: text of the page.
        out: output path.
        check: whether the file is compared instead of written.
    """
    if out == STDOUT:
        click.echo(page, nl=False)
        return
    artifact = Artifact(PurePosixPath(Path(out).name), page)
    try:
        if not check:
            output.write_file(artifact, Path(out))
        elif output.compare_file(artifact, Path(out)):
            click.echo(f"{out} is out of date; run the same command without --check", err=True)
            sys.exit(1)
    except CannotWriteError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _list_changes(changes: Changes) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("added", changes.added),
        ("changed", changes.changed),
        ("removed", changes.removed),
    )
