"""Sweep for orphans: leftovers that belong to no run which is not finished."""

import logging
from collections.abc import Awaitable, Callable, Iterable

from exporter.metrics.gauges import Gauges
from exporter.model.run import Leftover
from exporter.observers import RemoteObserver
from exporter.schedule.clock import Clock
from slos.schema.contract import LeftoverKind

_SWEEP_INTERVAL = 600.0
"""Seconds between two sweeps."""
_ORPHAN_AGE = 3600.0
"""Seconds; younger leftovers may still belong to a run that is pending."""
_log = logging.getLogger(__name__)


class OrphanSweep:
    """Searches for orphans periodically, and tries again those that could not be cleaned up."""

    def __init__(self, *, gauges: Gauges, clock: Clock) -> None:
        self._gauges = gauges
        self._clock = clock
        self._swept_at = clock.now()
        self.uncleaned: set[Leftover] = set()
        """Orphans that were found and could not be cleaned up."""

    async def sweep_if_due(
        self,
        observers: Iterable[RemoteObserver],
        *,
        list_known: Callable[[], Awaitable[set[Leftover]]],
    ) -> None:
        """Sweep, if the interval has passed.

        Args:
            observers: observers to search.
            list_known: lists the leftovers of runs that are not finished.
        """
        if self._clock.now() - self._swept_at < _SWEEP_INTERVAL:
            return
        self._swept_at = self._clock.now()
        sent_before = self._clock.steady() - _ORPHAN_AGE
        for observer in observers:
            if observer.leftover_kind is not None:
                orphans = set(await observer.find_orphans(sent_before))
                orphans -= await list_known() if orphans else set()
                await self._clean_up(observer, observer.leftover_kind, orphans)

    async def _clean_up(
        self, observer: RemoteObserver, kind: LeftoverKind, orphans: set[Leftover]
    ) -> None:
        """Clean up the orphans found now and those that could not be cleaned up before."""
        earlier = {leftover for leftover in self.uncleaned if leftover.kind is kind}
        leftovers = sorted(orphans | earlier, key=lambda leftover: leftover.handle)
        if not leftovers:
            return
        _log.warning("%d leftovers of earlier runs found; cleaning up", len(leftovers))
        failed = set(await observer.clean_up(leftovers))
        self._gauges.cleanup_failures.labels(kind).inc(len(failed))
        self.uncleaned = (self.uncleaned - set(leftovers)) | failed
