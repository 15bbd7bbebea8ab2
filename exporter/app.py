"""Lifecycle: what is started and stopped in which order, by signals, the lease and reloads."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from exporter import listen
from exporter.aftercare import STEP
from exporter.beside import beside, first
from exporter.clock import SystemClock
from exporter.config import Loaded, load
from exporter.core import Core, core
from exporter.engine import engine
from exporter.face import Face, face
from exporter.fields import Address
from exporter.lease.choice import keeper_of, open_lease
from exporter.lease.keeper import LeaseKeeper
from exporter.means import Outcome
from exporter.reload import Reloader, Source
from exporter.schedule import BEAT, Slot, every, keep_beating
from exporter.shift import Shift
from exporter.web.certificates import ServerTls
from exporter.web.site import Site

_STANDBY_LOOK = 0.2
"""Seconds between two looks at the lease while another prober holds it."""
_PATIENCE_ONCE = 300.0
"""Seconds that a single turn waits for late observers and for the clean-up."""


@dataclass(frozen=True, slots=True)
class _Running:
    """What a prober consists of once it may send."""

    loaded: Loaded
    core: Core
    shift: Shift
    site: Site
    keeper: LeaseKeeper
    tls: ServerTls | None


async def run(loaded: Loaded, *, say: Callable[[str], None]) -> None:
    """Probe until told to stop by SIGTERM or SIGINT.

    Args:
        loaded: what to do.
        say: takes one line per listener once it serves.

    Raises:
        ListenError: an address is taken.
        JournalError: the journal cannot be used.
        LeaseError: the lease can never be held.
    """
    config = loaded.config
    with (
        _bound("canary", config.canary.listen) as canary,
        _bound("web", config.web.listen) as web,
        _signals(lambda: None, signal.SIGHUP),  # whoever stands by reads all when it takes over
    ):
        shown = face(loaded, SystemClock(), beat=BEAT)
        site = Site(shown, loaded.web)
        tls = ServerTls(loaded.web.tls) if loaded.web.tls else None
        server = await listen.serve(site.app, web, tls=tls)
        try:
            async with _lease(loaded, shown) as keeper:
                await _while_holding(loaded, shown, site, keeper, tls, (canary, web), say)
        finally:
            await server.cleanup()


async def once(loaded: Loaded, *, tell: Callable[[str], None]) -> list[Outcome]:
    """One turn of every probe, one after the other; `tell` hears of each before it starts."""
    outcomes = []
    with _bound("canary", loaded.config.canary.listen) as listener:
        shown = face(loaded, SystemClock(), beat=BEAT)
        async with core(loaded, shown, listener) as made, engine(loaded, made) as by:
            by.take_over(made)
            clock = shown.clock
            with _signals(made.abort.set, signal.SIGTERM, signal.SIGINT):
                async with beside(keep_beating(shown.pulse, clock)):
                    for key, probe in by.runner.probes.items():
                        tell(f"{key}: on its way, at most {probe.rhythm.timeout}")
                        outcomes.append(await by.runner.run(Slot(key, clock.now(), clock.wall())))
                    if len(made.aftercare) and not made.abort.is_set():
                        tell("looking for what the runs left behind, and cleaning up")
                        await _settled(made)
            return [_with_late_news(outcome, made) for outcome in outcomes]


async def _settled(made: Core) -> None:
    """Wait until nothing is left to learn or to clean up, within reason."""
    clock = made.face.clock
    deadline = clock.now() + _PATIENCE_ONCE
    while len(made.aftercare) and clock.now() < deadline and not made.abort.is_set():
        await made.aftercare.step()
        await clock.sleep(STEP / 4)


def _with_late_news(outcome: Outcome, made: Core) -> Outcome:
    known = {run.id: run for run in made.face.recent}
    results = tuple(known.get(result.id, result) for result in outcome.results)
    return Outcome(results, outcome.checks, outcome.notes)


async def _while_holding(  # noqa: PLR0913, PLR0917 - what was opened before, handed on once
    loaded: Loaded,
    shown: Face,
    site: Site,
    keeper: LeaseKeeper,
    tls: ServerTls | None,
    listeners: tuple[socket.socket, socket.socket],
    say: Callable[[str], None],
) -> None:
    stop, (canary, web) = asyncio.Event(), listeners
    serving = f"web listening on {listen.url(web, tls=tls is not None)}"
    with _signals(stop.set, signal.SIGTERM, signal.SIGINT):
        await keeper.step()
        if not keeper.holding:
            say(f"{serving}, standing by: another prober holds the lease")
            await _until_held(keeper, shown, stop)
    if stop.is_set():
        return
    async with (
        core(loaded, shown, canary) as made,
        contextlib.aclosing(Shift(made, may_send=lambda: keeper.holding)) as shift,
    ):
        site.scraped = made.courier.scraped
        await shift.begin(loaded)
        say(f"canary listening on {listen.url(canary)}")
        say(serving)
        await _work(_Running(loaded, made, shift, site, keeper, tls), stop)


async def _work(parts: _Running, stop: asyncio.Event) -> None:
    """Probe until a signal comes, then let the runs under way end."""
    made, site, shift = parts.core, parts.site, parts.shift
    reloader = _reloader(parts)
    site.reload = reloader.request

    def on_signal() -> None:
        (made.abort if stop.is_set() else stop).set()

    with (
        _signals(on_signal, signal.SIGTERM, signal.SIGINT),
        _signals(reloader.request_soon, signal.SIGHUP),
    ):
        clock = made.face.clock
        async with beside(
            parts.keeper.run(),
            every(STEP, made.aftercare.step, clock=clock),
            every(STEP / 4, lambda: _show(parts, reloader), clock=clock),
            reloader.watch(),
        ):
            await _show(parts, reloader)
            try:
                await first(stop.wait(), shift.keep())
            finally:
                site.ready, site.stopping = False, True
                await reloader.close()
                await shift.end(float(reloader.current.config.shutdown_grace.seconds))


async def _show(parts: _Running, reloader: Reloader[Loaded]) -> None:
    """State that nobody else keeps up to date."""
    gauges = parts.core.face.gauges
    gauges.config_ok.set(reloader.last_successful)
    gauges.lease_held.set(parts.keeper.holding)
    gauges.journals_set_aside.set(len(parts.core.journal.set_aside))
    parts.site.ready = parts.keeper.holding and not parts.site.stopping


def _reloader(parts: _Running) -> Reloader[Loaded]:
    async def apply(loaded: Loaded) -> None:
        if parts.tls is not None and loaded.web.tls is not None:
            parts.tls.adopt(loaded.web.tls)
        await parts.shift.begin(loaded)
        parts.site.adopt(loaded.web)

    first = parts.loaded
    return Reloader(
        Source(
            load=lambda: load(first.file, before=first),
            files=lambda loaded: loaded.files,
            apply=apply,
        ),
        first,
        clock=parts.core.face.clock,
        interval=float(first.config.reload.every.seconds),
    )


@contextlib.asynccontextmanager
async def _lease(loaded: Loaded, shown: Face) -> AsyncIterator[LeaseKeeper]:
    settings, journal = loaded.config.lease, loaded.journal_path
    beside = journal.with_name(f"{journal.name}.lease")
    lease = open_lease(settings, file=beside, clock=shown.clock)
    keeper = keeper_of(lease, settings, clock=shown.clock)
    try:
        yield keeper
        await keeper.release()
    finally:
        await lease.close()


async def _until_held(keeper: LeaseKeeper, shown: Face, stop: asyncio.Event) -> None:
    """Stand by, awake, until this prober is the one that sends, or is told to stop."""
    async with beside(keeper.run()):
        while not keeper.holding and not stop.is_set():
            shown.pulse.beat(shown.clock.now())
            await shown.clock.sleep(_STANDBY_LOOK)


@contextlib.contextmanager
def _bound(name: str, address: Address) -> Iterator[socket.socket]:
    listener = listen.bind(name, address)
    try:
        yield listener
    finally:
        listener.close()


@contextlib.contextmanager
def _signals(handle: Callable[[], None], *numbers: signal.Signals) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
