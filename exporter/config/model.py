"""Model of the configuration file: `Config`, its sections, and those of the plug-ins."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, create_model, model_validator

from exporter.config.scenarios import Scenarios
from exporter.fields import (
    Address,
    AddressField,
    CanaryName,
    DnsLabel,
    DurationField,
    FileName,
    Section,
)
from exporter.httpclient.settings import HttpClientSettings
from exporter.leaderelection import LeaderElectionSettings
from exporter.observers import load_late_modules
from exporter.paths import load_path_modules
from exporter.probes import list_broken_modules, load_probe_modules
from slos.schema.units import Duration


class TargetSettings(HttpClientSettings):
    """Target of the probes: `url` is where agent-sre takes CloudEvents.

    Events are never retried, so `retries` applies to health requests only.
    """


class CanarySettings(Section):
    """The canary function, which this process serves."""

    listen: AddressField = Address("0.0.0.0", 8081)  # noqa: S104 - other pods call it
    """Listen address of the canary, host:port. Default 0.0.0.0:8081: agent-sre calls it through a
    Service. Port 0 picks a free one. It is separate from the pages, so that a network policy can
    open only this port."""
    name: CanaryName = "agent-sre-canary"
    """Function name in the alert; agent-sre calls http://<name>.<namespace>.svc... It must contain
    'canary', so that a synthetic alert never names a real function."""
    namespace: DnsLabel = "ai"
    """Namespace of the canary's Service. Default ai, the namespace of agent-sre."""
    reachable_after: DurationField | None = None
    """Delay between the start as leader, when this prober reports ready, and the first event.
    Default none. Behind a Service, agent-sre can reach the canary only after a readiness probe has
    succeeded and every node has the new endpoint; events sent before that would be `lost` through
    no fault of agent-sre. Load scenarios are not delayed, because a request for one arrives through
    the Service."""


class WebSettings(Section):
    """Settings of the pages: metrics, health and the last runs."""

    listen: AddressField = Address("0.0.0.0", 9108)  # noqa: S104 - Prometheus scrapes it
    """Listen address of the pages, host:port. Default 0.0.0.0:9108. Port 0 picks a free one."""
    config_file: FileName | None = None
    """File with TLS, headers and users, in the `web.config.file` format of Prometheus exporters,
    relative to the configuration. Default none: plain HTTP without authentication."""


class JournalSettings(Section):
    """Settings of the journal."""

    path: FileName = "/var/lib/slo-probe/journal.sqlite"
    """SQLite file, relative to the configuration. Put it on a persistent volume; otherwise runs
    that a restart interrupts are not counted."""
    keep_runs: int = Field(default=100_000, ge=100, le=100_000_000)
    """Finished runs to keep. Default 100000: about 87 days at the default interval, 30 MB."""


class ReloadSettings(Section):
    """Settings of reloads, in addition to SIGHUP and `POST /-/reload`."""

    every: DurationField = Duration.from_parts(seconds=30)
    """Interval of the checks for changed files. Default 30s: a ConfigMap update takes about a
    minute anyway."""


class _ProbesSection(Section):
    """One section per probe; a probe without a section does not run."""

    @model_validator(mode="after")
    def _check_at_least_one(self) -> "_ProbesSection":
        if not self.model_fields_set:
            raise ValueError(
                f"no probe is configured; add one of {', '.join(type(self).model_fields)}, such as "
                "remediation: {}"
            )
        return self


def _create_section(model: str, base: type[Section], settings: Mapping[str, type[Section]]) -> Any:  # noqa: ANN401 - created at run time
    """Create a section with one key per plug-in."""
    keys: dict[str, Any] = {name: (each, None) for name, each in settings.items()}
    return create_model(model, __base__=base, **keys)


def _build_refusing_type(why: str) -> Any:  # noqa: ANN401 - created at run time
    """Build the type of a key whose plug-in cannot be used."""

    def refuse(_: object) -> object:
        raise ValueError(f"this plug-in cannot be used: {why}; fix it or remove this section")

    return Annotated[Any, BeforeValidator(refuse)]


Probes = _create_section(
    "Probes",
    _ProbesSection,
    {
        **{name: _build_refusing_type(why) for name, why in list_broken_modules().items()},
        **{name: module.Settings for name, module in load_probe_modules().items()},
    },
)
Paths = _create_section(
    "Paths",
    Section,
    {
        path: module.Settings
        for path, module in load_path_modules().items()
        if module.Settings.model_fields
    },
)
Observers = _create_section(
    "Observers", Section, {n: m.Settings for n, m in load_late_modules().items()}
)


class Config(Section):
    """The whole configuration file."""

    target: TargetSettings
    canary: CanarySettings = CanarySettings()
    web: WebSettings = WebSettings()
    journal: JournalSettings = JournalSettings()
    lease: LeaderElectionSettings = LeaderElectionSettings()
    reload: ReloadSettings = ReloadSettings()
    paths: Paths = Paths()
    observers: Observers = Observers()
    prometheus: HttpClientSettings | None = None
    """Prometheus with the metrics of agent-sre's pods, for the leak probe. Default none."""
    specs: list[FileName] = Field(default=[])
    """Spec files whose latency targets become histogram buckets and checks, relative to the
    configuration. Default none: no stage has a target."""
    shutdown_grace: DurationField = Duration.from_parts(seconds=25)
    """Time for runs in flight to finish after SIGTERM; runs that are still open then are recorded
    as unknown. Default 25s: below the 30 s after which Kubernetes kills the pod."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Log level of stderr. Default info: one line per run."""
    probes: Probes
    scenarios: Scenarios = Scenarios()
    """Load scenarios, which are sent on request. Default none."""
