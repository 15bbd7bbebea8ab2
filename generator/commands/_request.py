"""Request of a build, parsed from the options of the command line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from generator import build
from generator.build import DEFAULT_FORMAT, FormatRequest, ReadSettings, find_missing_folder
from generator.commands._project import get_project
from generator.files.project_settings import FormatSettings
from generator.files.sources import STDOUT, FileFilter, is_folder
from generator.model import Artifact, Engine
from generator.outputs import OutputSettings, load_formats
from generator.pipeline import BuildPlan, BuildSettings
from generator.profiles import load_profiles
from generator.settings import RunSettings
from slos.schema.extras import describe_missing, is_missing

_RUNBOOKS = "runbooks"
_LINKS = ("runbook_url_prefix", "dashboard_url")


@dataclass(frozen=True, slots=True)
class Request:
    """Parsed options of a build.

    Attributes:
        inputs: spec files and folders of them.
        out: a folder, a file, or `-` for stdout.
        to_file: whether `out` is one file rather than a folder.
        formats: the formats to build; none for those of the profile.
        settings: settings of planning and rendering.
        read_settings: settings of reading.
    """

    inputs: tuple[Path, ...]
    out: str
    to_file: bool
    formats: tuple[FormatRequest, ...]
    settings: BuildSettings
    read_settings: ReadSettings

    def render_file(self, build_plan: BuildPlan) -> Artifact:
        """Render a plan into one file."""
        return build.render_file_artifact(build_plan, self.formats, self.settings, self.out)

    def render_folder(
        self, build_plan: BuildPlan, *, compared: Path | None = None
    ) -> Iterator[Artifact]:
        """Render a plan into the files of a folder, which may be compared with them."""
        return build.render_folder_artifacts(
            build_plan, self.formats, self.settings, compared=compared
        )

    @property
    def writes_runbooks(self) -> bool:
        """Tell whether a build with these options writes a runbook page for each alert."""
        writes_folder = not self.to_file and self.out != STDOUT
        names = {each.name for each in self.formats}
        return writes_folder and (not names or _RUNBOOKS in names)


def parse_request(options: dict[str, Any]) -> Request:
    """Request of the options.

    Raises:
        click.UsageError: for a format of many files with a file or stdout as output, or an engine
            with a format or profile that does not depend on it.
    """
    as_written = load_profiles()[options["profile"]].AS_WRITTEN
    inputs = parse_inputs(options)
    out = options["out"] or (STDOUT if as_written else get_project().out)
    # Sloth writes a file for a file and a folder for a folder; the name does not matter.
    is_yaml = Path(out).suffix.lower() in {".yaml", ".yml"}
    to_file = not any(map(is_folder, inputs)) if as_written else is_yaml
    to_file = to_file and not is_folder(Path(out))
    formats = tuple(dict.fromkeys(options["format_"]))
    in_one_file = to_file or out == STDOUT
    if (in_one_file or as_written) and not _is_on_command_line("format_"):
        formats = ()  # those of the project are for its output folder
    if in_one_file and len(formats) > 1:
        raise click.UsageError("several formats are several files; set --out to a folder")
    if in_one_file and formats and not load_formats()[formats[0]].ONE_FILE:
        raise click.UsageError(f"--format {formats[0]} writes several files; set --out to a folder")
    if as_written and options["engine"]:
        raise click.UsageError(
            f"--engine does not apply to --profile {options['profile']}, whose rules are the same "
            "for every engine; remove one of the options"
        )
    engine_formats = formats or ((DEFAULT_FORMAT,) if in_one_file else ())
    settings = _parse_build_settings(options, _choose_engine(options["engine"], engine_formats))
    return Request(
        inputs=inputs,
        out=out,
        to_file=to_file,
        formats=tuple(_request_format(name, options, settings) for name in formats),
        settings=settings,
        read_settings=parse_read_settings(options),
    )


def _request_format(name: str, options: dict[str, Any], settings: BuildSettings) -> FormatRequest:
    """Format with its settings in the project file, where no option overrides them."""
    own = get_project().formats.get(name, FormatSettings(name=name))
    output = settings.output
    if own.namespace is not None and not _is_on_command_line("namespace"):
        output = replace(output, namespace=own.namespace)
    if own.object_labels is not None and not _is_on_command_line("object_labels"):
        output = replace(output, object_labels=own.object_labels or None)
    engine = options["engine"] or own.engine or load_formats()[name].ENGINE
    engine = Engine(engine) if engine else settings.run_settings.engine
    return FormatRequest(
        name,
        replace(
            settings, output=output, run_settings=replace(settings.run_settings, engine=engine)
        ),
    )


def _is_on_command_line(parameter: str) -> bool:
    source = click.get_current_context().get_parameter_source(parameter)
    return source is ParameterSource.COMMANDLINE


def check_extras(request: Request) -> None:
    """Refuse a format whose extra is not installed, if it is named or has a folder already.

    Raises:
        click.UsageError: names the extra to install.
    """
    names = [each.name for each in request.formats]
    for name in filter(is_missing, names):
        raise click.UsageError(describe_missing(f"--format {name}", name))
    if names or load_profiles()[request.settings.profile].AS_WRITTEN:
        return
    folder = find_missing_folder(Path(request.out))
    if folder:
        hint = "or remove the folder to build without this format"
        raise click.UsageError(f"{describe_missing(str(folder), folder.name)}, {hint}")


def parse_inputs(options: dict[str, Any]) -> tuple[Path, ...]:
    """Spec files and folders of the options, or the default folder."""
    argument = "the path of a spec or folder" if "specs" in options else "--input"
    specs = (*options.get("specs", ()), *filter(None, [options["input_"]]))
    return choose_inputs(specs, argument)


def choose_inputs(
    specs: tuple[Path, ...], argument: str = "the path of a spec or folder"
) -> tuple[Path, ...]:
    """Spec files and folders of the command line, of the project, or the default folder.

    Raises:
        click.UsageError: there is no default folder.
    """
    project = get_project()
    if not specs and not project.settings.inputs and not project.inputs[0].exists():
        raise click.UsageError(f"there is no folder {project.inputs[0]}/; add {argument}")
    return specs or project.inputs


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
        links={key: options[key] for key in _LINKS if options[key]},
        slo_plugins=options.get("slo_plugins", ()),
    )


def _choose_engine(name: str | None, formats: Sequence[str]) -> Engine:
    """Engine of the option, or that of the first format with rules."""
    engines = {each: module.ENGINE for each, module in load_formats().items() if module.ENGINE}
    of_formats = [engines[each] for each in formats if each in engines]
    if not name:
        return of_formats[0] if of_formats else Engine.PROMETHEUS
    if not of_formats:
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
            options["namespace"],
            options["object_labels"] or None,
            options["office_hours"],
            get_project().settings.receivers,
        ),
    )
