"""Finding and cleaning up what nobody remembers: from lost journals, and from late answers."""

import logging
from collections.abc import Callable, Iterable

from exporter.clock import Clock
from exporter.gauges import Gauges
from exporter.observers import LateObserver
from exporter.result import Leaving
from slos.schema.contract import Leavings

_EVERY = 600.0
_OLDER_THAN = 3600.0
"""Seconds; younger ones may still belong to a run whose aftercare goes on."""
_log = logging.getLogger(__name__)


class Sweep:
    """Looks once in a while, and tries again with what it could not clean up."""

    def __init__(self, *, gauges: Gauges, clock: Clock) -> None:
        self._gauges = gauges
        self._clock = clock
        self._swept_at = clock.now()
        self.left: set[Leaving] = set()
        """What was found and could not be cleaned up."""

    async def step(
        self, observers: Iterable[LateObserver], *, known: Callable[[], set[Leaving]]
    ) -> None:
        """Sweep, when it is time.

        Args:
            observers: whom to ask.
            known: gives what belongs to runs that are taken care of.
        """
        if self._clock.now() - self._swept_at < _EVERY:
            return
        self._swept_at = self._clock.now()
        before = self._clock.steady() - _OLDER_THAN
        for observer in observers:
            if observer.cleans is not None:
                found = set(await observer.sweep(before)) - known()
                await self._clean(observer, observer.cleans, found)

    async def _clean(self, observer: LateObserver, kind: Leavings, found: set[Leaving]) -> None:
        """Clean up what was found now, and earlier to no avail."""
        before = {leaving for leaving in self.left if leaving.kind is kind}
        stray = sorted(found | before, key=lambda leaving: leaving.handle)
        if not stray:
            return
        _log.warning("%d things of earlier runs were left behind; cleaning up", len(stray))
        failed = set(await observer.clean(stray))
        self._gauges.cleanup_failures.labels(kind).inc(len(failed))
        self.left = (self.left - set(stray)) | failed
