"""Command-line options that commands share, and the settings parsed from them.

Options that Sloth has too keep its names and meaning, so that a pipeline changes one word.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from generator.build import DEFAULT_FORMAT, ReadSettings
from generator.commands import _values
from generator.files.sources import STDOUT, FileFilter, is_folder
from generator.model import Engine
from generator.outputs import OutputSettings, load_formats
from generator.pipeline import BuildSettings
from generator.profiles import load_profiles
from generator.settings import RunSettings
from slos.schema.compatibility import OLDEST_VERSION, UTF8_VERSION
from slos.schema.fields import DELAY_LIMIT, PERIOD_LIMIT, SCRAPE_LIMIT

Command = TypeVar("Command", bound=Callable[..., Any])

_SPECS, _RULES = Path("slos"), "rules"
_RUNBOOKS = "runbooks"


@dataclass(frozen=True, slots=True)
class Request:
    """Parsed options of a build.

    Attributes:
        inputs: spec files and folders of them.
        out: a folder, a file, or `-` for stdout.
        to_file: whether `out` is one file rather than a folder.
        format_: the only format to build; None for the formats of the profile.
        settings: settings of planning and rendering.
        read_settings: settings of reading.
    """

    inputs: tuple[Path, ...]
    out: str
    to_file: bool
    format_: str | None
    settings: BuildSettings
    read_settings: ReadSettings

    @property
    def writes_runbooks(self) -> bool:
        """Tell whether a build with these options writes a runbook page for each alert."""
        writes_folder = not self.to_file and self.out != STDOUT
        return writes_folder and self.format_ in (None, _RUNBOOKS)


spec_argument = click.argument(
    "specs", nargs=-1, type=click.Path(path_type=Path), metavar="[SPEC or DIR]..."
)
prometheus_version_option = click.option(
    "--prometheus-version",
    type=click.Choice([str(OLDEST_VERSION), str(UTF8_VERSION)]),
    default=str(OLDEST_VERSION),
    show_default=True,
    help="Oldest major version of Prometheus that runs the rules. With 3, names of metrics and "
    'labels may be quoted UTF-8, {"http.requests"}.',
)
# Options of reading specs.
_READ_OPTIONS = (
    click.option(
        "-i",
        "--input",
        "input_",
        type=click.Path(path_type=Path),
        metavar="SPEC|DIR",
        help="Same as the argument. - is standard input.",
    ),
    click.option("--lenient", is_flag=True, help="Ignore unknown keys, as Sloth does."),
    click.option(
        "-n",
        "--fs-include",
        type=_values.PatternType(),
        help="In folders, read only files with a matching path.",
    ),
    click.option(
        "-e",
        "--fs-exclude",
        type=_values.PatternType(),
        help="In folders, skip files with a matching path; overrides --fs-include.",
    ),
    click.option(
        "-l",
        "--extra-labels",
        multiple=True,
        callback=_values.parse_labels,
        metavar="KEY=VALUE",
        help="Label of recorded series; overrides labels of the specs. In the exact profile, other "
        "labels start new series. Repeatable.",
    ),
    click.option(
        "--slo-period-windows-path",
        "windows_path",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="DIR",
        help="Folder of AlertWindows files of Sloth. In the sloth profile they replace the "
        "built-in windows.",
    ),
    click.option(
        "--default-slo-period",
        type=_values.DurationType(PERIOD_LIMIT),
        default=RunSettings().period,
        show_default=True,
        help="Period of SLOs without a period.",
    ),
    click.option(
        "-p",
        "--plugins",
        "--plugins-path",
        "plugins",
        multiple=True,
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="DIR",
        help="SLI plugins: Python files with SLI_PLUGIN_ID and sli_plugin(meta, labels, options). "
        "Repeatable.",
    ),
    click.option(
        "--scrape-interval",
        type=_values.DurationType(SCRAPE_LIMIT),
        default=RunSettings().scrape_interval,
        show_default=True,
        help="Scrape interval of specs without scrape_interval.",
    ),
    click.option(
        "--delay",
        type=_values.DurationType(DELAY_LIMIT, may_be_zero=True),
        default=RunSettings().delay,
        show_default=True,
        help="Time by which samples arrive late, for specs without delay.",
    ),
    click.option(
        "--annotation-queries/--no-annotation-queries",
        default=RunSettings().annotation_queries,
        show_default=True,
        help="Allow queries in annotations; the time to exhaustion needs one.",
    ),
    click.option(
        "--inventory",
        "inventory",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        callback=_values.read_inventory,
        metavar="FILE",
        help="Output of slo-probe inventory. SLOs, alerts and recordings are left out whose series "
        "this prober never exports.",
    ),
    prometheus_version_option,
)
# Options of building.
_BUILD_OPTIONS = (
    click.option(
        "-o",
        "--out",
        metavar="DIR|FILE|-",
        help="Output: a folder, one .yaml file, or - for stdout.  "
        "[default: rules; - in the sloth profile]",
    ),
    click.option(
        "--format",
        "format_",
        type=click.Choice(sorted(load_formats())),
        help="Write only this format, into DIR itself. Without it each default format has its own "
        "folder in DIR. In the sloth profile the default is the format of the spec.",
    ),
    click.option(
        "--engine",
        type=click.Choice([engine.value for engine in Engine]),
        help="Engine that evaluates the rules.  [default: that of the format]",
    ),
    click.option(
        "--profile",
        type=click.Choice(sorted(load_profiles())),
        default="exact",
        show_default=True,
        help="Profile of the rules: exact, or the rules of Sloth.",
    ),
    click.option("--disable-recordings", is_flag=True, help="Omit recording rules."),
    click.option("--disable-alerts", is_flag=True, help="Omit alerting rules."),
    click.option(
        "-s",
        "--slo-plugins",
        multiple=True,
        callback=_values.parse_plugin_uses,
        metavar="JSON",
        help='Sloth profile: SLO plugin for every SLO, {"id": ..., "config": {...}}. Repeatable.',
    ),
    click.option(
        "--namespace",
        default=OutputSettings().namespace,
        show_default=True,
        callback=_values.check_namespace,
        help="Namespace of Kubernetes objects.",
    ),
    click.option(
        "--object-label",
        "object_labels",
        multiple=True,
        callback=_values.parse_object_labels,
        metavar="KEY=VALUE",
        help="Label of all Kubernetes objects, instead of those of kube-prometheus-stack. "
        "Repeatable.",
    ),
    click.option(
        "--office-hours",
        type=_values.HoursType(),
        default=_values.OFFICE_HOURS,
        show_default=True,
        help="Hours in which Alertmanager sends notifications for tickets, or `always`.",
    ),
)


def add_spec_options(command: Command) -> Command:
    """Add the options of reading specs and building from them to a command."""
    for option in reversed((spec_argument, *_READ_OPTIONS, *_BUILD_OPTIONS)):
        command = option(command)
    return command


def add_read_options(command: Command) -> Command:
    """Add the options of reading specs to a command that builds nothing."""
    for option in reversed(_READ_OPTIONS):
        command = option(command)
    return command


def parse_request(options: dict[str, Any]) -> Request:
    """Request of the options.

    Raises:
        click.UsageError: for a format of many files with a file or stdout as output, or an engine
            with a format or profile that does not depend on it.
    """
    as_written = load_profiles()[options["profile"]].AS_WRITTEN
    inputs = parse_inputs(options)
    out = options["out"] or (STDOUT if as_written else _RULES)
    # Sloth writes a file for a file and a folder for a folder; the name does not matter.
    is_yaml = Path(out).suffix.lower() in {".yaml", ".yml"}
    to_file = not any(map(is_folder, inputs)) if as_written else is_yaml
    to_file = to_file and not is_folder(Path(out))
    format_ = options["format_"]
    if format_ and not load_formats()[format_].ONE_FILE and (to_file or out == STDOUT):
        raise click.UsageError(f"--format {format_} writes several files; set --out to a folder")
    one_of = format_ or (DEFAULT_FORMAT if to_file or out == STDOUT else None)
    if as_written and options["engine"]:
        raise click.UsageError(
            f"--engine does not apply to --profile {options['profile']}, whose rules are the same "
            "for every engine; remove one of the options"
        )
    settings = _parse_build_settings(options, _choose_engine(options["engine"], one_of))
    return Request(
        inputs=inputs,
        out=out,
        to_file=to_file,
        format_=format_,
        settings=settings,
        read_settings=parse_read_settings(options),
    )


def parse_inputs(options: dict[str, Any]) -> tuple[Path, ...]:
    """Spec files and folders of the options, or the default folder."""
    argument = "the path of a spec or folder" if "specs" in options else "--input"
    specs = (*options.get("specs", ()), *filter(None, [options["input_"]]))
    return choose_inputs(specs, argument)


def choose_inputs(
    specs: tuple[Path, ...], argument: str = "the path of a spec or folder"
) -> tuple[Path, ...]:
    """Spec files and folders of the command line, or the default folder.

    Raises:
        click.UsageError: there is no default folder.
    """
    if not specs and not _SPECS.exists():
        raise click.UsageError(f"there is no folder {_SPECS}/; add {argument}")
    return specs or (_SPECS,)


def parse_read_settings(options: dict[str, Any]) -> ReadSettings:
    """Settings of reading, from the options."""
    file_filter = FileFilter(options["fs_include"], options["fs_exclude"])
    return ReadSettings(file_filter, options["windows_path"], options["plugins"])


def parse_spec_settings(
    options: dict[str, Any], engine: Engine = Engine.PROMETHEUS
) -> BuildSettings:
    """Settings of reading and resolving specs, from the options."""
    return BuildSettings(
        lenient=options["lenient"],
        prometheus_version=int(options["prometheus_version"]),
        inventory=options["inventory"],
        run_settings=_parse_run_settings(options, engine),
    )


def _parse_run_settings(options: dict[str, Any], engine: Engine) -> RunSettings:
    return RunSettings(
        period=options["default_slo_period"],
        scrape_interval=options["scrape_interval"],
        delay=options["delay"],
        engine=engine,
        annotation_queries=options["annotation_queries"],
        extra_labels=options["extra_labels"],
        slo_plugins=options.get("slo_plugins", ()),
    )


def _choose_engine(name: str | None, format_: str | None) -> Engine:
    """Engine of the option, or that of the only format."""
    engines = {each: module.ENGINE for each, module in load_formats().items() if module.ENGINE}
    if not name:
        return engines.get(format_ or "", Engine.PROMETHEUS)
    if format_ not in engines:
        formats = ", ".join(sorted(engines))
        raise click.UsageError(
            f"--engine applies to a format of rules; add --format with one of {formats}"
        )
    return Engine(name)


def _parse_build_settings(options: dict[str, Any], engine: Engine) -> BuildSettings:
    return replace(
        parse_spec_settings(options, engine),
        profile=options["profile"],
        recordings=not options["disable_recordings"],
        alerts=not options["disable_alerts"],
        output=OutputSettings(
            options["namespace"], options["object_labels"] or None, options["office_hours"]
        ),
    )
