"""Printer of problems, changes and drift on stderr."""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import click

from generator.files.output import Changes
from generator.reports import HAPPENED
from slos.schema.problem import Problem, Severity

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def problems(found: Sequence[Problem], *, excerpts: bool = False) -> None:
    """Print problems on stderr; click removes the colours where stderr is no terminal.

    Args:
        problems: problems to print.
        excerpts: whether to print the line of each, with a mark below its column.
    """
    lines = cache(_lines)
    for problem in found:
        severity = click.style(problem.severity, fg=_COLOURS[problem.severity], bold=True)
        named = f" [{problem.check}]" if problem.check and excerpts else ""
        click.echo(f"{problem.at}: {severity}: {problem.message}{named}", err=True)
        if excerpts:
            for line in _excerpt(problem, lines(problem.at.file)):
                click.echo(line, err=True)
        if problem.hint:
            click.echo(f"    hint: {problem.hint}", err=True)


def _excerpt(problem: Problem, lines: Sequence[str]) -> Iterator[str]:
    if 0 < problem.at.line <= len(lines):
        line = lines[problem.at.line - 1]
        number = f"{problem.at.line:5} | "
        yield f"{number}{line}"
        yield " " * (len(number) + max(problem.at.column, 1) - 1) + "^"


def _lines(file: str) -> list[str]:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):  # the file has changed since; its position is enough
        return []


def written(changes: Changes, folder: str) -> None:
    """Print the changes that a build made to a folder."""
    for verb, names in _verbs(changes):
        for name in names:
            click.echo(f"{verb} {folder}/{name}", err=True)
    if not changes:
        click.echo(f"{folder}: {changes.same} files, nothing to change", err=True)


def drift(changes: Changes, folder: str) -> None:
    """Print how a folder differs from the output of its specs."""
    for verb, names in _verbs(changes):
        for name in names:
            click.echo(f"{folder}/{name}: {HAPPENED[verb]}", err=True)
    if changes:
        click.echo(f"{folder} is not what the specs give; run: slo-rules build", err=True)


def _verbs(changes: Changes) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("added", changes.added),
        ("changed", changes.changed),
        ("removed", changes.removed),
    )
