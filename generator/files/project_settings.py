"""Project settings: options that the file `slo-rules.yaml` keeps for every command."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from generator.alerting.hours import parse_office_hours
from generator.model import Engine
from generator.outputs import OutputSettings, ReceiverName, load_formats
from generator.outputs.alertmanager.receivers import IN_CONFIG, IN_OBJECT
from generator.profiles import load_profiles
from generator.text import kubernetes
from slos.schema.fields import (
    AlertText,
    DelayField,
    DurationField,
    Labels,
    Options,
    PeriodField,
    ScrapeField,
    SettingName,
    SpecModel,
    check_unique,
)
from slos.schema.golang import Re2Error, Re2Pattern
from slos.schema.problem import Position, Problem
from slos.schema.units import Duration
from slos.schema.yaml.document import Document, Location, read_documents
from slos.schema.yaml.validation import format_location, validate_document

DEFAULT_INPUT = "slos"
"""Folder of the specs, below that of the settings or the working directory."""
DEFAULT_OUTPUT = "rules"
"""Output folder, below the same folder."""
FILE_NAME = "slo-rules.yaml"
"""Name of the file; it is searched from the working directory upwards."""


def _check_member(kind: str, list_known: Callable[[], Iterable[str]]) -> AfterValidator:
    def check(value: str) -> str:
        known = list(list_known())
        if value not in known:
            raise ValueError(f"{value!r} is not a {kind}; known: {', '.join(sorted(known))}")
        return value

    return AfterValidator(check)


def _check_pattern(value: str) -> str:
    try:
        Re2Pattern(value)
    except Re2Error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from error
    return value


def _check_hours(value: str) -> str:
    parse_office_hours(value)
    return value


def _check_integration(value: str) -> str:
    if not value.endswith((IN_CONFIG, IN_OBJECT)):
        raise ValueError(
            f"{value!r} is not a list of integrations; write it like pagerduty_configs, or "
            "pagerdutyConfigs for the AlertmanagerConfig"
        )
    return value


IntegrationName = Annotated[str, AfterValidator(_check_integration)]
FormatName = Annotated[str, _check_member("format", load_formats)]
Pattern = Annotated[str, AfterValidator(_check_pattern)]
Namespace = Annotated[str, AfterValidator(kubernetes.check_namespace)]
ObjectLabels = Annotated[Options, AfterValidator(kubernetes.check_labels)]


class FormatSettings(SpecModel):
    """Output format with settings of its own."""

    name: FormatName = Field(description="Name of the format.")
    namespace: Namespace | None = Field(None, description="Namespace of its Kubernetes objects.")
    object_labels: ObjectLabels | None = Field(
        None, description="Labels of its Kubernetes objects."
    )
    engine: Engine | None = Field(None, description="Engine that evaluates its rules.")


def _read_format(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Format settings of a name alone."""
    return {"name": value} if isinstance(value, str) else value


class ProjectSettings(SpecModel):
    """Settings of a project; a key has the meaning of the option of the same name."""

    inputs: list[str] = Field([], description="Spec files and folders of them. Default: slos.")
    include: Pattern | None = Field(
        None, description="In folders, read only files with a matching path."
    )
    exclude: Pattern | None = Field(
        None, description="In folders, skip files with a matching path."
    )
    lenient: bool | None = Field(None, description="Ignore unknown keys in specs.")
    plugins: list[str] = Field([], description="Folders of SLI plugins.")
    windows: str | None = Field(None, description="Folder of AlertWindows files of Sloth.")
    out: str | None = Field(None, description="Output folder or file. Default: rules.")
    formats: list[
        Annotated[
            FormatSettings,
            BeforeValidator(_read_format, json_schema_input_type=FormatName | FormatSettings),
        ]
    ] = Field(
        [],
        description="Output formats, by name or with settings of their own. One format is written "
        "into the output folder itself, several each into a folder of its own.",
    )
    profile: Annotated[str, _check_member("profile", load_profiles)] | None = Field(
        None, description="Profile of the rules."
    )
    namespace: Namespace | None = Field(None, description="Namespace of Kubernetes objects.")
    object_labels: ObjectLabels | None = Field(None, description="Labels of Kubernetes objects.")
    labels: Labels | None = Field(None, description="Labels of recorded series.")
    period: PeriodField | None = Field(None, description="Period of SLOs without a period.")
    scrape_interval: ScrapeField | None = Field(
        None, description="Scrape interval of specs without one."
    )
    delay: DelayField | None = Field(None, description="Time by which samples arrive late.")
    annotation_queries: bool | None = Field(None, description="Allow queries in annotations.")
    prometheus_version: Literal[2, 3] | None = Field(
        None, description="Oldest major version of Prometheus that runs the rules."
    )
    retention: DurationField | None = Field(None, description="Retention of Prometheus, for check.")
    strict: bool | None = Field(None, description="Make warnings fail check.")
    runbook_url_prefix: AlertText | None = Field(
        None, description="Prefix of runbook links, for specs without one."
    )
    dashboard_url: AlertText | None = Field(
        None, description="URL of the dashboard, for specs without one."
    )
    office_hours: Annotated[str, AfterValidator(_check_hours)] | None = Field(
        None, description="Hours in which notifications for tickets are sent, or `always`."
    )
    receivers: dict[ReceiverName, dict[IntegrationName, list[dict[str, Any]]]] = Field(
        {},
        description="Integrations of the receivers: keys such as `pagerduty_configs`, as in the "
        "configuration of Alertmanager, for `alertmanager.yml`; keys such as `pagerdutyConfigs`, "
        "as in an AlertmanagerConfig, for `alertmanagerconfig.yaml`.",
    )
    remediation_receiver: list[Pattern] = Field(
        [],
        description="Patterns of the name or URL of receivers that act on alerts, for doctor.",
    )
    on_call_receiver: list[Pattern] = Field(
        [],
        description="Patterns of the name or URL of webhook receivers that notify people, for "
        "doctor.",
    )
    setters: dict[SettingName, str] = Field(
        {},
        description="Values that `slo-rules set` writes into lines marked with "
        "`# kpt-set: ${name}`.",
    )
    prometheus: str | None = Field(
        None,
        description="URL of the Prometheus, for backtest, doctor, report, serve, status and "
        "suggest.",
    )
    alertmanager: str | None = Field(None, description="URL of its Alertmanager, for doctor.")


_OPTION_NAMES = {
    "include": "fs_include",
    "exclude": "fs_exclude",
    "windows": "windows_path",
    "labels": "extra_labels",
    "period": "default_slo_period",
    "formats": "format_",
    "remediation_receiver": "remediation",
    "on_call_receiver": "on_call",
    "prometheus": "prometheus_url",
    "alertmanager": "alertmanager_url",
}
"""Keys whose option has a parameter of another name."""
# Keys without an option.
_NOT_OPTIONS = ("inputs", "receivers", "setters")
_PATHS = ("inputs", "plugins", "windows", "out")


@dataclass(frozen=True, slots=True)
class Project:
    """Project settings as read from a file.

    Attributes:
        path: path of the file; None where there is none.
        settings: the settings.
        positions: positions of the keys in the file.
    """

    path: Path | None = None
    settings: ProjectSettings = field(default_factory=ProjectSettings.model_construct)
    positions: Mapping[str, Position] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Spec files and folders; without a file, or if it names none, the default folder."""
        return tuple(Path(self._resolve(each)) for each in self.settings.inputs or (DEFAULT_INPUT,))

    @property
    def out(self) -> str:
        """Output folder or file; the default folder if the file names none."""
        return self._resolve(self.settings.out or DEFAULT_OUTPUT)

    @property
    def setters(self) -> Mapping[str, str]:
        """Values of setters by name; `namespace` is that of the Kubernetes objects."""
        namespace = self.settings.namespace or OutputSettings().namespace
        return {"namespace": namespace, **self.settings.setters}

    @property
    def formats(self) -> Mapping[str, FormatSettings]:
        """Formats by name, with their own settings."""
        return {each.name: each for each in self.settings.formats}

    def list_option_values(self) -> dict[str, Any]:
        """Values by the name of the parameter, as they would be given on the command line."""
        return dict(self._list_values())

    def find_position(self, parameter: str) -> Position | None:
        """Find the position of the key that sets a parameter."""
        return next(
            (
                position
                for key, position in self.positions.items()
                if parameter in (key, _OPTION_NAMES.get(key))
            ),
            None,
        )

    def _list_values(self) -> Iterator[tuple[str, Any]]:
        for key in self.positions:
            value = getattr(self.settings, key)
            if value is None or key in _NOT_OPTIONS:
                continue
            if key in _PATHS:
                is_list = isinstance(value, list)
                value = [*map(self._resolve, value)] if is_list else self._resolve(value)
            elif key == "formats":
                value = [each.name for each in value]
            elif isinstance(value, dict):
                value = [f"{name}={text}" for name, text in value.items()]
            elif isinstance(value, Duration | int) and not isinstance(value, bool):
                value = str(value)
            yield _OPTION_NAMES.get(key, key), value

    def _resolve(self, path: str) -> str:
        """Path relative to the folder of the file, as seen from the working directory."""
        folder = self.path.parent if self.path else Path()
        return str(folder / path)


def find_project_file(folder: Path) -> Path | None:
    """Find the file in a folder or above it, as a path relative to the folder.

    The search ends at the top of the git repository. Without a repository only the folder itself is
    searched: a file of somebody else further up could name plugins, which are run.
    """
    top = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), folder)
    relative = Path()
    for each in (folder, *folder.parents):
        if (each / FILE_NAME).is_file():
            return relative / FILE_NAME
        if each == top:
            return None
        relative /= ".."
    return None


def read_project(path: Path) -> tuple[Project, list[Problem]]:
    """Read project settings; the problems are all of the file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        return Project(), [Problem(Position(str(path)), message, "check the path")]
    documents, problems = read_documents(data, str(path))
    if problems or not documents:
        return Project(path), problems
    if len(documents) > 1:
        message = "a settings file has one document"
        position = documents[1].find_position()
        return Project(), [Problem(position, message, "remove the others")]
    (document,) = documents
    settings, problems = validate_document(document, ProjectSettings)
    if settings is None:
        return Project(), problems
    problems = [
        *_find_repeated_formats(document, settings),
        *_find_missing_folders(document, settings, path.parent),
    ]
    positions = {key: document.find_position((key,)) for key in document.value}
    return Project(path, settings, positions), problems


def _find_repeated_formats(document: Document, settings: ProjectSettings) -> Iterator[Problem]:
    found = [each.name for each in settings.formats]
    try:
        check_unique(found)
    except ValueError as error:
        message, _, hint = str(error).partition("; ")
        yield Problem(document.find_position(("formats",)), message, hint)


def _find_missing_folders(
    document: Document, settings: ProjectSettings, folder: Path
) -> Iterator[Problem]:
    """Find folders that do not exist."""
    places: list[tuple[Location, str]] = [
        (("plugins", index), each) for index, each in enumerate(settings.plugins)
    ]
    places += [(("windows",), settings.windows)] if settings.windows else []
    for location, each in places:
        if not (folder / each).is_dir():
            message = f"{format_location(location)}: there is no folder {each}"
            hint = "paths are relative to the settings file"
            yield Problem(document.find_position(location), message, hint)
