"""Model of the configuration file: `Config` and its sections."""

from typing import Literal

from pydantic import Field

from exporter.config.plugins import Observers, Paths, Probes
from exporter.config.scenarios import Scenarios
from exporter.config.web import PageLinks
from exporter.fields import (
    Address,
    AddressField,
    CanaryName,
    DnsLabel,
    DurationField,
    FileName,
    HostName,
    Section,
    in_unit,
)
from exporter.httpclient.settings import HttpClientSettings
from exporter.leaderelection import LeaderElectionSettings
from slos.schema.units import Duration


class TargetSettings(HttpClientSettings):
    """Target of the probes: `url` is where agent-sre takes CloudEvents.

    Events are never retried, so `retries` applies to health requests only.
    """


class PrometheusSettings(HttpClientSettings):
    """Prometheus with the metrics of agent-sre's pods."""

    namespace: DnsLabel = "ai"
    """Namespace of agent-sre: the value of `$namespace` in queries. Default ai."""


class CanarySettings(Section):
    """The canary function, which this process serves."""

    listen: AddressField = Address("0.0.0.0", 8081)  # noqa: S104 - other pods call it
    """Listen address of the canary, host:port. Default 0.0.0.0:8081: agent-sre calls it through a
    Service. Port 0 picks a free one. It is separate from the pages, so that a network policy can
    open only this port."""
    name: CanaryName = "agent-sre-canary"
    """Function name in the alert; agent-sre calls `http://<name>.<namespace>.svc.cluster.local/`.
    It must contain 'canary', so that a synthetic alert never names a real function."""
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
    health_without_login: bool = False
    """Serve `/-/healthy` and `/-/ready` without credentials, for the kubelet, which has none.
    Default false: with users, every page requires credentials."""
    hosts: list[HostName] = Field(default=[])
    """Names under which the pages are served. Requests for other hosts are refused, except for
    addresses and localhost. Default none: any name. With names, a page of another site cannot read
    these pages by giving its own name this server's address."""
    links: PageLinks = PageLinks()


class JournalSettings(Section):
    """Settings of the journal."""

    path: FileName = "/var/lib/slo-probe/journal.sqlite"
    """SQLite file, relative to the configuration. Put it on a persistent volume; otherwise runs
    that a restart interrupts are not counted."""
    keep_runs: int = Field(
        default=100_000, ge=100, le=100_000_000, json_schema_extra=in_unit("runs")
    )
    """Finished runs to keep. Default 100000: about 87 days at the default interval, 30 MB."""


class ReloadSettings(Section):
    """Settings of reloads, in addition to SIGHUP and `POST /-/reload`."""

    every: DurationField = Duration.from_parts(seconds=30)
    """Interval of the checks for changed files. Default 30s: a ConfigMap update takes about a
    minute anyway."""


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
    prometheus: PrometheusSettings | None = None
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
