"""Runs the timetables of one configuration generation, and after a reload those of the next."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass

from exporter.config import Loaded
from exporter.core import Core
from exporter.engine import Engine, engine
from exporter.schedule.scheduler import EARLY, Scheduler, Slot
from exporter.schedule.timetable import Plan

_LAST_WORDS = 2.0
"""Seconds for aborted runs to be recorded as unknown."""
_log = logging.getLogger(__name__)


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
