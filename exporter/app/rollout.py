"""Rollout of plug-in sets: each is drained when the next one starts."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from exporter.app.components import Components
from exporter.app.plugin_set import PluginSet, open_plugin_set
from exporter.config.loader import LoadedConfig
from exporter.schedule.open_loop import EARLY_START, Slot
from exporter.schedule.scheduler import Scheduler, run_heartbeat
from exporter.schedule.tasks import run_in_background
from exporter.schedule.timetable import Timetable

_log = logging.getLogger(__name__)

_ABORT_GRACE = 2.0
"""Seconds for aborted runs to be recorded as unknown."""


@dataclass(frozen=True, slots=True)
class _ActivePluginSet:
    """The plug-in set that is running."""

    plugin_set: PluginSet
    scheduler: Scheduler
    task: asyncio.Task[None]
    stack: contextlib.AsyncExitStack


class Rollout:
    """Runs the configuration in use, from its first slot to its last run.

    Args:
        components: components of the process.
        first_slot_after: seconds from now before which slots are left out. They do not count as
            missed, since no prober was leading.
    """

    def __init__(self, components: Components, *, first_slot_after: float = 0.0) -> None:
        self._components = components
        self._first_slot = components.status.clock.now() + first_slot_after
        self._active: _ActivePluginSet | None = None
        self._previous: _ActivePluginSet | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def start(self, loaded: LoadedConfig) -> PluginSet:
        """Start a plug-in set. Runs under way finish with the old one.

        Returns:
            The plug-in set that was built from the configuration.

        Raises:
            Exception: it cannot be used, and the old plug-in set goes on.
        """
        stack = contextlib.AsyncExitStack()
        try:
            plugin_set = await stack.enter_async_context(open_plugin_set(loaded, self._components))
            plugin_set.activate(self._components)
        except BaseException:
            await stack.aclose()
            raise
        scheduler = self._build_scheduler(plugin_set)
        task = asyncio.create_task(scheduler.run(), name="schedule")
        previous, self._active = self._active, _ActivePluginSet(plugin_set, scheduler, task, stack)
        if previous is not None:
            retiring = asyncio.create_task(self._retire(previous), name="retire")
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)
        return plugin_set

    async def run(self) -> None:
        """Wait for the current plug-in set. It ends only with an error, which would be a bug."""
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
        waiting = running | self._retiring  # runs from before a reload may be under way as well
        if waiting:
            _log.info(
                "stopping: waiting for %d runs in flight, at most %.0f s", len(running), grace
            )
            drained = asyncio.create_task(_wait_for_runs(waiting))
            await drain_task(drained, self._components, grace)
        for task in (*active.scheduler.running_tasks, *self._retiring):
            task.cancel()
        await asyncio.gather(active.task, *self._retiring, return_exceptions=True)
        self._active = None
        self._previous = active

    async def aclose(self) -> None:
        """Close the connections of the last plug-in set. Nothing may use it afterwards."""
        last = self._active or self._previous
        if last is not None:
            await last.stack.aclose()

    async def _retire(self, active: _ActivePluginSet) -> None:
        """Let the runs of a plug-in set finish, then close its connections."""
        active.task.cancel()
        try:
            await _wait_for_runs(active.scheduler.running_tasks)
            await self._components.reconciler.wait_for_step()
            if self._active is not None:  # its last runs may have set gauges again
                self._components.status.gauges.clear_stopped_probes(
                    self._active.plugin_set.loaded.probes
                )
        finally:
            await active.stack.aclose()

    def _build_scheduler(self, plugin_set: PluginSet) -> Scheduler:
        async def run_slot(key: str, slot: Slot) -> None:
            if slot.intended >= self._first_slot and self._components.health.may_send():
                await plugin_set.probe_runner.run_slot(key, slot)

        status = self._components.status
        return Scheduler(
            [
                Timetable(key, probe.schedule)
                for key, probe in plugin_set.probe_runner.probes.items()
            ],
            run_slot,
            clock=status.clock,
            heartbeat=status.heartbeat,
            metrics=status.metrics,
            early=EARLY_START,
        )


async def drain_task(task: asyncio.Task[None], components: Components, grace: float) -> None:
    """Wait for a task, and keep the heartbeat meanwhile.

    After the grace, or at an abort, all runs are aborted. A task that goes on after that is
    cancelled.

    Args:
        task: task to wait for.
        components: components that it uses.
        grace: seconds to wait before the abort.
    """
    status, abort = components.status, components.health.abort
    async with run_in_background(run_heartbeat(status.heartbeat, status.clock)):
        abort_task = asyncio.create_task(abort.wait())
        await asyncio.wait({task, abort_task}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        abort.set()
        await asyncio.wait({task}, timeout=_ABORT_GRACE)
    for each in (task, abort_task):
        each.cancel()
    await asyncio.gather(task, abort_task, return_exceptions=True)


async def _wait_for_runs(runs: set[asyncio.Task[None]]) -> None:
    if runs:
        await asyncio.wait(runs)
