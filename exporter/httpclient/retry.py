"""Backoff, Retry-After, circuit breaker, rate limit: one of each."""

import logging
import random
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from exporter.schedule.clock import Clock

PASSING_STATUSES = frozenset({429, 502, 503, 504})
"""Statuses of a server that may answer a moment later."""
_A_DAY = 86400.0

_DOUBLINGS = 32
"""Most doublings; more would overflow a float."""

_log = logging.getLogger(__name__)
Kind = TypeVar("Kind", bound=StrEnum)
KindOfError = TypeVar("KindOfError", bound=StrEnum, contravariant=True)

_HOUR = 3600.0
_SHARE_AT_ONCE = 10


def pause(attempt: int, *, backoff: float, longest: float, asked: float | None) -> float | None:
    """Compute the delay after an attempt, without jitter; None when Retry-After is too long.

    Args:
        attempt: number of the attempt, from 0.
        backoff: delay after the first attempt in seconds.
        max_delay: upper limit of the delay in seconds.
        retry_after: seconds that the server asked for by Retry-After; None when it did not.
    """
    if asked is not None and asked > longest:
        return None
    grown = min(backoff * 2.0**attempt, longest)
    return max(grown, asked or 0.0)


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Parse Retry-After as seconds, at most a day; None when it is absent or cannot be read.

    A date is compared with the server's own `Date` header if the response has one, so that a wrong
    clock on either side does no harm.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _A_DAY)
    until = _seconds(text)
    if until is None:
        return None
    sent = _seconds(headers.get("Date", ""))
    return min(max(0.0, until - (now if sent is None else sent)), _A_DAY)


def _seconds(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


class Backoff:
    """Delays that grow with every failure in a row.

    With full jitter each delay is random between zero and its limit, so that clients that failed
    together do not retry together.
    """

    def __init__(
        self, *, first: float, cap: float, random: Callable[[], float] = random.random
    ) -> None:
        self._first = first
        self._cap = cap
        self._random = random
        self._failures = 0

    def failed(self) -> float:
        """Record a failure; return the seconds to wait."""
        limit = min(self._cap, self._first * 2.0 ** min(self._failures, _DOUBLINGS))
        self._failures += 1
        return limit * self._random()

    def succeeded(self) -> None:
        """Reset the delays after a success."""
        self._failures = 0


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


class Pace:
    """Rate limiter in order of arrival: a tenth of the limit at once, the rest evenly spread."""

    def __init__(self, per_hour: int, *, clock: Clock) -> None:
        if per_hour < _SHARE_AT_ONCE:
            raise ValueError(f"{per_hour} requests an hour are too few to spread")
        at_once = per_hour // _SHARE_AT_ONCE
        self._clock = clock
        self._spacing = _HOUR / (per_hour - at_once)
        self._slack = (at_once - 1) * self._spacing
        self._due = clock.now()
        """Time of the next request, if all requests were evenly spread."""

    async def turn(self) -> None:
        """Wait until the next request may be sent.

        A wait that is cancelled still uses up its request.
        """
        now = self._clock.now()
        self._due = max(self._due, now)
        wait = self._due - self._slack - now
        self._due += self._spacing
        if wait > 0:
            await self._clock.sleep(wait)
