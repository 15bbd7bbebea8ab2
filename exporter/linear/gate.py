"""Circuit breaker: no requests for some time after an error, depending on the error kind."""

import logging
from collections.abc import Callable

from exporter.backoff import Backoff
from exporter.clock import Clock
from exporter.linear.fault import LinearError, LinearFault

UNAUTHORIZED_WAIT = 300.0
"""Seconds after a refused key: a person has to replace it, and twelve attempts an hour are enough
to notice that."""
FIRST_WAIT = 2.0
LONGEST_WAIT = 300.0
_log = logging.getLogger(__name__)


class Gate:
    """Circuit breaker: passes requests, or fails them at once with the error that opened it."""

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
        """Error kind of the last request; None when it succeeded."""
        return self._fault

    def enter(self) -> None:
        """Check that a request may be sent.

        Raises:
            LinearError: the circuit is open; nothing was sent.
        """
        wait = self._closed_until - self._clock.now()
        if self._fault is not None and wait > 0:
            raise LinearError(self._fault, f"{self._reason}, not asked again yet", wait=wait)

    def opened(self) -> None:
        """Record a successful response.

        A response to a request from before the circuit opened does not close it.
        """
        if self._fault is not None:
            if self._clock.now() < self._closed_until:
                return
            _log.info("Linear answers again")
        self._fault = None
        self._backoff.succeeded()

    def shut(self, fault: LinearFault, reason: str, *, wait: float | None = None) -> LinearError:
        """Record an error that affects all requests; return the error to raise.

        The circuit opens.

        Args:
            kind: the error kind.
            reason: the reason in our own words.
            retry_after: seconds to wait, as asked for by the response; None when it did not ask.
        """
        wait = self._wait(fault, wait)
        self._closed_until = max(self._closed_until, self._clock.now() + wait)
        if fault is not self._fault:
            _log.warning("Linear: %s: %s; probing goes on", fault, reason)
        self._fault, self._reason = fault, reason
        self._failed(fault)
        return LinearError(fault, reason, wait=wait)

    def refused(self, fault: LinearFault) -> None:
        """Record that one request was refused, which does not affect others."""
        self._failed(fault)

    def _wait(self, fault: LinearFault, told: float | None) -> float:
        if fault is LinearFault.UNAUTHORIZED:
            return UNAUTHORIZED_WAIT
        backoff = self._backoff.failed()
        return backoff if told is None else told
