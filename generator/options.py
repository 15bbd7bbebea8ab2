"""Command-line options that commands share, read into settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from generator.outputs import OutputSettings, formats
from generator.pipeline import Settings
from generator.profiles import profiles
from generator.resolve import Defaults
from slos.schema.units import Duration

Command = TypeVar("Command", bound=Callable[..., Any])

SPECS = Path("slos")
RULES = Path("rules")


class _DurationType(click.ParamType[Duration]):
    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Duration:
        if isinstance(value, Duration):
            return value
        try:
            return Duration.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _pairs(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, str] | None:
    pairs = [value.partition("=") for value in values]
    if not all(key and equals for key, equals, _ in pairs):
        raise click.BadParameter("write it as key=value")
    return {key: value for key, _, value in pairs} or None


_OPTIONS = (
    click.argument("specs", nargs=-1, type=click.Path(path_type=Path), metavar="[SPEC or DIR]..."),
    click.option(
        "-o",
        "--out",
        default=str(RULES),
        metavar="DIR|FILE|-",
        help="Where to: a folder, one .yaml file, or - for the terminal.  [default: rules]",
    ),
    click.option(
        "--format",
        "format_",
        type=click.Choice(sorted(formats())),
        help="Only this format, straight into DIR; without it every format has a folder in DIR.",
    ),
    click.option(
        "--profile",
        type=click.Choice(sorted(profiles())),
        default="exact",
        show_default=True,
        help="How budgets are computed.",
    ),
    click.option("--lenient", is_flag=True, help="Pass over unknown keys, as Sloth does."),
    click.option(
        "--default-slo-period",
        type=_DurationType(),
        default=Defaults().period,
        show_default="30d",
        help="The period of SLOs that name none.",
    ),
    click.option(
        "--scrape-interval",
        type=_DurationType(),
        default=Defaults().scrape_interval,
        show_default="30s",
        help="How often metrics are scraped, where the spec does not say.",
    ),
    click.option(
        "--namespace",
        default=OutputSettings().namespace,
        show_default=True,
        help="Namespace of Kubernetes objects.",
    ),
    click.option(
        "--object-label",
        "object_labels",
        multiple=True,
        callback=_pairs,
        metavar="KEY=VALUE",
        help="Label of Kubernetes objects, instead of those of kube-prometheus-stack. Repeatable.",
    ),
)


def spec_options(command: Command) -> Command:
    """Add the options that say which specs are read and how they are built."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def settings_of(options: dict[str, Any]) -> Settings:
    """The settings of a run from the parsed options."""
    output = OutputSettings(namespace=options["namespace"])
    if options["object_labels"]:
        output = OutputSettings(options["namespace"], options["object_labels"])
    return Settings(
        profile=options["profile"],
        lenient=options["lenient"],
        defaults=Defaults(options["default_slo_period"], options["scrape_interval"]),
        output=output,
    )


def is_file(out: str) -> bool:
    """Whether `--out` names one file rather than a folder."""
    try:
        return Path(out).suffix.lower() in {".yaml", ".yml"} and not Path(out).is_dir()
    except OSError:  # a name no file can have: writing it will say so
        return True
