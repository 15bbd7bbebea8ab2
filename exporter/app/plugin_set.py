"""Plug-in set: paths, observers and probes of one configuration, and what they can export.

A reload replaces it.

They use the components of `components.py`, which stay open.
"""

import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

from prometheus_client.metrics_core import Metric

from exporter.app.components import Components
from exporter.config.loader import LoadedConfig
from exporter.config.scenarios import list_configured
from exporter.httpclient.auth import build_request_headers
from exporter.httpclient.client import HttpClient
from exporter.httpclient.tls import RenewingTlsContext
from exporter.metrics.checks import CheckSettings
from exporter.metrics.runs import ProbePath
from exporter.model.deadlines import Targets
from exporter.observers import (
    RemoteObserver,
    list_expected_stages,
    list_visible_stages,
    load_remote_modules,
)
from exporter.paths import Path, PathContext, load_path_modules
from exporter.plugins import PluginError, describe_error
from exporter.prober.context import ProbeContext
from exporter.probes import Probe, ProbeRunner, load_probe_modules
from exporter.prometheus import PrometheusClient
from exporter.schedule.clock import Clock, SystemClock
from exporter.schedule.scheduler import HEARTBEAT_INTERVAL
from exporter.status import Status, create_status
from slos.schema.inventory import CLOSED_LABELS, Inventory, build_inventory

_log = logging.getLogger(__name__)


def list_probe_paths(loaded: LoadedConfig) -> list[ProbePath]:
    """List each probe with each of its paths, and the stages observed there."""
    return [
        ProbePath(
            probe_label,
            path,
            list_visible_stages(path, loaded.observers),
            list_expected_stages(path),
        )
        for probe, settings in loaded.probes.items()
        for probe_label, path in load_probe_modules()[probe].list_label_pairs(settings)
    ]


def build_check_settings(loaded: LoadedConfig) -> CheckSettings:
    """Build the settings of the checks of all probes."""
    modules = {probe: load_probe_modules()[probe] for probe in loaded.probes}
    return CheckSettings(
        frozenset(criterion for module in modules.values() for criterion in module.CRITERIA),
        loaded.accepted,
        tuple(
            probe
            for probe, module in modules.items()
            if module.CRITERIA and not module.list_label_pairs(loaded.probes[probe])
        ),
    )


def build_status(
    loaded: LoadedConfig, clock: Clock, *, heartbeat_interval: float = HEARTBEAT_INTERVAL
) -> Status:
    """Build the status of a prober, with the metrics of one configuration."""
    return create_status(
        clock,
        heartbeat_interval=heartbeat_interval,
        probe_paths=list_probe_paths(loaded),
        targets=loaded.targets,
        checks=build_check_settings(loaded),
    )


@dataclass(frozen=True, slots=True)
class PluginSet:
    """Paths, observers and probes built from one configuration."""

    loaded: LoadedConfig
    probe_runner: ProbeRunner
    observers: Mapping[str, RemoteObserver]
    paths: Mapping[str, Path]
    context: ProbeContext

    def activate(self, components: Components) -> None:
        """Make metrics and the reconciler use this plug-in set from now on."""
        components.status.metrics.configure(
            probe_paths=list_probe_paths(self.loaded),
            targets=self.loaded.targets,
            checks=build_check_settings(self.loaded),
        )
        sources: list[RemoteObserver | Path] = [*self.observers.values(), *self.paths.values()]
        cleaners = {
            source.leftover_kind: source for source in sources if source.leftover_kind is not None
        }
        components.status.scenario_metrics.configure(list_configured(self.loaded.config.scenarios))
        components.status.gauges.clear_stopped_probes(self.loaded.probes)
        if "leak" not in self.loaded.probes:
            components.status.state.leaks.clear()
        components.status.gauges.start_at_zero(kinds=cleaners, sources=self.observers)
        components.reconciler.configure(self.observers, cleaners)


@contextlib.asynccontextmanager
async def open_plugin_set(loaded: LoadedConfig, components: Components) -> AsyncIterator[PluginSet]:
    """Build and connect everything that a configuration asks for, for as long as the block runs.

    Raises:
        CredentialsError: the key of Linear is gone since the configuration was read.
        PluginError: a probe cannot be built.
    """
    async with contextlib.AsyncExitStack() as stack:
        path_context = _build_path_context(loaded, components)
        paths = {
            path: load_path_modules()[path].Path(settings, path_context)
            for path, settings in loaded.paths.items()
        }
        observers = {
            source: await stack.enter_async_context(
                load_remote_modules()[source].open_observer(
                    settings,
                    folder=loaded.folder,
                    clock=components.status.clock,
                    gauges=components.status.gauges,
                    state=components.status.state.values.setdefault(f"observers.{source}", {}),
                )
            )
            for source, settings in loaded.observers.items()
        }
        context = build_probe_context(
            components,
            path_context,
            paths=paths,
            targets=loaded.targets,
            prometheus=await _open_prometheus(loaded, components, stack),
        )
        probe_runner = ProbeRunner(_build_probes(loaded, context), components.status.metrics)
        yield PluginSet(loaded, probe_runner, observers, paths, context)


def build_probe_context(
    components: Components,
    path_context: PathContext,
    *,
    paths: Mapping[str, Path],
    targets: Targets,
    prometheus: PrometheusClient | None = None,
) -> ProbeContext:
    """Build the context of probes from the components and what one configuration adds."""
    return ProbeContext(
        components.alert_runner,
        path_context,
        paths,
        targets,
        components.status.gauges,
        components.status.history,
        components.health,
        components.status.state,
        count_open_runs=components.reconciler.__len__,
        prometheus=prometheus,
    )


def _build_probes(loaded: LoadedConfig, context: ProbeContext) -> list[Probe]:
    """Build all probes, each under a key of its own."""
    probes_by_key: dict[str, Probe] = {}
    for name, settings in loaded.probes.items():
        try:
            probes = list(load_probe_modules()[name].build_probes(settings, context))
        except Exception as error:
            _log.exception("probes.%s failed", name)
            raise PluginError(f"probes.{name} failed: {describe_error(error)}") from error
        for probe in probes:
            if probe.key in probes_by_key:
                raise PluginError(f"probes.{name}: duplicate probe key {probe.key}")
            probes_by_key[probe.key] = probe
    return list(probes_by_key.values())


def _build_path_context(loaded: LoadedConfig, components: Components) -> PathContext:
    target, folder = loaded.config.target, loaded.folder
    target_sender = replace(
        components.sender,
        tls=RenewingTlsContext(target.tls, folder).get_context,
        server_name=target.tls.server_name,
    )
    return PathContext(
        target.url,
        components.canary,
        components.sender,
        target_sender,
        components.status.clock,
        read_headers=lambda: build_request_headers(target, folder),
    )


async def _open_prometheus(
    loaded: LoadedConfig, components: Components, stack: contextlib.AsyncExitStack
) -> PrometheusClient | None:
    settings = loaded.config.prometheus
    if settings is None:
        return None
    source = HttpClient("prometheus", settings, folder=loaded.folder, clock=components.status.clock)
    http_client = await stack.enter_async_context(source)
    return PrometheusClient(http_client, namespace=settings.namespace)


def list_inventory(loaded: LoadedConfig) -> Inventory:
    """List the metrics, and the label values that its counters begin with."""
    scenarios = list_configured(loaded.config.scenarios)
    status = build_status(loaded, SystemClock())
    status.gauges.start_at_zero(kinds=(), sources=loaded.observers)
    status.scenario_metrics.configure(scenarios)
    families = list(status.registry.collect())
    labels: dict[str, set[str]] = {}
    for sample in (sample for family in families for sample in family.samples):
        for name, value in sample.labels.items():
            if name in CLOSED_LABELS:
                labels.setdefault(name, set()).add(value)
    sections = (
        *(f"probes.{name}" for name in loaded.probes),
        *(f"paths.{name}" for name in loaded.paths),
        *(f"observers.{name}" for name in loaded.observers),
        *(f"scenarios.{name}" for name in scenarios),
    )
    return build_inventory(map(_get_name, families), labels, sections)


def _get_name(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name
