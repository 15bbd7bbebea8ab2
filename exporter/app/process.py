"""Prober process: opens and closes its listeners, lease and components in order."""

import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

from exporter.app import leader
from exporter.app.components import (
    Components,
    ComponentSettings,
    freeze_gc,
    open_components,
)
from exporter.app.leader import Replica
from exporter.app.plugin_set import PluginSet, build_status, open_plugin_set
from exporter.app.signals import Signals, handle_signals
from exporter.config.loader import LoadedConfig
from exporter.fields import Address
from exporter.leaderelection.elector import LeaderElector, build_elector, open_lock
from exporter.listener.server import bind_socket, format_url, serve_app
from exporter.listener.tls import ServerTlsContext
from exporter.prober.reconciler import RECONCILE_INTERVAL
from exporter.probes import ProbeOutcome
from exporter.resources import limit_heaps, raise_open_file_limit
from exporter.schedule.clock import SystemClock
from exporter.schedule.open_loop import Slot
from exporter.schedule.scheduler import run_heartbeat
from exporter.schedule.tasks import run_in_background
from exporter.status import Status
from exporter.web.pages import WebPages

_CLEAN_UP_TIMEOUT = 60.0
"""Seconds that `once` waits for the clean-up, after remote observers should have answered."""


async def run_prober(loaded: LoadedConfig, *, print_line: Callable[[str], None]) -> None:
    """Run the prober until SIGTERM or SIGINT.

    Args:
        loaded: the configuration and what it refers to.
        print_line: prints one line for each listener once it serves.

    Raises:
        ListenError: an address is taken.
        JournalError: the journal cannot be used.
        LockError: the lock cannot be used, and a retry will not help.
    """
    raise_open_file_limit()
    limit_heaps()
    config, signals = loaded.config, Signals()
    with (
        _bind_listener("canary", config.canary.listen) as canary,
        _bind_listener("web", config.web.listen) as web,
        signals.install_handlers(),
    ):
        status = build_status(loaded, SystemClock())
        site = WebPages(status, loaded.web)
        tls = ServerTlsContext(loaded.web.tls) if loaded.web.tls else None
        web_line = f"web listening on {format_url(web, tls=tls is not None)}"
        server = await serve_app(site.app, web, tls=tls)
        try:
            async with _open_elector(loaded, status) as elector:
                replica = Replica(status, site, tls, elector, canary, signals, print_line, web_line)
                await leader.run_leader_loop(loaded, replica)
        finally:
            await server.cleanup()


async def run_once(
    loaded: LoadedConfig,
    *,
    print_line: Callable[[str], None],
    print_wait: Callable[[str], None],
    is_fast: bool = False,
) -> list[ProbeOutcome]:
    """Run every probe once, one after the other.

    Args:
        loaded: the configuration and what it refers to.
        print_line: prints one line before each probe starts.
        print_wait: prints what is waited for afterwards, and for how long.
        is_fast: whether to wait only for the clean-up of known leftovers. The journal keeps the
            runs for the next process.
    """
    outcomes = []
    async with open_plugin_set_alone(loaded) as (components, plugin_set):
        status, clock = components.status, components.status.clock
        with handle_signals(components.health.abort.set, signal.SIGTERM, signal.SIGINT):
            async with run_in_background(run_heartbeat(status.heartbeat, clock)):
                for key, probe in plugin_set.probe_runner.probes.items():
                    print_line(f"{key}: running, at most {probe.schedule.timeout}")
                    outcomes.append(
                        await plugin_set.probe_runner.run_slot(
                            key, Slot(clock.now(), clock.steady())
                        )
                    )
                await wait_for_observation(components, plugin_set, print_wait, is_fast=is_fast)
        return [_with_latest_runs(outcome, components) for outcome in outcomes]


@contextlib.asynccontextmanager
async def open_plugin_set_alone(
    loaded: LoadedConfig,
) -> AsyncIterator[tuple[Components, PluginSet]]:
    """Open everything that a configuration asks for, without pages, lease and schedule.

    Raises:
        ListenError: the address of the canary is taken.
        JournalError: the journal cannot be used; a running prober may hold it.
    """
    raise_open_file_limit()
    with _bind_listener("canary", loaded.config.canary.listen) as canary:
        status = build_status(loaded, SystemClock())
        async with (
            open_components(
                ComponentSettings.from_config(loaded), status, canary, may_send=lambda: True
            ) as components,
            open_plugin_set(loaded, components) as plugin_set,
        ):
            freeze_gc()
            plugin_set.activate(components)
            yield components, plugin_set


async def wait_for_observation(
    components: Components,
    plugin_set: PluginSet,
    print_wait: Callable[[str], None],
    *,
    is_fast: bool,
) -> None:
    """Wait until every run is observed and cleaned up, as long as that should take at most."""
    reconciler, clock = components.reconciler, components.status.clock
    observers = {} if is_fast else plugin_set.observers
    delays = (observer.usual_delay for observer in observers.values())
    timeout = max(delays, default=0.0) + _CLEAN_UP_TIMEOUT

    def is_settled() -> bool:
        return not (reconciler.has_leftovers if is_fast else len(reconciler))

    if is_settled() or components.health.abort.is_set():
        return
    names = " and ".join([*observers, "the clean-up"])
    print_wait(f"waiting at most {timeout:.0f} s for {names}")
    deadline = clock.now() + timeout
    while not is_settled() and clock.now() < deadline and not components.health.abort.is_set():
        await reconciler.reconcile()
        await clock.sleep(RECONCILE_INTERVAL / 4)


def _with_latest_runs(outcome: ProbeOutcome, components: Components) -> ProbeOutcome:
    latest = {latest_run.id: latest_run for latest_run in components.status.history}
    runs = tuple(latest.get(run.id, run) for run in outcome.runs)
    return replace(outcome, runs=runs)


@contextlib.asynccontextmanager
async def _open_elector(loaded: LoadedConfig, status: Status) -> AsyncIterator[LeaderElector]:
    """Open the lease and its elector; release the lease at the end for another prober."""
    settings, journal = loaded.config.lease, loaded.journal_path
    lease_path = journal.with_name(f"{journal.name}.lease")
    lease = open_lock(
        settings,
        file=lease_path,
        clock=status.clock,
        on_replaced=status.gauges.lease_file_losses.inc,
    )
    elector = build_elector(lease, settings, clock=status.clock)
    try:
        yield elector
    finally:
        await elector.release()
        await lease.close()


@contextlib.contextmanager
def _bind_listener(name: str, address: Address) -> Iterator[socket.socket]:
    bound = bind_socket(name, address)
    try:
        yield bound
    finally:
        bound.close()
