"""When Linear may be asked again: closed after a fault, for as long as that fault deserves."""

import logging
from collections.abc import Callable

from exporter.backoff import Backoff
from exporter.clock import Clock
from exporter.linear.fault import LinearError, LinearFault

UNAUTHORIZED_WAIT = 300.0
"""Seconds after a refused key: a person has to change it, and twelve attempts an hour find
out soon enough that somebody did."""
FIRST_WAIT = 2.0
LONGEST_WAIT = 300.0
_log = logging.getLogger(__name__)


class Gate:
    """Lets requests through, or refuses them at once with the fault that closed it."""

    def __init__(
        self, backoff: Backoff, *, clock: Clock, failed: Callable[[LinearFault], None]
    ) -> None:
        self._backoff = backoff
        self._clock = clock
        self._failed = failed
        self._closed_until = clock.now()
        self._fault: LinearFault | None = None
        self._reason = ""

    @property
    def fault(self) -> LinearFault | None:
        """What the last request failed with; None when it did not."""
        return self._fault

    def enter(self) -> None:
        """Ask for permission.

        Raises:
            LinearError: it is too early; nothing was sent.
        """
        wait = self._closed_until - self._clock.now()
        if self._fault is not None and wait > 0:
            raise LinearError(self._fault, f"{self._reason}, not asked again yet", wait=wait)

    def opened(self) -> None:
        """A request was answered. One sent before the gate was shut does not open it."""
        if self._fault is not None:
            if self._clock.now() < self._closed_until:
                return
            _log.info("Linear answers again")
        self._fault = None
        self._backoff.succeeded()

    def shut(self, fault: LinearFault, reason: str, *, wait: float | None = None) -> LinearError:
        """A request failed in a way that others would, too; gives the error to raise.

        Args:
            fault: in which way.
            reason: in our own words.
            wait: seconds the reply asked to stay away, if it did.
        """
        wait = self._wait(fault, wait)
        self._closed_until = max(self._closed_until, self._clock.now() + wait)
        if fault is not self._fault:
            _log.warning("Linear: %s: %s; probing goes on", fault, reason)
        self._fault, self._reason = fault, reason
        self._failed(fault)
        return LinearError(fault, reason, wait=wait)

    def refused(self, fault: LinearFault) -> None:
        """One question was refused, which says nothing of others."""
        self._failed(fault)

    def _wait(self, fault: LinearFault, told: float | None) -> float:
        if fault is LinearFault.UNAUTHORIZED:
            return UNAUTHORIZED_WAIT
        backoff = self._backoff.failed()
        return backoff if told is None else told
