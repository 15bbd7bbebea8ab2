"""Leader loop: wait for the lease, send while it is held, wait again when it is lost.

On standby a prober holds nothing that the leader needs. Above all it does not hold the journal,
which may lie on a volume that both share.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass

from exporter.app.components import (
    Components,
    ComponentSettings,
    freeze_gc,
    open_components,
)
from exporter.app.load_controller import LoadController, open_load_controller
from exporter.app.rollout import Rollout
from exporter.app.signals import Signals
from exporter.config.loader import LoadedConfig, load_config
from exporter.journal.sqlite import JournalInUseError
from exporter.leaderelection.elector import LeaderElector
from exporter.listener.server import format_url
from exporter.listener.tls import ServerTlsContext
from exporter.loadtest.stop import StopReason
from exporter.prober.reconciler import RECONCILE_INTERVAL
from exporter.reload import Reloader, ReloadSource
from exporter.schedule.tasks import run_every, run_in_background, wait_for_first
from exporter.status import Status
from exporter.web.pages import WebPages

_POLL_INTERVAL = 0.2
"""Seconds between two checks of the lease."""
_JOURNAL_RETRY_INTERVAL = 2.0
"""Seconds between two attempts to open a journal that another prober still holds."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Replica:
    """Replica of the prober: its parts that exist on standby and as leader.

    Attributes:
        status: status that is exported.
        site: the web pages.
        tls: TLS of the pages.
        elector: elector of the lease.
        canary_socket: bound socket of the canary.
        signals: signals of the process.
        print_line: prints one line for each listener that serves.
        web_line: the line about the pages.
    """

    status: Status
    site: WebPages
    tls: ServerTlsContext | None
    elector: LeaderElector
    canary_socket: socket.socket
    signals: Signals
    print_line: Callable[[str], None]
    web_line: str


async def run_leader_loop(loaded: LoadedConfig, replica: Replica) -> None:
    """Lead whenever the lease is held, until the process is asked to stop.

    Raises:
        JournalError: the journal cannot be used.
    """
    elector, stop = replica.elector, replica.signals.stop_requested
    await elector.step()
    has_stood_by = not elector.is_leader
    if has_stood_by:
        replica.print_line(f"{replica.web_line}, on standby: another prober may hold the lease")
    async with run_in_background(elector.run()):
        while not stop.is_set():
            await _stand_by(replica, lambda: elector.is_leader)
            if stop.is_set():
                return
            try:
                loaded = await _lead(loaded, replica)
            except JournalInUseError as error:
                # At the start this is a mistake. Later, the previous leader is not done yet.
                if not has_stood_by:
                    raise
                await _wait_for_journal(replica, error)
            has_stood_by = True


async def _stand_by(replica: Replica, is_over: Callable[[], bool]) -> None:
    """Keep the heartbeat until a condition holds or the process is asked to stop."""
    clock = replica.status.clock
    while not is_over() and not replica.signals.stop_requested.is_set():
        replica.status.heartbeat.beat(clock.now())
        await clock.sleep(_POLL_INTERVAL)


async def _wait_for_journal(replica: Replica, error: JournalInUseError) -> None:
    """Wait for `_JOURNAL_RETRY_INTERVAL` seconds before the journal is opened again."""
    clock = replica.status.clock
    retry_at = clock.now() + _JOURNAL_RETRY_INTERVAL
    _log.warning("%s; nothing is sent until it is released", error)
    await _stand_by(replica, lambda: clock.now() >= retry_at)


async def _lead(loaded: LoadedConfig, replica: Replica) -> LoadedConfig:
    """Lead until asked to stop or the lease is lost; return the configuration in use by then."""
    elector, site = replica.elector, replica.site

    def may_send() -> bool:
        return elector.is_leader

    delay = loaded.config.canary.reachable_after
    with contextlib.closing(replica.canary_socket.dup()) as canary:  # the server closes its socket
        async with (
            open_components(
                ComponentSettings.from_config(loaded), replica.status, canary, may_send=may_send
            ) as components,
            contextlib.aclosing(
                Rollout(components, first_slot_after=float(delay.seconds) if delay else 0.0)
            ) as rollout,
        ):
            freeze_gc()
            try:
                leader_work = _LeaderWork(
                    components, rollout, await open_load_controller(loaded, components)
                )
                await leader_work.apply(loaded)
                replica.print_line(f"canary listening on {format_url(canary)}")
                replica.print_line(replica.web_line)
                return await _run_until_stopped(loaded, replica, leader_work)
            finally:
                site.stop_leading()
                replica.status.gauges.reset_to_standby()
                replica.status.metrics.checks.reset_to_standby()
                replica.status.state.leaks.clear()


@dataclass(frozen=True, slots=True)
class _LeaderWork:
    """Senders of a leader: the scheduled probes, and load scenarios on demand."""

    components: Components
    rollout: Rollout
    load_controller: LoadController

    async def apply(self, loaded: LoadedConfig) -> None:
        """Use this configuration from now on."""
        self.load_controller.configure(await self.rollout.start(loaded))

    async def drain(self, grace: float, *, reason: StopReason) -> None:
        """Drain the runs under way.

        Args:
            grace: seconds to wait for them.
            reason: reason that a stopped scenario reports.
        """
        await asyncio.gather(
            self.rollout.drain(grace), self.load_controller.close(grace, reason=reason)
        )


async def _run_until_stopped(
    loaded: LoadedConfig, replica: Replica, leader_work: _LeaderWork
) -> LoadedConfig:
    """Run probes and scenarios until asked to stop or the lease is lost, then drain them."""
    clock, reloader, components = (
        replica.status.clock,
        _build_reloader(loaded, replica, leader_work),
        leader_work.components,
    )
    replica.site.start_leading(
        reload=reloader.request,
        load_controller=leader_work.load_controller,
        mark_counted=components.journal.mark_counted,
    )
    with replica.signals.bind(
        on_second_stop=components.health.abort.set, on_reload=reloader.request_soon
    ):
        async with run_in_background(
            run_every(RECONCILE_INTERVAL, components.reconciler.reconcile, clock=clock),
            run_every(
                RECONCILE_INTERVAL / 4,
                lambda: _update_gauges(replica, components, reloader),
                clock=clock,
            ),
            reloader.watch_files(),
        ):
            await _update_gauges(replica, components, reloader)
            try:
                await wait_for_first(
                    replica.signals.stop_requested.wait(),
                    leader_work.rollout.run(),
                    _wait_until_lease_lost(replica),
                )
            finally:
                replica.site.start_draining()
                await reloader.close()
                reason = (
                    StopReason.SHUTDOWN
                    if replica.signals.stop_requested.is_set()
                    else StopReason.LEASE_LOST
                )
                await leader_work.drain(
                    float(reloader.current.config.shutdown_grace.seconds), reason=reason
                )
    return reloader.current


async def _wait_until_lease_lost(replica: Replica) -> None:
    """Wait until the lease is lost; a short interruption does not count."""
    while not replica.elector.lost:
        await replica.status.clock.sleep(_POLL_INTERVAL)
    _log.warning("lease lost: waiting for runs in flight, then going on standby")


async def _update_gauges(
    replica: Replica, components: Components, reloader: Reloader[LoadedConfig]
) -> None:
    """Update the gauges that no other component updates."""
    gauges, is_leader = replica.status.gauges, replica.elector.is_leader
    gauges.config_ok.set(reloader.is_last_successful)
    gauges.lease_held.set(is_leader)
    gauges.journals_set_aside.set(len(components.journal.damaged_files))
    replica.site.set_ready(ready=is_leader)


def _build_reloader(
    loaded: LoadedConfig, replica: Replica, leader_work: _LeaderWork
) -> Reloader[LoadedConfig]:
    async def apply_config(loaded: LoadedConfig) -> None:
        if replica.tls is not None and loaded.web.tls is not None:
            replica.tls.update(loaded.web.tls)
        await leader_work.apply(loaded)
        replica.site.update_config(loaded.web)

    initial = loaded
    return Reloader(
        ReloadSource(
            load=lambda: load_config(initial.file, previous=initial),
            files=lambda loaded: loaded.files,
            apply=apply_config,
        ),
        initial,
        clock=replica.status.clock,
        interval=float(initial.config.reload.every.seconds),
    )
