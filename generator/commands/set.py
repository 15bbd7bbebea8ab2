"""Command `slo-rules set`: write values of the project settings into marked lines."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from generator.commands import _report
from generator.commands._project import config_option, get_project
from generator.files.transaction import CannotWriteError, open_transaction
from generator.text.setters import apply_setters
from slos.schema.problem import Position, Problem
from slos.schema.units import format_count


@click.command("set")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE|DIR...",
)
@config_option
@click.option("--check", is_flag=True, help="Write no file; exit 1 if one differs.")
def command(paths: tuple[Path, ...], *, check: bool) -> None:
    """Write `setters` and `namespace` of the project settings into marked lines of YAML files.

    The mark is that of kpt. The value of the line is set to the pattern behind it:

    \b
      namespace: ai # kpt-set: ${agent_namespace}
      url: http://agent-sre.ai.svc/ # kpt-set: http://agent-sre.${agent_namespace}.svc/

    \b
    Examples:
      slo-rules set k8s slos
      slo-rules set --check k8s slos
    """
    setters = get_project().setters
    texts, problems = _read_files(paths)
    results = {path: apply_setters(text, setters, str(path)) for path, text in texts.items()}
    problems += [each for _, found in results.values() for each in found]
    if problems:
        _report.print_problems(problems)
        sys.exit(1)
    changed = {path: text for path, (text, _) in results.items() if text != texts[path]}
    for path in changed:
        click.echo(f"{path}: out of date" if check else f"changed {path}", err=True)
    if check and changed:
        click.echo("run: slo-rules set", err=True)
        sys.exit(1)
    try:
        _write_files(changed)
    except CannotWriteError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    click.echo(f"{format_count(len(texts), 'file')}, {len(changed)} changed", err=True)


def _read_files(paths: tuple[Path, ...]) -> tuple[dict[Path, str], list[Problem]]:
    texts, problems = {}, []
    for path in _list_files(paths):
        try:
            texts[path] = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message = getattr(error, "strerror", None) or "it is not UTF-8"
            hint = "check the path, and that the file is YAML"
            problems.append(Problem(Position(str(path)), f"cannot be read: {message}", hint))
    return texts, problems


def _list_files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob("*.yaml")) if path.is_dir() else (path,)


def _write_files(texts: Mapping[Path, str]) -> None:
    """Write all files or none."""
    if not texts:
        return
    folder = Path(os.path.commonpath([path.resolve().parent for path in texts]))
    with open_transaction(folder) as transaction:
        steps = [
            transaction.stage(str(path.resolve().relative_to(folder)), text)
            for path, text in texts.items()
        ]
        for step in steps:
            step()
