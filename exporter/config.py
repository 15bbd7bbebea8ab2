"""The configuration: what may be set, and reading it with all problems at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, Field, create_model, model_validator

from exporter.fields import Address, CanaryName, DnsLabel, Length, Listen, Section, Url
from exporter.probes import ProbeSettings, probe_modules
from exporter.rhythm import Rhythm
from slos.schema.contract import Stage
from slos.schema.document import Document, read_documents, validate
from slos.schema.problem import Position, Problem, errors
from slos.schema.targets import load_targets
from slos.schema.units import Duration


class Target(Section):
    """Whom to ask."""

    url: Url
    """Where agent-sre takes CloudEvents. No default: nobody shall be probed by accident."""


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


class JournalSettings(Section):
    """Where runs are written down."""

    path: str = Field(default="/var/lib/slo-probe/journal.sqlite", min_length=1)
    """The SQLite file, relative to the configuration. Put it on a volume that outlives the
    pod, or a restart cannot account for the runs it cut off."""
    keep_runs: int = Field(default=100_000, ge=100, le=100_000_000)
    """Finished runs to keep. Default 100000: about 87 days at the house interval, 30 MB."""


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


def _probes_model() -> type[_Probes]:
    """A section with one key per file in `probes/`, so a new probe needs no edit here."""
    keys: dict[str, Any] = {
        name: (module.Settings, None) for name, module in probe_modules().items()
    }
    return create_model("Probes", __base__=_Probes, **keys)


Probes = _probes_model()


class Config(Section):
    """The whole file."""

    target: Target
    canary: CanarySettings = CanarySettings()
    web: Web = Web()
    journal: JournalSettings = JournalSettings()
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

    @property
    def probes(self) -> dict[str, Rhythm]:
        """The settings of every probe that is to run."""
        found: BaseModel = self.config.probes
        return {name: getattr(found, name) for name in sorted(found.model_fields_set)}

    @property
    def journal_path(self) -> Path:
        """The file of the journal."""
        return self.file.parent / self.config.journal.path


def load(path: Path) -> tuple[Loaded | None, list[Problem]]:
    """Read a configuration and its specs; gives it only when nothing is wrong."""
    document, problems = _document(path)
    if document is None:
        return None, problems
    config, found = validate(document, Config)
    if config is None:
        return None, problems + found
    targets, found = _targets(config, document, path)
    problems += found
    loaded = Loaded(path, config, targets)
    if not errors(problems):
        problems += _beside_specs(loaded, document)
    return (None if errors(problems) else loaded), problems


def _document(path: Path) -> tuple[Document | None, list[Problem]]:
    data, problems = _read(path, Position(str(path)))
    if data is None:
        return None, problems
    documents, problems = read_documents(data, str(path))
    if problems:
        return None, problems
    if not documents:
        return None, [Problem(Position(str(path)), "this file is empty", "start with 'target:'")]
    if len(documents) > 1:
        return None, [
            Problem(documents[1].at(), "a second document", "a configuration is one document")
        ]
    return documents[0], []


def _read(path: Path, at: Position) -> tuple[bytes | None, list[Problem]]:
    try:
        return path.read_bytes(), []
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        return None, [Problem(at, f"cannot read {path}: {why}")]


def _targets(
    config: Config, document: Document, path: Path
) -> tuple[dict[Stage, Duration], list[Problem]]:
    """The targets of all specs; of two for one stage, the stricter counts."""
    merged: dict[Stage, Duration] = {}
    problems: list[Problem] = []
    for index, spec in enumerate(config.specs):
        file = path.parent / spec
        data, found = _read(file, document.at(("specs", index)))
        problems += found
        targets, found = load_targets(data, str(file)) if data is not None else ({}, [])
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
