"""Read, validate, cross-check; refuse changes that need a restart."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel, Field

from exporter.config.model import (
    CanarySettings,
    JournalSettings,
    Observers,
    Paths,
    Probes,
    Target,
    Watching,
    Web,
)
from exporter.config.scenarios import Scenarios, Surroundings, scenario_problems
from exporter.config.web import WebConfig, read_web_config
from exporter.config.yaml_file import read_one
from exporter.fields import Length, Section
from exporter.httpclient.auth import findings as source_findings
from exporter.httpclient.settings import SourceSettings
from exporter.leaderelection import LeaseSettings
from exporter.observers import late_modules
from exporter.paths import way_modules
from exporter.plugins import told
from exporter.probes import probe_modules
from exporter.schedule.timetable import Rhythm
from slos.schema.contract import Route, Source, Stage
from slos.schema.loader import load_targets
from slos.schema.problem import Position, Problem, errors
from slos.schema.units import Duration
from slos.schema.yaml.document import Document, Location
from slos.schema.yaml.validation import validate

_KEYS = ("canary", "web.listen", "journal", "lease")
Change = tuple[tuple[str, ...], str, str]
"""Place in the configuration, message and hint."""

_Found = Iterable[tuple[str, str, str]]


def changes(now: object, before: object) -> Iterator[Change]:
    """Find settings that may not differ between two configurations."""
    for key in _KEYS:
        place = tuple(key.split("."))
        if reduce(getattr, place, now) != reduce(getattr, place, before):
            hint = "restart the prober, or take the change back"
            yield place, f"{key} changed while it is in use", hint


def switched(now: WebConfig, before: WebConfig) -> Iterator[Change]:
    """Find a change between TLS and plain HTTP.

    Unnoticed, clients would send passwords in the clear.
    """
    if (now.tls is None) != (before.tls is None):
        text = f"TLS was switched {'off' if now.tls is None else 'on'} while the pages are served"
        yield ("web", "config_file"), text, "restart the prober, or take the change back"


class Config(Section):
    """The whole configuration file."""

    target: Target
    canary: CanarySettings = CanarySettings()
    web: Web = Web()
    journal: JournalSettings = JournalSettings()
    lease: LeaseSettings = LeaseSettings()
    reload: Watching = Watching()
    paths: Paths = Paths()
    observers: Observers = Observers()
    prometheus: SourceSettings | None = None
    """Where the metrics of agent-sre's pods are, for the leak probe. Default none."""
    specs: list[str] = Field(default=[])
    """Spec files whose latency targets become histogram buckets and checks, relative to the
    configuration. Default none: then no stage has a target."""
    shutdown_grace: Length = Duration.of(seconds=25)
    """Time for runs under way to end after SIGTERM; the rest is unknown. Default 25s: below
    the 30 s after which Kubernetes kills."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What is logged to stderr. Default info: one line per run."""
    probes: Probes
    scenarios: Scenarios = Scenarios()
    """Load that is sent when somebody asks for it. Default none."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration, with everything that it refers to."""

    file: Path
    config: Config
    targets: Mapping[Stage, Duration]
    web: WebConfig

    @property
    def probes(self) -> dict[str, Rhythm]:
        """Settings of every probe that runs."""
        return cast("dict[str, Rhythm]", _set(self.config.probes))

    @property
    def paths(self) -> dict[Route, Section]:
        """Settings of every delivery path; the direct one needs none."""
        direct = way_modules()[Route.DIRECT].Settings()
        given = {Route(name): each for name, each in _set(self.config.paths).items()}
        return {Route.DIRECT: direct, **given}

    @property
    def observers(self) -> dict[Source, Section]:
        """Settings of every late observer in use."""
        return {Source(name): each for name, each in _set(self.config.observers).items()}

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


def load(path: Path, *, before: Loaded | None = None) -> tuple[Loaded | None, list[Problem]]:
    """Load a configuration and its specs; it is returned only when nothing is wrong.

    Args:
        path: file of the configuration.
        before: the configuration in use, when this one is to replace it.
    """
    document, problems = read_one(path)
    if document is None:
        empty = Problem(Position(str(path)), "this file is empty", "start with 'target:'")
        return None, problems or [empty]
    config, found = validate(document, Config)
    if config is None:
        return None, problems + found
    targets, found = _targets(config, document, path)
    web, more = _web(config, document, path)
    loaded = Loaded(path, config, targets, web)
    problems += [*found, *more, *_files(loaded, document), *_fixed(loaded, document, before)]
    if not errors(problems):
        problems += [*_of_probes(loaded, document), *_of_scenarios(loaded, document)]
    return (None if errors(problems) else loaded), problems


def _set(section: BaseModel) -> dict[str, Section]:
    return {
        name: value
        for name in sorted(section.model_fields_set)
        if (value := getattr(section, name)) is not None
    }


def _web(config: Config, document: Document, path: Path) -> tuple[WebConfig, list[Problem]]:
    if config.web.config_file is None:
        return WebConfig(), []
    at = document.at(("web", "config_file"))
    web, problems = read_web_config(path.parent / config.web.config_file, at=at)
    return web or WebConfig(), problems


def _targets(
    config: Config, document: Document, path: Path
) -> tuple[dict[Stage, Duration], list[Problem]]:
    """Read the targets of all specs; of two for one stage, the stricter counts."""
    merged: dict[Stage, Duration] = {}
    problems: list[Problem] = []
    for index, spec in enumerate(config.specs):
        file = path.parent / spec
        try:
            data = file.read_bytes()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            problems.append(Problem(document.at(("specs", index)), f"cannot read {file}: {why}"))
            continue
        targets, found = load_targets(data, str(file))
        problems += found
        for stage, target in targets.items():
            merged[stage] = min(target, merged.get(stage, target))
    return merged, problems


def _of_probes(loaded: Loaded, document: Document) -> Iterable[Problem]:
    """Check probe settings against the targets and the paths."""
    for name, settings in loaded.probes.items():
        place = document.at(("probes", name))
        try:
            found = list(settings.findings(loaded.targets))
            routes = {route for _, route in probe_modules()[name].lines(settings)}
        except Exception as error:  # noqa: BLE001 - a plug-in may come from another distribution
            yield Problem(place, f"probes.{name} broke: {told(error)}", "mend the plug-in")
            continue
        yield from _told(document, ("probes", name), found)
        for route in sorted(routes - set(loaded.paths)):
            message = f"probes.{name} takes the way {route}, which has no section under paths"
            yield Problem(place, message, f"add paths: {{{route}: {{url: ...}}}}")


def _of_scenarios(loaded: Loaded, document: Document) -> Iterable[Problem]:
    """Check scenarios against the rest of the configuration."""
    linear, prometheus = loaded.observers.get(Source.LINEAR), loaded.config.prometheus is not None
    keep = loaded.config.journal.keep_runs
    around = Surroundings(loaded.targets, linear, prometheus, keep)
    return scenario_problems(loaded.config.scenarios, around, document)


def _files(loaded: Loaded, document: Document) -> Iterable[Problem]:
    """Check that the files of secrets and certificates are usable."""
    sources: list[tuple[Location, SourceSettings]] = [(("target",), loaded.config.target)]
    if loaded.config.prometheus:
        sources.append((("prometheus",), loaded.config.prometheus))
    for path, settings in sources:
        yield from _told(document, path, source_findings(settings, loaded.folder))
    for source, observer in loaded.observers.items():
        found = late_modules()[source].findings(observer, loaded.folder)
        yield from _told(document, ("observers", source.value), found)


def _told(document: Document, path: Location, found: _Found) -> Iterable[Problem]:
    for key, message, hint in found:
        place = (*path, *key.split("."))
        yield Problem(document.at(place), f"{'.'.join(map(str, place))}: {message}", hint)


def _fixed(loaded: Loaded, document: Document, before: Loaded | None) -> Iterable[Problem]:
    """Check that settings which need a restart did not change."""
    if before is None:
        return
    changed = (
        *changes(loaded.config, before.config),
        *switched(loaded.web, before.web),
    )
    for place, text, hint in changed:
        yield Problem(document.at(place), text, hint)
