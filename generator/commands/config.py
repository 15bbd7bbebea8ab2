"""Command `slo-rules config`: print the settings that are in force."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import click
from click.core import ParameterSource

from generator.alerting.hours import ALWAYS, OfficeHours
from generator.commands._options import add_spec_options
from generator.commands._project import get_project
from generator.commands._request import parse_inputs
from slos.schema.golang import Re2Pattern

_NONE = "-"


@dataclass(frozen=True, slots=True)
class SettingInForce:
    """Setting, its value as text, and its source: an option, a line of a file, or the default."""

    name: str
    value: str
    source: str


@click.command("config")
@add_spec_options
@click.option("--json", "as_json", is_flag=True, help="Print the settings as JSON.")
def command(*, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - read by parse_read_settings
    """Print the settings that are in force, and where each comes from.

    Takes the options of build. An option on the command line overrides the project settings,
    and these override the defaults. Project settings are in slo-rules.yaml, in this folder or
    above it in the git repository; docs/project-settings.md lists their keys.

    \b
    Examples:
      slo-rules config
      slo-rules config --format operator --json
    """
    settings = list(_list_settings(options))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in settings], indent=2, ensure_ascii=False))
        return
    widths = [max(len(each.name) for each in settings), max(len(each.value) for each in settings)]
    for each in settings:
        click.echo(f"{each.name:{widths[0]}}  {each.value:{widths[1]}}  {each.source}")


def _list_settings(options: dict[str, Any]) -> Iterator[SettingInForce]:
    context, project = click.get_current_context(), get_project()
    position = project.positions.get("inputs")
    source = "command line" if options["specs"] or options["input_"] else str(position or "default")
    inputs = ", ".join(map(str, parse_inputs(options)))
    yield SettingInForce("inputs", inputs, source)
    for parameter in context.command.params:
        name = parameter.name or ""
        if name not in options or name in ("specs", "input_"):
            continue
        option = max(parameter.opts, key=len).removeprefix("--")
        yield SettingInForce(option, _format_value(options[name], name), _find_source(name))
    for own in project.formats.values():
        for key, value in own.model_dump(exclude_none=True, exclude={"name"}).items():
            source = str(project.positions["formats"])
            yield SettingInForce(f"{own.name}.{key}", _format_value(value, key), source)


def _find_source(parameter: str) -> str:
    source = click.get_current_context().get_parameter_source(parameter)
    if source is ParameterSource.COMMANDLINE:
        return "command line"
    position = get_project().find_position(parameter)
    return str(position) if source is ParameterSource.DEFAULT_MAP and position else "default"


def _format_value(value: Any, name: str) -> str:  # noqa: ANN401 - a value of any option
    match value:
        case None if name == "office_hours":
            text = ALWAYS
        case None:
            text = ""
        case bool():
            text = str(value).lower()
        case Re2Pattern():
            text = str(value.text)
        case OfficeHours(days=days, start=start, end=end, zone=zone):
            text = f"{days[0]}:{days[-1]} {start}-{end} {zone}"
        case dict():
            text = ", ".join(f"{key}={item}" for key, item in value.items())
        case list() | tuple():
            text = ", ".join(map(str, value))
        case _:
            text = str(value)
    return text or _NONE
