"""The leader loop: stand by, send while the lease is held, and stand by again when it is lost.

On standby a prober holds nothing that the leader needs. Above all it does not hold the journal,
which may lie on a volume that both share.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass

from exporter import listener
from exporter.app.components import Core, core
from exporter.app.generation import Shift
from exporter.app.load_controller import Desk
from exporter.app.signals import Orders
from exporter.config.loader import Loaded, load
from exporter.journal.sqlite import JournalInUseError
from exporter.leaderelection.elector import LeaseKeeper
from exporter.listener import ServerTls
from exporter.loadtest.result import Archive
from exporter.loadtest.stop import Stop
from exporter.prober.reconciler import STEP
from exporter.reload import Reloader, Source
from exporter.schedule.scheduler import every
from exporter.schedule.tasks import beside, first
from exporter.status import Face
from exporter.web.pages import Site

_LOOK = 0.2
"""Seconds between two checks of the lease."""
_PAUSE = 2.0
"""Seconds between two attempts to open a journal that another prober still holds."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Station:
    """Parts of a prober that exist on standby and as leader.

    Attributes:
        face: status that is exported.
        site: the web pages.
        tls: TLS of the pages.
        keeper: elector of the lease.
        canary: bound socket of the canary.
        orders: signals of the process.
        say: prints one line for each listener that serves.
        serving: the line about the pages.
    """

    face: Face
    site: Site
    tls: ServerTls | None
    keeper: LeaseKeeper
    canary: socket.socket
    orders: Orders
    say: Callable[[str], None]
    serving: str


async def serve(loaded: Loaded, station: Station) -> None:
    """Lead whenever the lease is held, until the process is asked to stop.

    Raises:
        JournalError: the journal cannot be used.
    """
    keeper, stop = station.keeper, station.orders.stop
    await keeper.step()
    stood_by = not keeper.holding
    if stood_by:
        station.say(f"{station.serving}, standing by: another prober holds the lease")
    async with beside(keeper.run()):
        while not stop.is_set():
            await _stand_by(station, lambda: keeper.holding)
            if stop.is_set():
                return
            try:
                loaded = await _on_duty(loaded, station)
            except JournalInUseError as error:
                # At the start this is a mistake. Later, the previous leader is not done yet.
                if not stood_by:
                    raise
                await _wait(station, error)
            stood_by = True


async def _stand_by(station: Station, over: Callable[[], bool]) -> None:
    """Keep the heartbeat until a condition holds or the process is asked to stop."""
    clock = station.face.clock
    while not over() and not station.orders.stop.is_set():
        station.face.pulse.beat(clock.now())
        await clock.sleep(_LOOK)


async def _wait(station: Station, error: JournalInUseError) -> None:
    """Wait for `_JOURNAL_RETRY_INTERVAL` seconds before the journal is opened again."""
    clock = station.face.clock
    again = clock.now() + _PAUSE
    _log.warning("%s; nothing is sent until it is given up", error)
    await _stand_by(station, lambda: clock.now() >= again)


async def _on_duty(loaded: Loaded, station: Station) -> Loaded:
    """Lead until asked to stop or the lease is lost; return the configuration in use by then."""
    keeper, site = station.keeper, station.site

    def may_send() -> bool:
        return keeper.holding

    after = loaded.config.canary.reachable_after
    with contextlib.closing(station.canary.dup()) as canary:  # the server closes its socket
        async with (
            core(loaded, station.face, canary, may_send=may_send) as made,
            contextlib.aclosing(
                Shift(made, may_send=may_send, after=float(after.seconds) if after else 0.0)
            ) as shift,
        ):
            site.scraped = made.courier.scraped
            try:
                work = _Work(made, shift, await _desk(loaded, made, may_send))
                await work.begin(loaded)
                station.say(f"canary listening on {listener.url(canary)}")
                station.say(station.serving)
                return await _work(loaded, station, work)
            finally:
                site.off_duty()
                station.face.gauges.off_duty()


@dataclass(frozen=True, slots=True)
class _Work:
    """Senders of a leader: the scheduled probes, and load scenarios on demand."""

    core: Core
    shift: Shift
    desk: Desk

    async def begin(self, loaded: Loaded) -> None:
        """Use this configuration from now on."""
        self.desk.use(await self.shift.begin(loaded))

    async def end(self, grace: float, *, why: Stop) -> None:
        """Drain the runs under way.

        Args:
            grace: seconds to wait for them.
            why: reason that a stopped scenario reports.
        """
        await asyncio.gather(self.shift.end(grace), self.desk.close(grace, why=why))


async def _desk(loaded: Loaded, made: Core, may_send: Callable[[], bool]) -> Desk:
    journal = loaded.journal_path
    archive = Archive(
        journal.with_name(f"{journal.name}.scenarios"), keep=loaded.config.scenarios.keep_results
    )
    desk = Desk(made, archive, may_send=may_send)
    await desk.open()
    return desk


async def _work(loaded: Loaded, station: Station, work: _Work) -> Loaded:
    """Run probes and scenarios until asked to stop or the lease is lost, then drain them."""
    clock, reloader, made = station.face.clock, _reloader(loaded, station, work), work.core
    station.site.on_duty(reload=reloader.request, desk=work.desk)
    with station.orders.carried_out(hurry=made.abort.set, reload=reloader.request_soon):
        async with beside(
            every(STEP, made.aftercare.step, clock=clock),
            every(STEP / 4, lambda: _show(station, made, reloader), clock=clock),
            reloader.watch(),
        ):
            await _show(station, made, reloader)
            try:
                await first(station.orders.stop.wait(), work.shift.keep(), _lost(station))
            finally:
                station.site.end_duty()
                await reloader.close()
                why = Stop.SHUTDOWN if station.orders.stop.is_set() else Stop.LEASE_LOST
                await work.end(float(reloader.current.config.shutdown_grace.seconds), why=why)
    return reloader.current


async def _lost(station: Station) -> None:
    """Wait until the lease is lost; a short interruption does not count."""
    while not station.keeper.lost:
        await station.face.clock.sleep(_LOOK)
    _log.warning("the lease is lost: letting the runs under way end, then standing by")


async def _show(station: Station, made: Core, reloader: Reloader[Loaded]) -> None:
    """Update the gauges that no other component updates."""
    gauges, holding = station.face.gauges, station.keeper.holding
    gauges.config_ok.set(reloader.last_successful)
    gauges.lease_held.set(holding)
    gauges.journals_set_aside.set(len(made.journal.set_aside))
    station.site.show_ready(is_=holding)


def _reloader(loaded: Loaded, station: Station, work: _Work) -> Reloader[Loaded]:
    async def apply(loaded: Loaded) -> None:
        if station.tls is not None and loaded.web.tls is not None:
            station.tls.adopt(loaded.web.tls)
        await work.begin(loaded)
        station.site.adopt(loaded.web)

    first_one = loaded
    return Reloader(
        Source(
            load=lambda: load(first_one.file, before=first_one),
            files=lambda loaded: loaded.files,
            apply=apply,
        ),
        first_one,
        clock=station.face.clock,
        interval=float(first_one.config.reload.every.seconds),
    )
