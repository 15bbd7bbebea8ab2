"""Telling people and machines what was found and done."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict

import click

from generator.write import Changes
from slos.schema.problem import Problem, Severity

_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


def problems(found: Sequence[Problem]) -> None:
    """All problems on stderr, one after the other; click drops colour off a terminal."""
    for problem in found:
        severity = click.style(problem.severity, fg=_COLOURS[problem.severity], bold=True)
        click.echo(f"{problem.at}: {severity}: {problem.message}", err=True)
        if problem.hint:
            click.echo(f"    hint: {problem.hint}", err=True)


def written(changes: Changes, folder: str) -> None:
    """What a build did to a folder."""
    for verb, names in _verbs(changes):
        for name in names:
            click.echo(f"{verb} {folder}/{name}", err=True)
    if not changes:
        click.echo(f"{folder}: {changes.same} files, nothing to change", err=True)


def drift(changes: Changes, folder: str) -> None:
    """How a folder differs from what its specs give."""
    said = {"added": "missing", "changed": "differs from its spec", "removed": "no spec makes it"}
    for verb, names in _verbs(changes):
        for name in names:
            click.echo(f"{folder}/{name}: {said[verb]}", err=True)
    if changes:
        click.echo(f"{folder} is not what the specs give; run: slo-rules build", err=True)


def as_json(found: Iterable[Problem], changes: Changes | None) -> None:
    """Problems and drift as one JSON object on stdout."""
    document = {
        "problems": [
            {
                "file": problem.at.file,
                "line": problem.at.line,
                "column": problem.at.column,
                "severity": problem.severity,
                "message": problem.message,
                "hint": problem.hint,
            }
            for problem in found
        ],
        "drift": asdict(changes) if changes else None,
    }
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _verbs(changes: Changes) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("added", changes.added),
        ("changed", changes.changed),
        ("removed", changes.removed),
    )
