"""Health of the prober itself: whether it may send, and whether its measurements count."""

import asyncio
from collections.abc import Callable
from math import inf

from exporter.model.deadlines import Deadlines
from exporter.model.evidence import Evidence
from exporter.model.verdict import ProberFault
from exporter.schedule.clock import Clock
from exporter.schedule.scheduler import Heartbeat

_STALL_WINDOW = 5
"""Times `max_send_lag`: the time within which stalls may add up to it. By default it is a fifth of
the tightest target."""


class ProberHealth:
    """Faults of the prober: shutdown, lost lease, closed canary, shortage, late sends, stalls.

    A run with such a fault is `unknown`, since it proves nothing about the target.

    Args:
        clock: clock of the runs.
        heartbeat: heartbeat of the event loop.
        may_send: returns whether this prober holds the lease. It is asked again right before each
            event: the process may have been suspended since the slot began, and another prober may
            hold the lease by now.
        is_canary_open: returns whether the canary accepts calls.
    """

    def __init__(
        self,
        clock: Clock,
        heartbeat: Heartbeat,
        *,
        may_send: Callable[[], bool],
        is_canary_open: Callable[[], bool],
    ) -> None:
        self._clock = clock
        self._heartbeat = heartbeat
        self._may_send = may_send
        self._is_canary_open = is_canary_open
        self._short_at = -inf
        self.abort = asyncio.Event()
        """Set when nothing may wait any longer."""

    def may_send(self) -> bool:
        """Return whether this prober, of several, holds the lease."""
        return self._may_send()

    def note_shortage(self) -> None:
        """Note that the canary could not take a call now, for lack of files, memory or places."""
        self._short_at = self._clock.now()

    def find_send_faults(self) -> set[ProberFault]:
        """Find the faults because of which nothing may be sent."""
        lease_faults = set() if self._may_send() else {ProberFault.LEASE_LOST}
        return self._find_process_faults() | lease_faults

    def find_run_faults(self, evidence: Evidence, deadlines: Deadlines) -> set[ProberFault]:
        """Find the faults that a run met, from its intended send until now."""
        faults = self._find_process_faults()
        if evidence.sent_at is None:
            return faults
        stall = self._heartbeat.measure_stall(
            evidence.intended, self._clock.now(), window=_STALL_WINDOW * deadlines.max_send_lag
        )
        if evidence.sent_at - evidence.intended > deadlines.max_send_lag:
            faults.add(ProberFault.SENT_LATE)
        if self._short_at >= evidence.sent_at:  # a call may have been refused, even a second one
            faults.add(ProberFault.RESOURCE_EXHAUSTED)
        if stall > deadlines.max_send_lag:
            faults.add(ProberFault.PROBER_STALLED)
        return faults

    def _find_process_faults(self) -> set[ProberFault]:
        faults = {ProberFault.SHUTDOWN} if self.abort.is_set() else set()
        return faults | (set() if self._is_canary_open() else {ProberFault.CANARY_DOWN})
