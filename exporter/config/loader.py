"""Loader of the configuration: reads the files, validates them and checks them together."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pydantic import BaseModel

from exporter.config.model import Config
from exporter.config.scenarios import ScenarioEnvironment, find_scenario_problems
from exporter.config.web import WebConfig, read_web_config
from exporter.config.yaml_file import read_document, read_file
from exporter.fields import Section
from exporter.httpclient.auth import check_connection_files
from exporter.model.deadlines import AlertProbeSettings
from exporter.observers import load_remote_modules
from exporter.paths import PathSettings, load_path_modules
from exporter.plugins import describe_error
from exporter.probes import load_probe_modules
from exporter.schedule.timetable import Schedule
from slos.schema.accepted import AcceptedCriterion
from slos.schema.contract import Stage, StageSource
from slos.schema.loader import ProbeTargets, parse_probe_targets
from slos.schema.problem import Position, Problem, filter_errors
from slos.schema.units import Duration
from slos.schema.yaml.document import Document, Location
from slos.schema.yaml.validation import validate_document

if TYPE_CHECKING:
    from exporter.httpclient.settings import HttpClientSettings

_RESTART_KEYS = ("canary", "web.listen", "journal", "lease")
Change = tuple[tuple[str, ...], str, str]
"""Place in the configuration, message and hint."""

_Findings = Iterable[tuple[str, str, str]]


def find_changes(current: object, previous: object) -> Iterator[Change]:
    """Find settings that may not differ between two configurations."""
    for key in _RESTART_KEYS:
        place = tuple(key.split("."))
        if reduce(getattr, place, current) != reduce(getattr, place, previous):
            hint = "restart the prober or revert the change"
            yield place, f"{key} cannot be changed by a reload", hint


def find_tls_switch(current: WebConfig, previous: WebConfig) -> Iterator[Change]:
    """Find a change between TLS and plain HTTP.

    Unnoticed, clients would send passwords in the clear.
    """
    if (current.tls is None) != (previous.tls is None):
        text = f"TLS cannot be switched {'off' if current.tls is None else 'on'} by a reload"
        yield ("web", "config_file"), text, "restart the prober or revert the change"


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A valid configuration, with everything that it refers to."""

    file: Path
    config: Config
    targets: Mapping[Stage, Duration]
    accepted: tuple[AcceptedCriterion, ...]
    web: WebConfig

    @property
    def probes(self) -> dict[str, Schedule]:
        """Settings of every probe that runs."""
        return cast("dict[str, Schedule]", _list_set_sections(self.config.probes))

    @property
    def paths(self) -> dict[str, PathSettings]:
        """Settings of every delivery path that is configured or has no settings."""
        without_settings = {
            path: module.Settings()
            for path, module in load_path_modules().items()
            if not module.Settings.model_fields
        }
        configured = cast("dict[str, PathSettings]", _list_set_sections(self.config.paths))
        return {**without_settings, **configured}

    @property
    def observers(self) -> dict[str, Section]:
        """Settings of every remote observer in use."""
        return _list_set_sections(self.config.observers)

    @property
    def folder(self) -> Path:
        """Folder that relative file names start from."""
        return self.file.parent

    @property
    def journal_path(self) -> Path:
        """File of the journal."""
        return self.folder / self.config.journal.path

    @property
    def files(self) -> list[Path]:
        """Files whose content changes the configuration."""
        specs = [self.folder / spec for spec in self.config.specs]
        return [self.file, *specs, *self.web.files]


def load_config(
    path: Path, *, previous: LoadedConfig | None = None
) -> tuple[LoadedConfig | None, list[Problem]]:
    """Load a configuration and its specs; it is returned only when nothing is wrong.

    Args:
        path: file of the configuration.
        previous: the configuration in use, when this one is to replace it.
    """
    document, config, problems = _read_config(path)
    if document is None or config is None:
        return None, problems
    targets, found = _read_specs(config, document, path)
    web, web_problems = _read_web(config, document, path)
    loaded = LoadedConfig(path, config, targets.stages, targets.accepted, web)
    problems += [
        *found,
        *web_problems,
        *_check_files(loaded, document),
        *_check_restart_only(loaded, document, previous),
    ]
    if not filter_errors(problems):
        problems += [*_check_probes(loaded, document), *_check_scenarios(loaded, document)]
    return (None if filter_errors(problems) else loaded), problems


def load_sections(path: Path) -> tuple[LoadedConfig | None, list[Problem]]:
    """Load the sections of a configuration without the files that it refers to.

    These may be in a container image. Every stage counts as one with a target.
    """
    _, config, problems = _read_config(path)
    if config is None:
        return None, problems
    targets = dict.fromkeys(Stage, Duration.from_parts(seconds=1))
    return LoadedConfig(path, config, targets, (), WebConfig()), problems


def _read_config(path: Path) -> tuple[Document | None, Config | None, list[Problem]]:
    document, problems = read_document(path)
    if document is None:
        empty = Problem(Position(str(path)), "this file is empty", "start with 'target:'")
        return None, None, problems or [empty]
    config, found = validate_document(document, Config)
    return document, config, [*problems, *found]


def _list_set_sections(section: BaseModel) -> dict[str, Section]:
    return {
        name: value
        for name in sorted(section.model_fields_set)
        if (value := getattr(section, name)) is not None
    }


def _read_web(config: Config, document: Document, path: Path) -> tuple[WebConfig, list[Problem]]:
    web: WebConfig | None = None
    problems: list[Problem] = []
    if config.web.config_file is not None:
        at = document.find_position(("web", "config_file"))
        web, problems = read_web_config(path.parent / config.web.config_file, position=at)
    settings = config.web
    return replace(
        web or WebConfig(),
        hosts=tuple(settings.hosts),
        health_without_login=settings.health_without_login,
        links=settings.links,
    ), problems


def _read_specs(
    config: Config, document: Document, path: Path
) -> tuple[ProbeTargets, list[Problem]]:
    """Read the targets and the accepted criteria of all specs."""
    files: list[tuple[bytes, str]] = []
    problems: list[Problem] = []
    for index, spec in enumerate(config.specs):
        file = path.parent / spec
        data, found = read_file(file, at=document.find_position(("specs", index)))
        problems += found
        if not found:
            files.append((data, str(file)))
    targets, found = parse_probe_targets(files, now=time.time())
    return targets, problems + found


def _check_probes(loaded: LoadedConfig, document: Document) -> Iterable[Problem]:
    """Check probe settings against the targets and the paths."""
    for name, settings in loaded.probes.items():
        place = document.find_position(("probes", name))
        try:
            found = list(settings.find_problems(loaded.targets))
            paths = {route for _, route in load_probe_modules()[name].list_label_pairs(settings)}
        except Exception as error:  # noqa: BLE001 - a plug-in may come from another distribution
            yield Problem(
                place, f"probes.{name} failed: {describe_error(error)}", "fix the plug-in"
            )
            continue
        yield from _to_problems(document, ("probes", name), found)
        for path in sorted(paths - set(loaded.paths)):
            message = f"probes.{name} uses the path {path}, which has no section under paths"
            yield Problem(place, message, f"add paths: {{{path}: {{url: ...}}}}")
        if isinstance(settings, AlertProbeSettings):
            found = [
                problem
                for path in sorted(paths & set(loaded.paths))
                for problem in _find_path_problems(settings, path, loaded)
            ]
            yield from _to_problems(document, ("probes", name), found)


def _find_path_problems(settings: AlertProbeSettings, path: str, loaded: LoadedConfig) -> _Findings:
    """Find settings of a probe that do not fit a path."""
    section = loaded.paths[path]
    found = section.find_deadline_problems(settings.resolve_settings(path), loaded.targets)
    for key, message, hint in found:
        yield settings.name_setting(path, key), message, hint
    end_problem = section.find_end_problem() if settings.SENDS_END else None
    if end_problem:
        yield ("path", *end_problem)


def _check_scenarios(loaded: LoadedConfig, document: Document) -> Iterable[Problem]:
    """Check scenarios against the rest of the configuration."""
    linear, prometheus = (
        loaded.observers.get(StageSource.LINEAR),
        loaded.config.prometheus is not None,
    )
    keep = loaded.config.journal.keep_runs
    environment = ScenarioEnvironment(loaded.targets, linear, prometheus, keep)
    return find_scenario_problems(loaded.config.scenarios, environment, document)


def _check_files(loaded: LoadedConfig, document: Document) -> Iterable[Problem]:
    """Check that the files of secrets and certificates are usable."""
    sources: list[tuple[Location, HttpClientSettings]] = [(("target",), loaded.config.target)]
    if loaded.config.prometheus:
        sources.append((("prometheus",), loaded.config.prometheus))
    for path, settings in sources:
        yield from _to_problems(document, path, check_connection_files(settings, loaded.folder))
    for source, observer in loaded.observers.items():
        found = load_remote_modules()[source].find_problems(observer, loaded.folder)
        yield from _to_problems(document, ("observers", source), found)


def _to_problems(document: Document, path: Location, findings: _Findings) -> Iterable[Problem]:
    for key, message, hint in findings:
        place = (*path, *key.split("."))
        yield Problem(
            document.find_position(place), f"{'.'.join(map(str, place))}: {message}", hint
        )


def _check_restart_only(
    loaded: LoadedConfig, document: Document, previous: LoadedConfig | None
) -> Iterable[Problem]:
    """Check that settings which need a restart did not change."""
    if previous is None:
        return
    changed = (
        *find_changes(loaded.config, previous.config),
        *find_tls_switch(loaded.web, previous.web),
    )
    for place, text, hint in changed:
        yield Problem(document.find_position(place), text, hint)
