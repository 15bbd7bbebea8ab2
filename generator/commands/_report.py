"""Printer of problems, changes and drift on stderr."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path, PurePath

import click

from generator.files.output import Changes
from generator.reports import DRIFT_MESSAGES
from slos.schema.problem import Problem, ProblemSeverity
from slos.schema.units import format_count

_EXCERPT_WIDTH = 160
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


def print_changes(changes: Changes, folder: str) -> None:
    """Print the changes that a build made to a folder."""
    for verb, names in _list_changes(changes):
        for name in names:
            click.echo(f"{verb} {folder}/{name}", err=True)
    if not changes:
        click.echo(f"{folder}: {format_count(changes.same, 'file')}, no changes", err=True)


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


def _list_changes(changes: Changes) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("added", changes.added),
        ("changed", changes.changed),
        ("removed", changes.removed),
    )
