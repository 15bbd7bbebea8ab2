"""Wiring and lifecycle: what is built from what, started and stopped in which order."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from exporter import listen
from exporter.canary import Canary
from exporter.clock import Clock, SystemClock
from exporter.config import Loaded
from exporter.events import CanaryIdentity
from exporter.fields import Address
from exporter.journal import Journal
from exporter.judge import ProberFault
from exporter.ledger import Ledger
from exporter.metrics import Metrics
from exporter.observers import visible_stages
from exporter.post import session
from exporter.probes import Means, probe_modules
from exporter.pulse import Pulse
from exporter.result import ProbeResult
from exporter.rhythm import Plan
from exporter.runner import RECENT, Duty, Runner
from exporter.schedule import BEAT, Scheduler, Slot, keep_beating
from exporter.version import version
from exporter.web.site import Site

_LAST_WORDS = 2.0
"""Seconds for aborted runs to write down that they are unknown."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prober:
    """All parts of a running prober."""

    runner: Runner
    metrics: Metrics
    registry: CollectorRegistry
    pulse: Pulse
    clock: Clock
    abort: asyncio.Event


async def run(loaded: Loaded, *, say: Callable[[str], None]) -> None:
    """Probe until told to stop by SIGTERM or SIGINT.

    Args:
        loaded: what to do.
        say: takes one line per listener once it serves.

    Raises:
        ListenError: an address is taken.
        JournalError: the journal cannot be used.
    """
    config = loaded.config
    with _bound("canary", config.canary.listen) as canary, _bound("web", config.web.listen) as web:
        async with _prober(loaded, canary) as prober:
            site = Site(
                prober.registry,
                beat_age=lambda: prober.pulse.age(prober.clock.now()),
                recent=lambda: prober.runner.recent,
                scraped=prober.runner.scraped,
            )
            server = await listen.serve(site.app, web)
            try:
                await _probe_on(loaded, prober, site, lambda: _ready(say, canary, web))
            finally:
                await server.cleanup()


async def once(loaded: Loaded, *, tell: Callable[[str], None]) -> list[ProbeResult]:
    """Run every probe once, one after the other; `tell` hears of each before it starts."""
    results = []
    with _bound("canary", loaded.config.canary.listen) as canary:
        async with _prober(loaded, canary) as prober:
            with _stop_signals(prober.abort.set):
                beating = asyncio.create_task(keep_beating(prober.pulse, prober.clock))
                for name, settings in loaded.probes.items():
                    tell(f"{name}: one event on its way, at most {settings.timeout}")
                    clock = prober.clock
                    results.append(await prober.runner.run(Slot(name, clock.now(), clock.wall())))
                await _cancel(beating)
    return results


def _ready(say: Callable[[str], None], canary: socket.socket, web: socket.socket) -> None:
    say(f"canary listening on {listen.url(canary)}")
    say(f"web listening on {listen.url(web)}")


async def _probe_on(
    loaded: Loaded, prober: Prober, site: Site, announce: Callable[[], None]
) -> None:
    """Keep the plan until a signal comes, then let the runs under way end."""
    stop = asyncio.Event()

    def on_signal() -> None:
        (prober.abort if stop.is_set() else stop).set()

    scheduler = Scheduler(
        [Plan(name, rhythm) for name, rhythm in loaded.probes.items()],
        lambda slot: _forget(prober.runner, slot),
        clock=prober.clock,
        pulse=prober.pulse,
        watcher=prober.metrics,
    )
    with _stop_signals(on_signal):
        keeping = asyncio.create_task(scheduler.run(), name="schedule")
        waiting = asyncio.create_task(stop.wait(), name="stop")
        site.ready = True
        announce()
        try:
            await asyncio.wait({keeping, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            site.ready = False
            await _cancel(waiting, keeping)
            await _drain(scheduler, prober, float(loaded.config.shutdown_grace.seconds))


async def _drain(scheduler: Scheduler, prober: Prober, grace: float) -> None:
    """Wait for runs under way, up to the grace period; a second signal ends the wait."""
    if not scheduler.running:
        return
    _log.info("stopping: %d runs under way, at most %.0f s", len(scheduler.running), grace)
    beating = asyncio.create_task(scheduler.beat())
    aborting = asyncio.create_task(prober.abort.wait())
    ending = asyncio.create_task(_end(scheduler.running))
    await asyncio.wait({ending, aborting}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
    prober.abort.set()
    await asyncio.wait({ending}, timeout=_LAST_WORDS)
    await _cancel(beating, aborting, ending, *scheduler.running)


async def _end(runs: set[asyncio.Task[None]]) -> None:
    await asyncio.wait(runs)


async def _forget(runner: Runner, slot: Slot) -> None:
    await runner.run(slot)


@contextlib.asynccontextmanager
async def _prober(loaded: Loaded, listener: socket.socket) -> AsyncIterator[Prober]:
    """Everything but the plan and the pages: canary, journal, metrics, runner."""
    clock = SystemClock()
    registry = CollectorRegistry()
    metrics = _metrics(loaded, registry)
    pulse = Pulse(clock.now(), period=BEAT)
    journal = Journal(
        loaded.journal_path,
        keep_runs=loaded.config.journal.keep_runs,
        failed=metrics.journal_failure,
        clock=clock,
    )
    orphans = await journal.start()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(journal.close)
        ledger = Ledger()
        canary = Canary(
            ledger, clock=clock, was_issued=journal.was_issued, count=metrics.canary_request
        )
        serving = await listen.serve(canary.app, listener)
        stack.push_async_callback(serving.cleanup)
        client = await stack.enter_async_context(session())
        identity = CanaryIdentity(loaded.config.canary.name, loaded.config.canary.namespace)
        means = Means(loaded.config.target.url, identity, client, ledger, clock, loaded.targets)

        def prober_faults() -> set[ProberFault]:
            faults = {ProberFault.SHUTDOWN} if means.abort.is_set() else set()
            return faults | (set() if serving.sites else {ProberFault.CANARY_DOWN})

        runner = Runner(
            journal=journal, metrics=metrics, clock=clock, pulse=pulse, prober_faults=prober_faults
        )
        runner.recent.extend(await journal.recent(RECENT))
        runner.account(orphans)
        runner.duties = _duties(loaded, means)
        pulse.beat(clock.now())
        yield Prober(runner, metrics, registry, pulse, clock, means.abort)


def _metrics(loaded: Loaded, registry: CollectorRegistry) -> Metrics:
    return Metrics(
        registry,
        probes={name: probe_modules()[name].Probe.PATH for name in loaded.probes},
        visible=visible_stages(),
        targets=loaded.targets,
        version=version(),
    )


def _duties(loaded: Loaded, means: Means) -> dict[str, Duty]:
    return {
        name: Duty(
            probe_modules()[name].Probe(settings, means),
            float(settings.max_send_lag.seconds),
        )
        for name, settings in loaded.probes.items()
    }


@contextlib.contextmanager
def _bound(name: str, address: Address) -> Iterator[socket.socket]:
    listener = listen.bind(name, address)
    try:
        yield listener
    finally:
        listener.close()


@contextlib.contextmanager
def _stop_signals(handle: Callable[[], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _cancel(*tasks: asyncio.Task[None] | asyncio.Task[bool]) -> None:
    """End tasks; an error that ended one before is raised."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
