"""Components of one config generation; drained when the next one starts."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace

from exporter.app.components import Core
from exporter.config.loader import Loaded
from exporter.httpclient.auth import headers
from exporter.httpclient.client import HttpSource
from exporter.httpclient.tls import Renewing
from exporter.metrics.runs import Line
from exporter.observers import LateObserver, expected, late_modules, visible
from exporter.paths import Reach, Way, way_modules
from exporter.plugins import PluginError, told
from exporter.prober.context import Means
from exporter.probes import Probe, Runner, probe_modules
from exporter.prometheus import Prometheus
from exporter.schedule.scheduler import EARLY, Scheduler, Slot
from exporter.schedule.timetable import Plan
from slos.schema.contract import Criterion, Route, Source

_log = logging.getLogger(__name__)

_LAST_WORDS = 2.0
"""Seconds for aborted runs to be recorded as unknown."""


def lines(loaded: Loaded) -> list[Line]:
    """List each pair of the labels `probe` and `path`, and the stages observed there."""
    return [
        Line(name, route, visible(route, loaded.observers), expected(route))
        for probe, settings in loaded.probes.items()
        for name, route in probe_modules()[probe].lines(settings)
    ]


def criteria(loaded: Loaded) -> set[Criterion]:
    """List the criteria that probes check in addition to the verdicts of their alerts."""
    return {each for probe in loaded.probes for each in probe_modules()[probe].CRITERIA}


@dataclass(frozen=True, slots=True)
class Engine:
    """Components built from one configuration."""

    loaded: Loaded
    runner: Runner
    observers: Mapping[Source, LateObserver]
    ways: Mapping[Route, Way]
    means: Means

    def take_over(self, core: Core) -> None:
        """Make metrics and the reconciler use this generation from now on."""
        core.face.metrics.adopt(
            lines=lines(self.loaded),
            targets=self.loaded.targets,
            criteria=criteria(self.loaded),
        )
        able: list[LateObserver | Way] = [*self.observers.values(), *self.ways.values()]
        cleaners = {each.cleans: each for each in able if each.cleans is not None}
        core.face.gauges.keep_only(self.loaded.probes)
        core.face.gauges.start_at_zero(kinds=cleaners, sources=self.observers)
        core.aftercare.use(self.observers, cleaners)


@contextlib.asynccontextmanager
async def engine(loaded: Loaded, core: Core) -> AsyncIterator[Engine]:
    """Build and connect everything that a configuration asks for, for as long as the block runs.

    Raises:
        LinearKeyError: the key of Linear is gone since the configuration was read.
        PluginError: a probe cannot be built.
    """
    async with contextlib.AsyncExitStack() as stack:
        reach = _reach(loaded, core)
        ways = {
            route: way_modules()[route].Way(settings, reach)
            for route, settings in loaded.paths.items()
        }
        observers = {
            source: await stack.enter_async_context(
                late_modules()[source].observer(
                    settings,
                    folder=loaded.folder,
                    clock=core.face.clock,
                    gauges=core.face.gauges,
                )
            )
            for source, settings in loaded.observers.items()
        }
        means = Means(
            core.courier,
            reach,
            ways,
            loaded.targets,
            core.face.gauges,
            await _prometheus(loaded, core, stack),
            core.abort,
            open_runs=core.aftercare.__len__,
            state=core.face.state,
            may_send=core.may_send,
        )
        runner = Runner(_probes(loaded, means), core.face.metrics)
        yield Engine(loaded, runner, observers, ways, means)


def _probes(loaded: Loaded, means: Means) -> list[Probe]:
    """Build all probes, each under a key of its own."""
    found: dict[str, Probe] = {}
    for name, settings in loaded.probes.items():
        try:
            made = list(probe_modules()[name].probes(settings, means))
        except Exception as error:
            _log.exception("probes.%s broke", name)
            raise PluginError(f"probes.{name} broke: {told(error)}") from error
        for probe in made:
            if probe.key in found:
                raise PluginError(f"probes.{name}: there is another probe with key {probe.key}")
            found[probe.key] = probe
    return list(found.values())


def _reach(loaded: Loaded, core: Core) -> Reach:
    target, folder = loaded.config.target, loaded.folder
    trusting = replace(
        core.sender,
        tls=Renewing(target.tls, folder).current,
        server_name=target.tls.server_name,
    )
    return Reach(
        target.url,
        core.canary,
        core.sender,
        trusting,
        core.face.clock,
        headers=lambda: headers(target, folder),
    )


async def _prometheus(
    loaded: Loaded, core: Core, stack: contextlib.AsyncExitStack
) -> Prometheus | None:
    settings = loaded.config.prometheus
    if settings is None:
        return None
    source = HttpSource("prometheus", settings, folder=loaded.folder, clock=core.face.clock)
    return Prometheus(await stack.enter_async_context(source))


@dataclass(frozen=True, slots=True)
class _Kept:
    """The generation that is running."""

    engine: Engine
    scheduler: Scheduler
    keeping: asyncio.Task[None]
    stack: contextlib.AsyncExitStack


class Shift:
    """Runs the configuration in use, from its first slot to its last run.

    Args:
        core: components of the process.
        may_send: whether this prober holds the lease.
        after: seconds from now before which slots are left out. They do not count as
            missed, since no prober was leading.
    """

    def __init__(self, core: Core, *, may_send: Callable[[], bool], after: float = 0.0) -> None:
        self._core = core
        self._may_send = may_send
        self._first_slot = core.face.clock.now() + after
        self._now: _Kept | None = None
        self._last: _Kept | None = None
        self._retiring: set[asyncio.Task[None]] = set()

    async def begin(self, loaded: Loaded) -> Engine:
        """Start a generation. Runs under way finish with the old one.

        Returns:
            The generation that was built from the configuration.

        Raises:
            Exception: it cannot be used, and the old generation goes on.
        """
        stack = contextlib.AsyncExitStack()
        try:
            made = await stack.enter_async_context(engine(loaded, self._core))
            made.take_over(self._core)
        except BaseException:
            await stack.aclose()
            raise
        scheduler = self._scheduler(made)
        keeping = asyncio.create_task(scheduler.run(), name="schedule")
        before, self._now = self._now, _Kept(made, scheduler, keeping, stack)
        if before is not None:
            retiring = asyncio.create_task(self._retire(before), name="retire")
            self._retiring.add(retiring)
            retiring.add_done_callback(self._retiring.discard)
        return made

    async def keep(self) -> None:
        """Wait for the current generation. It ends only with an error, which would be a bug."""
        while self._now is not None:
            keeping = self._now.keeping
            await asyncio.wait({keeping})
            if self._now.keeping is keeping:
                keeping.result()

    async def end(self, grace: float) -> None:
        """Start nothing more and wait for the runs under way; an abort ends the wait.

        Args:
            grace: seconds to wait.
        """
        if self._now is None:
            return
        kept = self._now
        kept.keeping.cancel()
        running = kept.scheduler.running
        if running:
            _log.info("stopping: %d runs under way, at most %.0f s", len(running), grace)
            await self._drained(kept, grace)
        for task in (*kept.scheduler.running, *self._retiring):
            task.cancel()
        await asyncio.gather(kept.keeping, *self._retiring, return_exceptions=True)
        self._now = None
        self._last = kept

    async def aclose(self) -> None:
        """Close the connections of the last generation. Nothing may use it afterwards."""
        last = self._now or self._last
        if last is not None:
            await last.stack.aclose()

    async def _drained(self, kept: _Kept, grace: float) -> None:
        beating = asyncio.create_task(kept.scheduler.beat())
        aborting = asyncio.create_task(self._core.abort.wait())
        ending = asyncio.create_task(_end(kept.scheduler.running))
        await asyncio.wait({ending, aborting}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        self._core.abort.set()
        await asyncio.wait({ending}, timeout=_LAST_WORDS)
        for task in (beating, aborting, ending):
            task.cancel()
        await asyncio.gather(beating, aborting, ending, return_exceptions=True)

    async def _retire(self, kept: _Kept) -> None:
        """Let the runs of a generation finish, then close its connections."""
        kept.keeping.cancel()
        try:
            await _end(kept.scheduler.running)
            await self._core.aftercare.between_steps()
            if self._now is not None:  # its last runs may have set gauges again
                self._core.face.gauges.keep_only(self._now.engine.loaded.probes)
        finally:
            await kept.stack.aclose()

    def _scheduler(self, made: Engine) -> Scheduler:
        async def turn(slot: Slot) -> None:
            if slot.intended >= self._first_slot and self._may_send():
                await made.runner.run(slot)

        shown = self._core.face
        return Scheduler(
            [Plan(key, probe.rhythm) for key, probe in made.runner.probes.items()],
            turn,
            clock=shown.clock,
            pulse=shown.pulse,
            watcher=shown.metrics,
            early=EARLY,
        )


async def _end(runs: set[asyncio.Task[None]]) -> None:
    if runs:
        await asyncio.wait(runs)
