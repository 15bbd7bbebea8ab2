"""The configuration: what may be set, and reading it with all problems at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, Field, create_model, model_validator

from exporter import fixed
from exporter.document_file import read_one
from exporter.fields import Address, CanaryName, DnsLabel, Length, Listen, Section
from exporter.http_source.findings import findings as source_findings
from exporter.http_source.settings import SourceSettings
from exporter.lease.settings import LeaseSettings
from exporter.observers import late_modules
from exporter.paths import way_modules
from exporter.probes import ProbeSettings, probe_modules
from exporter.rhythm import Rhythm
from exporter.web.config_file import WebConfig, read_web_config
from slos.schema.contract import Route, Source, Stage
from slos.schema.document import Document, Location, validate
from slos.schema.problem import Position, Problem, errors
from slos.schema.targets import load_targets
from slos.schema.units import Duration


class Target(SourceSettings):
    """Whom to ask: `url` is where agent-sre takes CloudEvents.

    Nothing that is sent is repeated, so `retries` counts for questions about its health only.
    """


class CanarySettings(Section):
    """The canary function, which this process serves."""

    listen: Listen = Address("0.0.0.0", 8081)  # noqa: S104 - other pods call it
    """Where the canary listens, host:port. Default 0.0.0.0:8081: agent-sre calls it through a
    Service. Port 0 picks a free one. An address of its own, so a policy can open only it."""
    name: CanaryName = "agent-sre-canary"
    """The function name in the alert; agent-sre calls http://<name>.<namespace>.svc... Must
    say 'canary': a synthetic alert never names a real function."""
    namespace: DnsLabel = "ai"
    """The namespace of the canary's Service. Default ai: where agent-sre runs."""


class Web(Section):
    """Metrics, health and the last runs."""

    listen: Listen = Address("0.0.0.0", 9108)  # noqa: S104 - Prometheus scrapes it
    """Where /metrics is served, host:port. Default 0.0.0.0:9108. Port 0 picks a free one."""
    config_file: str | None = Field(default=None, min_length=1)
    """TLS, headers and users, in the `web.config.file` format of Prometheus exporters; relative to
    the configuration. Default none: plain HTTP for everyone."""


class JournalSettings(Section):
    """Where runs are written down."""

    path: str = Field(default="/var/lib/slo-probe/journal.sqlite", min_length=1)
    """The SQLite file, relative to the configuration. Put it on a volume that outlives the
    pod, or a restart cannot account for the runs it cut off."""
    keep_runs: int = Field(default=100_000, ge=100, le=100_000_000)
    """Finished runs to keep. Default 100000: about 87 days at the house interval, 30 MB."""


class Watching(Section):
    """When the configuration is read again, beside SIGHUP and `POST /-/reload`."""

    every: Length = Duration.of(seconds=30)
    """Time between two looks at the files. Default 30s: a ConfigMap takes a minute anyway."""


class _Probes(Section):
    """One section per probe; a probe without a section does not run."""

    @model_validator(mode="after")
    def _at_least_one(self) -> "_Probes":
        if not self.model_fields_set:
            raise ValueError(
                f"no probe is set; add one of {', '.join(type(self).model_fields)}, like "
                "remediation: {}"
            )
        return self


def _by_name(model: str, base: type[Section], settings: Mapping[str, type[Section]]) -> Any:  # noqa: ANN401 - made here
    """A section with one key per plug-in, so a new one needs no edit here."""
    keys: dict[str, Any] = {name: (each, None) for name, each in settings.items()}
    return create_model(model, __base__=base, **keys)


Probes = _by_name("Probes", _Probes, {n: m.Settings for n, m in probe_modules().items()})
Paths = _by_name(
    "Paths",
    Section,
    {
        route.value: module.Settings
        for route, module in way_modules().items()
        if module.Settings.model_fields
    },
)
Observers = _by_name("Observers", Section, {n: m.Settings for n, m in late_modules().items()})


class Config(Section):
    """The whole file."""

    target: Target
    canary: CanarySettings = CanarySettings()
    web: Web = Web()
    journal: JournalSettings = JournalSettings()
    lease: LeaseSettings = LeaseSettings()
    reload: Watching = Watching()
    paths: Paths = Paths()  # type: ignore[valid-type]
    observers: Observers = Observers()  # type: ignore[valid-type]
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
    probes: Probes  # type: ignore[valid-type]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that is fine, with all it refers to."""

    file: Path
    config: Config
    targets: Mapping[Stage, Duration]
    web: WebConfig

    @property
    def probes(self) -> dict[str, Rhythm]:
        """The settings of every probe that is to run."""
        return cast("dict[str, Rhythm]", _set(self.config.probes))

    @property
    def paths(self) -> dict[Route, Section]:
        """The settings of every way; the direct one needs none."""
        direct = way_modules()[Route.DIRECT].Settings()
        given = {Route(name): each for name, each in _set(self.config.paths).items()}
        return {Route.DIRECT: direct, **given}

    @property
    def observers(self) -> dict[Source, Section]:
        """The settings of every late observer in use."""
        return {Source(name): each for name, each in _set(self.config.observers).items()}

    @property
    def folder(self) -> Path:
        """Where relative names start."""
        return self.file.parent

    @property
    def journal_path(self) -> Path:
        """The file of the journal."""
        return self.folder / self.config.journal.path

    @property
    def files(self) -> list[Path]:
        """Every file whose content makes another configuration of it."""
        specs = [self.folder / spec for spec in self.config.specs]
        return [self.file, *specs, *self.web.files]


def load(path: Path, *, before: Loaded | None = None) -> tuple[Loaded | None, list[Problem]]:
    """Read a configuration and its specs; gives it only when nothing is wrong.

    Args:
        path: of the file.
        before: the one in use, when this is to take its place.
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
        problems += [*_beside_specs(loaded, document), *_ways(loaded, document)]
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
    """The targets of all specs; of two for one stage, the stricter counts."""
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


def _beside_specs(loaded: Loaded, document: Document) -> list[Problem]:
    """Faults of probe settings that only show beside the targets."""
    return [
        Problem(document.at(("probes", name, key)), f"probes.{name}.{key}: {message}", hint)
        for name, settings in loaded.probes.items()
        for key, message, hint in cast("ProbeSettings", settings).findings(loaded.targets)
    ]


def _files(loaded: Loaded, document: Document) -> Iterable[Problem]:
    """Secrets and certificates that are not where the settings say."""
    sources: list[tuple[Location, SourceSettings]] = [(("target",), loaded.config.target)]
    if loaded.config.prometheus:
        sources.append((("prometheus",), loaded.config.prometheus))
    for path, settings in sources:
        yield from _told(document, path, source_findings(settings, loaded.folder))
    for source, observer in loaded.observers.items():
        found = late_modules()[source].findings(observer, loaded.folder)
        yield from _told(document, ("observers", source.value), found)


def _told(
    document: Document, path: Location, found: Iterable[tuple[str, str, str]]
) -> Iterable[Problem]:
    for key, message, hint in found:
        place = (*path, *key.split("."))
        yield Problem(document.at(place), f"{'.'.join(map(str, place))}: {message}", hint)


def _ways(loaded: Loaded, document: Document) -> Iterable[Problem]:
    """Probes that take a way nobody described."""
    for name, settings in loaded.probes.items():
        for _, route in probe_modules()[name].lines(settings):
            if route not in loaded.paths:
                message = f"probes.{name} takes the way {route}, which has no section under paths"
                hint = f"add paths: {{{route}: {{url: ...}}}}"
                yield Problem(document.at(("probes", name)), message, hint)


def _fixed(loaded: Loaded, document: Document, before: Loaded | None) -> Iterable[Problem]:
    """What cannot change while the prober runs."""
    if before is None:
        return
    changed = (
        *fixed.changes(loaded.config, before.config),
        *fixed.switched(loaded.web, before.web),
    )
    for place, text, hint in changed:
        yield Problem(document.at(place), text, hint)
