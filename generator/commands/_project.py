"""Project settings of the command that runs, and the option that names their file."""

from pathlib import Path

import click

from generator.commands import _report
from generator.files.project_settings import FILE_NAME, Project, find_project_file, read_project

_PROJECT = "generator.project"


def get_project() -> Project:
    """Project settings of the command that runs."""
    project: Project = click.get_current_context().meta.get(_PROJECT, Project())
    return project


def _load_project(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Read the project settings, and make them the defaults of the options."""
    path = path or find_project_file(Path.cwd())
    if not path or context.resilient_parsing:
        return
    project, problems = read_project(path)
    if problems:
        _report.print_problems(problems)
        context.exit(1)
    context.meta[_PROJECT] = project
    values = project.list_option_values()
    # Commands that build nothing have another output.
    if not any(parameter.name == "format_" for parameter in context.command.params):
        values.pop("out", None)
    context.default_map = values


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_load_project,
    help=f"Project settings.  [default: {FILE_NAME} in this folder or above it in the repository]",
)
