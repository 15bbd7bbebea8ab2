"""Periodic search for orphans: leftovers of lost journals and of runs observed too late."""

import logging
from collections.abc import Callable, Iterable

from exporter.metrics.gauges import Gauges
from exporter.model.run import Leaving
from exporter.observers import LateObserver
from exporter.schedule.clock import Clock
from slos.schema.contract import Leavings

_EVERY = 600.0
_OLDER_THAN = 3600.0
"""Seconds; younger leftovers may still belong to a run that is pending."""
_log = logging.getLogger(__name__)


class Sweep:
    """Searches for orphans periodically, and tries again those that could not be cleaned up."""

    def __init__(self, *, gauges: Gauges, clock: Clock) -> None:
        self._gauges = gauges
        self._clock = clock
        self._swept_at = clock.now()
        self.left: set[Leaving] = set()
        """Orphans that were found and could not be cleaned up."""

    async def step(
        self, observers: Iterable[LateObserver], *, known: Callable[[], set[Leaving]]
    ) -> None:
        """Sweep, if the interval has passed.

        Args:
            observers: observers to search.
            known: lists the leftovers that belong to pending runs.
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
        """Clean up the orphans found now and those that could not be cleaned up before."""
        before = {leaving for leaving in self.left if leaving.kind is kind}
        stray = sorted(found | before, key=lambda leaving: leaving.handle)
        if not stray:
            return
        _log.warning("%d things of earlier runs were left behind; cleaning up", len(stray))
        failed = set(await observer.clean(stray))
        self._gauges.cleanup_failures.labels(kind).inc(len(failed))
        self.left = (self.left - set(stray)) | failed
