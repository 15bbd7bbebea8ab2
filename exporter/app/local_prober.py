"""Scenarios without a running prober: this process sends the load and serves the canary itself."""

import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from exporter.app.load_controller import LoadController, open_load_controller
from exporter.app.process import open_plugin_set_alone, wait_for_observation
from exporter.app.signals import handle_signals
from exporter.config.loader import LoadedConfig
from exporter.loadtest.prober_client import NoResultError
from exporter.loadtest.progress import ProgressView
from exporter.loadtest.result import Refusal, ScenarioResult
from exporter.loadtest.stop import StopReason
from exporter.prober.reconciler import RECONCILE_INTERVAL
from exporter.schedule.scheduler import run_heartbeat
from exporter.schedule.tasks import run_every, run_in_background

_PROGRESS_INTERVAL = 0.5


@dataclass
class LocalProber:
    """Prober for scenarios only; its normal probes do not run.

    Attributes:
        load_controller: runs the scenarios.
        is_stopped: whether the operator has stopped it.
    """

    load_controller: LoadController
    is_stopped: bool = False

    async def run_scenario(
        self, name: str, view: ProgressView, *, compress: float = 1.0, resume: bool = False
    ) -> tuple[ScenarioResult, dict[str, Any]]:
        """Run a scenario to its end, or until it is stopped; return its result and its file.

        Raises:
            NoResultError: it was refused.
        """
        started = await self.load_controller.start(name, compress=compress, resume=resume)
        if isinstance(started, Refusal):
            raise NoResultError(started.text)
        for note in started.notes:
            view.show_note(note)
        printed = 0
        while (current := self.load_controller.current) is not None:
            view.show_progress(current.describe_progress())
            printed = _show_steps(view, current.result, printed)
            await self.load_controller.wait(_PROGRESS_INTERVAL)
        document = self.load_controller.build_document(started.id)
        result = self.load_controller.get_last_result()
        if document is None or result is None:
            raise NoResultError("the run has no result")
        _show_steps(view, result, printed)
        return result, document

    def stop(self) -> None:
        """Stop the running scenario; events in flight still get their verdicts."""
        self.is_stopped = True
        self.load_controller.stop(StopReason.OPERATOR)


def _show_steps(view: ProgressView, result: ScenarioResult, printed: int) -> int:
    """Show the steps that were not printed yet; return the number of those that are by now."""
    for step in result.steps[printed:]:
        view.show_step(result, step)
    return len(result.steps)


@contextlib.asynccontextmanager
async def open_local_prober(
    loaded: LoadedConfig, *, print_wait: Callable[[str], None]
) -> AsyncIterator[LocalProber]:
    """Open a prober for scenarios. The first SIGINT or SIGTERM stops the load, the second aborts.

    Args:
        loaded: the configuration and what it refers to.
        print_wait: prints what is waited for at the end.

    Raises:
        ListenError: the address of the canary is taken.
        JournalError: the journal cannot be used; a running prober holds it.
    """
    async with open_plugin_set_alone(loaded) as (components, plugin_set):
        status, health = components.status, components.health
        prober = LocalProber(await open_load_controller(loaded, components))
        prober.load_controller.configure(plugin_set)

        def stop() -> None:
            if prober.is_stopped:
                health.abort.set()
            prober.stop()

        with handle_signals(stop, signal.SIGTERM, signal.SIGINT):
            async with run_in_background(
                run_heartbeat(status.heartbeat, status.clock),
                run_every(RECONCILE_INTERVAL, components.reconciler.reconcile, clock=status.clock),
            ):
                yield prober
                await wait_for_observation(components, plugin_set, print_wait, is_fast=True)
