"""Components of one config generation; drained when the next one starts."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace

from exporter.app.components import Components
from exporter.config.loader import LoadedConfig
from exporter.httpclient.auth import build_request_headers
from exporter.httpclient.client import HttpClient
from exporter.httpclient.tls import RenewingTlsContext
from exporter.metrics.runs import LabelSet
from exporter.observers import (
    LateObserver,
    list_expected_stages,
    list_visible_stages,
    load_late_modules,
)
from exporter.paths import Path, PathContext, load_path_modules
from exporter.plugins import PluginError, describe_error
from exporter.prober.context import ProbeContext
from exporter.probes import Probe, ProbeRunner, load_probe_modules
from exporter.prometheus import PrometheusClient
from exporter.schedule.scheduler import EARLY_START, Scheduler, Slot
from exporter.schedule.timetable import Timetable
from slos.schema.contract import Criterion, DeliveryPath, StageSource

_log = logging.getLogger(__name__)

_ABORT_GRACE = 2.0
"""Seconds for aborted runs to be recorded as unknown."""


def list_label_sets(loaded: LoadedConfig) -> list[LabelSet]:
    """List each pair of the labels `probe` and `path`, and the stages observed there."""
    return [
        LabelSet(
            probe_label,
            path,
            list_visible_stages(path, loaded.observers),
            list_expected_stages(path),
        )
        for probe, settings in loaded.probes.items()
        for probe_label, path in load_probe_modules()[probe].list_label_pairs(settings)
    ]


def list_criteria(loaded: LoadedConfig) -> set[Criterion]:
    """List the criteria that probes check in addition to the verdicts of their alerts."""
    return {
        criterion for probe in loaded.probes for criterion in load_probe_modules()[probe].CRITERIA
    }


@dataclass(frozen=True, slots=True)
class Generation:
    """Components built from one configuration."""

    loaded: LoadedConfig
    probe_runner: ProbeRunner
    observers: Mapping[StageSource, LateObserver]
    paths: Mapping[DeliveryPath, Path]
    context: ProbeContext

    def activate(self, components: Components) -> None:
        """Make metrics and the reconciler use this generation from now on."""
        components.status.metrics.configure(
            label_sets=list_label_sets(self.loaded),
            targets=self.loaded.targets,
            criteria=list_criteria(self.loaded),
        )
        sources: list[LateObserver | Path] = [*self.observers.values(), *self.paths.values()]
        cleaners = {
            source.leftover_kind: source for source in sources if source.leftover_kind is not None
        }
        components.status.gauges.keep_probes(self.loaded.probes)
        components.status.gauges.start_at_zero(kinds=cleaners, sources=self.observers)
        components.reconciler.configure(self.observers, cleaners)


@contextlib.asynccontextmanager
async def open_generation(
    loaded: LoadedConfig, components: Components
) -> AsyncIterator[Generation]:
    """Build and connect everything that a configuration asks for, for as long as the block runs.

    Raises:
        LinearKeyError: the key of Linear is gone since the configuration was read.
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
                load_late_modules()[source].open_observer(
                    settings,
                    folder=loaded.folder,
                    clock=components.status.clock,
                    gauges=components.status.gauges,
                )
            )
            for source, settings in loaded.observers.items()
        }
        context = ProbeContext(
            components.alert_runner,
            path_context,
            paths,
            loaded.targets,
            components.status.gauges,
            await _open_prometheus(loaded, components, stack),
            components.abort,
            count_open_runs=components.reconciler.__len__,
            state=components.status.state,
            may_send=components.may_send,
        )
        probe_runner = ProbeRunner(_build_probes(loaded, context), components.status.metrics)
        yield Generation(loaded, probe_runner, observers, paths, context)


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
    return PrometheusClient(await stack.enter_async_context(source))


@dataclass(frozen=True, slots=True)
class _ActiveGeneration:
    """The generation that is running."""

    generation: Generation
    scheduler: Scheduler
    task: asyncio.Task[None]
    stack: contextlib.AsyncExitStack


class GenerationRunner:
    """Runs the configuration in use, from its first slot to its last run.

    Args:
        components: components of the process.
        may_send: whether this prober holds the lease.
        first_slot_after: seconds from now before which slots are left out. They do not count as
            missed, since no prober was leading.
    """

    def __init__(
        self, components: Components, *, may_send: Callable[[], bool], first_slot_after: float = 0.0
    ) -> None:
        self._components = components
        self._may_send = may_send
        self._first_slot = components.status.clock.now() + first_slot_after
        self._active: _ActiveGeneration | None = None
        self._previous: _ActiveGeneration | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def start(self, loaded: LoadedConfig) -> Generation:
        """Start a generation. Runs under way finish with the old one.

        Returns:
            The generation that was built from the configuration.

        Raises:
            Exception: it cannot be used, and the old generation goes on.
        """
        stack = contextlib.AsyncExitStack()
        try:
            generation = await stack.enter_async_context(open_generation(loaded, self._components))
            generation.activate(self._components)
        except BaseException:
            await stack.aclose()
            raise
        scheduler = self._build_scheduler(generation)
        task = asyncio.create_task(scheduler.run(), name="schedule")
        previous, self._active = self._active, _ActiveGeneration(generation, scheduler, task, stack)
        if previous is not None:
            retiring = asyncio.create_task(self._retire(previous), name="retire")
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)
        return generation

    async def run(self) -> None:
        """Wait for the current generation. It ends only with an error, which would be a bug."""
        while self._active is not None:
            task = self._active.task
            await asyncio.wait({task})
            if self._active.task is task:
                task.result()

    async def drain(self, grace: float) -> None:
        """Start nothing more and wait for the runs under way; an abort ends the wait.

        Args:
            grace: seconds to wait.
        """
        if self._active is None:
            return
        active = self._active
        active.task.cancel()
        running = active.scheduler.running_tasks
        if running:
            _log.info(
                "stopping: waiting for %d runs in flight, at most %.0f s", len(running), grace
            )
            await self._wait_until_drained(active, grace)
        for task in (*active.scheduler.running_tasks, *self._retiring):
            task.cancel()
        await asyncio.gather(active.task, *self._retiring, return_exceptions=True)
        self._active = None
        self._previous = active

    async def aclose(self) -> None:
        """Close the connections of the last generation. Nothing may use it afterwards."""
        last = self._active or self._previous
        if last is not None:
            await last.stack.aclose()

    async def _wait_until_drained(self, active: _ActiveGeneration, grace: float) -> None:
        heartbeat_task = asyncio.create_task(active.scheduler.keep_heartbeat())
        abort_task = asyncio.create_task(self._components.abort.wait())
        drain_task = asyncio.create_task(_wait_for_runs(active.scheduler.running_tasks))
        await asyncio.wait(
            {drain_task, abort_task}, timeout=grace, return_when=asyncio.FIRST_COMPLETED
        )
        self._components.abort.set()
        await asyncio.wait({drain_task}, timeout=_ABORT_GRACE)
        for task in (heartbeat_task, abort_task, drain_task):
            task.cancel()
        await asyncio.gather(heartbeat_task, abort_task, drain_task, return_exceptions=True)

    async def _retire(self, active: _ActiveGeneration) -> None:
        """Let the runs of a generation finish, then close its connections."""
        active.task.cancel()
        try:
            await _wait_for_runs(active.scheduler.running_tasks)
            await self._components.reconciler.wait_for_step()
            if self._active is not None:  # its last runs may have set gauges again
                self._components.status.gauges.keep_probes(self._active.generation.loaded.probes)
        finally:
            await active.stack.aclose()

    def _build_scheduler(self, generation: Generation) -> Scheduler:
        async def run_slot(slot: Slot) -> None:
            if slot.intended >= self._first_slot and self._may_send():
                await generation.probe_runner.run_slot(slot)

        status = self._components.status
        return Scheduler(
            [
                Timetable(key, probe.schedule)
                for key, probe in generation.probe_runner.probes.items()
            ],
            run_slot,
            clock=status.clock,
            heartbeat=status.heartbeat,
            metrics=status.metrics,
            early=EARLY_START,
        )


async def _wait_for_runs(runs: set[asyncio.Task[None]]) -> None:
    if runs:
        await asyncio.wait(runs)
