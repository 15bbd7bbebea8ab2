"""Backoff, Retry-After, circuit breaker, rate limit: one of each."""

import logging
import random
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from exporter.schedule.clock import Clock

RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})
"""Statuses of a server that may answer a moment later."""
_MAX_RETRY_AFTER = 86400.0

_MAX_DOUBLINGS = 32
"""Most doublings; more would overflow a float."""

_log = logging.getLogger(__name__)
Kind = TypeVar("Kind", bound=StrEnum)
KindOfError_contra = TypeVar("KindOfError_contra", bound=StrEnum, contravariant=True)

_HOUR = 3600.0
_BURST_DIVISOR = 10


def compute_retry_delay(
    attempt: int, *, backoff: float, max_delay: float, retry_after: float | None
) -> float | None:
    """Compute the delay after an attempt, without jitter; None when Retry-After is too long.

    Args:
        attempt: number of the attempt, from 0.
        backoff: delay after the first attempt in seconds.
        max_delay: upper limit of the delay in seconds.
        retry_after: seconds that the server asked for by Retry-After; None when it did not.
    """
    if retry_after is not None and retry_after > max_delay:
        return None
    delay = min(backoff * 2.0**attempt, max_delay)
    return max(delay, retry_after or 0.0)


def parse_retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Parse Retry-After as seconds, at most a day; None when it is absent or cannot be read.

    A date is compared with the server's own `Date` header if the response has one, so that a wrong
    clock on either side does no harm.
    """
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), _MAX_RETRY_AFTER)
    retry_at = _parse_http_date(text)
    if retry_at is None:
        return None
    sent_at = _parse_http_date(headers.get("Date", ""))
    return min(max(0.0, retry_at - (now if sent_at is None else sent_at)), _MAX_RETRY_AFTER)


def _parse_http_date(text: str) -> float | None:
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

    def record_failure(self) -> float:
        """Record a failure; return the seconds to wait."""
        limit = min(self._cap, self._first * 2.0 ** min(self._failures, _MAX_DOUBLINGS))
        self._failures += 1
        return limit * self._random()

    def reset(self) -> None:
        """Reset the delays after a success."""
        self._failures = 0


class MakeError(Protocol[KindOfError_contra]):
    """Constructor of the errors of a peer."""

    def __call__(
        self, kind: KindOfError_contra, reason: str, /, *, retry_after: float = 0.0
    ) -> Exception:
        """Create the error of a request that failed."""


class CircuitBreaker(Generic[Kind]):
    """Circuit breaker: lets requests pass, or refuses them with the last fault.

    Args:
        backoff: waits after faults in a row.
        peer: name of the other side, for the log.
        error: creates the error of a refused request.
        waits: fixed waits in seconds of the faults that a backoff does not suit.
        on_error: called with each fault.
    """

    def __init__(
        self,
        backoff: Backoff,
        *,
        clock: Clock,
        peer: str,
        error: MakeError[Kind],
        waits: Mapping[Kind, float],
        on_error: Callable[[Kind], None],
    ) -> None:
        self._backoff = backoff
        self._clock = clock
        self._peer = peer
        self._error = error
        self._waits = waits
        self._on_error = on_error
        self._open_until = clock.now()
        self._error_kind: Kind | None = None
        self._reason = ""

    @property
    def error_kind(self) -> Kind | None:
        """Fault of the last request; None when it succeeded."""
        return self._error_kind

    def raise_if_open(self) -> None:
        """Check that a request may be sent.

        Raises:
            Exception: the error of the peer; it is too early, nothing was sent.
        """
        wait = self._open_until - self._clock.now()
        if self._error_kind is not None and wait > 0:
            raise self._error(
                self._error_kind,
                f"{self._reason}; waiting before the next request",
                retry_after=wait,
            )

    def record_success(self) -> None:
        """Record a success; one sent before the last fault does not close the breaker."""
        if self._error_kind is not None:
            if self._clock.now() < self._open_until:
                return
            _log.info("%s responds again", self._peer)
        self._error_kind = None
        self._backoff.reset()

    def record_failure(
        self, kind: Kind, reason: str, *, retry_after: float | None = None
    ) -> Exception:
        """Record a fault that other requests would meet too, and return the error to raise.

        Args:
            kind: kind of the fault.
            reason: in our own words.
            retry_after: seconds the reply asked to stay away, if it did.
        """
        retry_after = self._compute_wait(kind, retry_after)
        self._open_until = max(self._open_until, self._clock.now() + retry_after)
        if kind is not self._error_kind:
            _log.warning("%s: %s: %s; probing continues", self._peer, kind, reason)
        self._error_kind, self._reason = kind, reason
        self._on_error(kind)
        return self._error(kind, reason, retry_after=retry_after)

    def record_refusal(self, kind: Kind) -> None:
        """Record a fault of one request, which says nothing of others."""
        self._on_error(kind)

    def _compute_wait(self, kind: Kind, retry_after: float | None) -> float:
        if kind in self._waits:
            return self._waits[kind]
        backoff = self._backoff.record_failure()
        return backoff if retry_after is None else retry_after


class RateLimiter:
    """Rate limiter in order of arrival: a tenth of the limit at once, the rest evenly spread."""

    def __init__(self, per_hour: int, *, clock: Clock) -> None:
        if per_hour < _BURST_DIVISOR:
            raise ValueError(f"{per_hour} requests per hour are too few")
        burst = per_hour // _BURST_DIVISOR
        self._clock = clock
        self._spacing = _HOUR / (per_hour - burst)
        self._slack = (burst - 1) * self._spacing
        self._next_at = clock.now()
        """Time of the next request, if all requests were evenly spread."""

    async def wait(self) -> None:
        """Wait until the next request may be sent.

        A wait that is cancelled still uses up its request.
        """
        now = self._clock.now()
        self._next_at = max(self._next_at, now)
        delay = self._next_at - self._slack - now
        self._next_at += self._spacing
        if delay > 0:
            await self._clock.sleep(delay)
