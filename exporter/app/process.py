"""The prober process: what is opened and closed, and in which order."""

import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

from exporter import listener
from exporter.app import leader
from exporter.app.components import Core, core
from exporter.app.generation import criteria, engine, lines
from exporter.app.leader import Station
from exporter.app.signals import Orders, on_signals
from exporter.config.loader import Loaded
from exporter.fields import Address
from exporter.leaderelection.elector import LeaseKeeper, keeper_of, open_lease
from exporter.listener import ServerTls
from exporter.prober.context import Outcome
from exporter.prober.reconciler import STEP
from exporter.schedule.clock import SystemClock
from exporter.schedule.scheduler import BEAT, Slot, keep_beating
from exporter.schedule.tasks import beside
from exporter.status import Face, face
from exporter.web.pages import Site

_PATIENCE_ONCE = 300.0
"""Seconds that `once` waits for late observers and for the clean-up."""


async def run(loaded: Loaded, *, say: Callable[[str], None]) -> None:
    """Run the prober until SIGTERM or SIGINT.

    Args:
        loaded: the configuration and what it refers to.
        say: prints one line for each listener once it serves.

    Raises:
        ListenError: an address is taken.
        JournalError: the journal cannot be used.
        LeaseError: the lease can never be held.
    """
    config, orders = loaded.config, Orders()
    with (
        _bound("canary", config.canary.listen) as canary,
        _bound("web", config.web.listen) as web,
        orders.heeded(),
    ):
        shown = _status(loaded)
        site = Site(shown, loaded.web)
        tls = ServerTls(loaded.web.tls) if loaded.web.tls else None
        serving = f"web listening on {listener.url(web, tls=tls is not None)}"
        server = await listener.serve(site.app, web, tls=tls)
        try:
            async with _lease(loaded, shown) as keeper:
                station = Station(shown, site, tls, keeper, canary, orders, say, serving)
                await leader.serve(loaded, station)
        finally:
            await server.cleanup()


async def once(loaded: Loaded, *, tell: Callable[[str], None]) -> list[Outcome]:
    """Run every probe once, one after the other.

    Args:
        loaded: the configuration and what it refers to.
        tell: prints one line before each probe starts.
    """
    outcomes = []
    with _bound("canary", loaded.config.canary.listen) as canary:
        shown = _status(loaded)
        async with (
            core(loaded, shown, canary, may_send=lambda: True) as made,
            engine(loaded, made) as by,
        ):
            by.take_over(made)
            clock = shown.clock
            with on_signals(made.abort.set, signal.SIGTERM, signal.SIGINT):
                async with beside(keep_beating(shown.pulse, clock)):
                    for key, probe in by.runner.probes.items():
                        tell(f"{key}: on its way, at most {probe.rhythm.timeout}")
                        outcomes.append(await by.runner.run(Slot(key, clock.now(), clock.steady())))
                    if len(made.aftercare) and not made.abort.is_set():
                        tell("looking for what the runs left behind, and cleaning up")
                        await _settled(made)
            return [_with_late_news(outcome, made) for outcome in outcomes]


def _status(loaded: Loaded) -> Face:
    return face(
        SystemClock(),
        beat=BEAT,
        lines=lines(loaded),
        targets=loaded.targets,
        criteria=criteria(loaded),
    )


async def _settled(made: Core) -> None:
    """Wait until every run is observed and cleaned up, for at most `_SETTLE_TIMEOUT` seconds."""
    clock = made.face.clock
    deadline = clock.now() + _PATIENCE_ONCE
    while len(made.aftercare) and clock.now() < deadline and not made.abort.is_set():
        await made.aftercare.step()
        await clock.sleep(STEP / 4)


def _with_late_news(outcome: Outcome, made: Core) -> Outcome:
    known = {run.id: run for run in made.face.recent}
    results = tuple(known.get(result.id, result) for result in outcome.results)
    return replace(outcome, results=results)


@contextlib.asynccontextmanager
async def _lease(loaded: Loaded, shown: Face) -> AsyncIterator[LeaseKeeper]:
    """Open the lease and its elector; release the lease at the end for another prober."""
    settings, journal = loaded.config.lease, loaded.journal_path
    beside_it = journal.with_name(f"{journal.name}.lease")
    lease = open_lease(settings, file=beside_it, clock=shown.clock)
    keeper = keeper_of(lease, settings, clock=shown.clock)
    try:
        yield keeper
    finally:
        await keeper.release()
        await lease.close()


@contextlib.contextmanager
def _bound(name: str, address: Address) -> Iterator[socket.socket]:
    bound = listener.bind(name, address)
    try:
        yield bound
    finally:
        bound.close()
