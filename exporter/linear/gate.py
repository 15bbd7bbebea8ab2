"""Circuit breaker: after a fault a peer is not asked until its wait is over."""

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from exporter.backoff import Backoff
from exporter.schedule.clock import Clock

_log = logging.getLogger(__name__)
Kind = TypeVar("Kind", bound=StrEnum)
KindOfError = TypeVar("KindOfError", bound=StrEnum, contravariant=True)


class MakeError(Protocol[KindOfError]):
    """Constructor of the errors of a peer."""

    def __call__(self, fault: KindOfError, reason: str, /, *, wait: float = 0.0) -> Exception:
        """Create the error of a request that failed."""


class Gate(Generic[Kind]):
    """Circuit breaker: lets requests pass, or refuses them with the last fault.

    Args:
        backoff: waits after faults in a row.
        peer: name of the other side, for the log.
        error: creates the error of a refused request.
        waits: fixed waits in seconds of the faults that a backoff does not suit.
        failed: called with each fault.
    """

    def __init__(
        self,
        backoff: Backoff,
        *,
        clock: Clock,
        peer: str,
        error: MakeError[Kind],
        waits: Mapping[Kind, float],
        failed: Callable[[Kind], None],
    ) -> None:
        self._backoff = backoff
        self._clock = clock
        self._peer = peer
        self._error = error
        self._waits = waits
        self._failed = failed
        self._closed_until = clock.now()
        self._fault: Kind | None = None
        self._reason = ""

    @property
    def fault(self) -> Kind | None:
        """Fault of the last request; None when it succeeded."""
        return self._fault

    def enter(self) -> None:
        """Check that a request may be sent.

        Raises:
            Exception: the error of the peer; it is too early, nothing was sent.
        """
        wait = self._closed_until - self._clock.now()
        if self._fault is not None and wait > 0:
            raise self._error(self._fault, f"{self._reason}, not asked again yet", wait=wait)

    def opened(self) -> None:
        """Record a success; one sent before the last fault does not close the breaker."""
        if self._fault is not None:
            if self._clock.now() < self._closed_until:
                return
            _log.info("%s answers again", self._peer)
        self._fault = None
        self._backoff.succeeded()

    def shut(self, fault: Kind, reason: str, *, wait: float | None = None) -> Exception:
        """Record a fault that other requests would meet too, and return the error to raise.

        Args:
            fault: kind of the fault.
            reason: in our own words.
            wait: seconds the reply asked to stay away, if it did.
        """
        wait = self._wait(fault, wait)
        self._closed_until = max(self._closed_until, self._clock.now() + wait)
        if fault is not self._fault:
            _log.warning("%s: %s: %s; probing goes on", self._peer, fault, reason)
        self._fault, self._reason = fault, reason
        self._failed(fault)
        return self._error(fault, reason, wait=wait)

    def refused(self, fault: Kind) -> None:
        """Record a fault of one request, which says nothing of others."""
        self._failed(fault)

    def _wait(self, fault: Kind, told: float | None) -> float:
        if fault in self._waits:
            return self._waits[fault]
        backoff = self._backoff.failed()
        return backoff if told is None else told
