"""Retry of HTTP requests: backoff, Retry-After, circuit breaker and rate limiter."""

import logging
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from exporter.httpclient.errors import RequestError
from exporter.model.error_kind import ErrorKind
from exporter.schedule.clock import Clock

RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})
"""Statuses of a server that may answer a moment later."""
_MAX_RETRY_AFTER = 86400.0
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
"""HTTP has whole seconds only; some servers send fractions."""

_MAX_DOUBLINGS = 32
"""Most doublings; more would overflow a float."""

_log = logging.getLogger(__name__)

_HOUR = 3600.0
_BURST_DIVISOR = 10
_LOW_BUDGET = 5
"""A budget is low when less than this fraction of the limit remains."""
_LOW_SHARE = 2.0
"""Of so many requests that the server refills, one is used while its budget is low."""


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
    if _SECONDS.fullmatch(text):
        return min(float(text), _MAX_RETRY_AFTER)
    retry_at = parse_http_date(text)
    if retry_at is None:
        return None
    sent_at = parse_http_date(headers.get("Date", ""))
    return min(max(0.0, retry_at - (now if sent_at is None else sent_at)), _MAX_RETRY_AFTER)


def parse_http_date(text: str) -> float | None:
    """Parse a date of HTTP as seconds since 1970; None if it cannot be read."""
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


class CircuitBreaker:
    """Circuit breaker: lets requests pass, or refuses them with the last error.

    Args:
        backoff: waits after errors in a row.
        server: name of the server, for the log and the texts of errors.
        waits: fixed waits in seconds of the kinds that a backoff does not suit.
        on_error: called with the kind of each error.
    """

    def __init__(
        self,
        backoff: Backoff,
        *,
        clock: Clock,
        server: str,
        waits: Mapping[ErrorKind, float],
        on_error: Callable[[ErrorKind], None],
    ) -> None:
        self._backoff = backoff
        self._clock = clock
        self._server = server
        self._waits = waits
        self._on_error = on_error
        self._open_until = clock.now()
        self._error_kind: ErrorKind | None = None
        self._reason = ""

    @property
    def error_kind(self) -> ErrorKind | None:
        """Error kind of the last request; None when it succeeded."""
        return self._error_kind

    def raise_if_open(self) -> None:
        """Check that a request may be sent.

        Raises:
            RequestError: it is too early; nothing was sent.
        """
        wait = self._open_until - self._clock.now()
        if self._error_kind is not None and wait > 0:
            reason = f"{self._reason}; waiting before the next request"
            raise RequestError(self._server, self._error_kind, reason, retry_after=wait)

    def record_success(self) -> None:
        """Record a success; one sent before the last error does not close the breaker."""
        if self._error_kind is not None:
            if self._clock.now() < self._open_until:
                return
            _log.info("%s responds again", self._server)
        self._error_kind = None
        self._backoff.reset()

    def record_failure(
        self, kind: ErrorKind, reason: str, *, retry_after: float | None = None
    ) -> RequestError:
        """Record an error that other requests would meet too, and return it to be raised.

        Args:
            kind: kind of the error.
            reason: in our own words.
            retry_after: seconds the reply asked to stay away, if it did.
        """
        retry_after = self._compute_wait(kind, retry_after)
        self._open_until = max(self._open_until, self._clock.now() + retry_after)
        if kind is not self._error_kind:
            _log.warning("%s: %s: %s; probing continues", self._server, kind, reason)
        self._error_kind, self._reason = kind, reason
        self._on_error(kind)
        return RequestError(self._server, kind, reason, retry_after=retry_after)

    def record_refusal(self, kind: ErrorKind) -> None:
        """Record an error of one request, which says nothing of others."""
        self._on_error(kind)

    def _compute_wait(self, kind: ErrorKind, retry_after: float | None) -> float:
        if kind in self._waits:
            return self._waits[kind]
        backoff = self._backoff.record_failure()
        return backoff if retry_after is None else retry_after


@dataclass(frozen=True, slots=True)
class RequestBudget:
    """Budget that a server reports: its limit of requests per hour, and how many remain."""

    limit: int
    remaining: int

    @property
    def is_low(self) -> bool:
        """Return whether less than a fifth remains."""
        return self.remaining * _LOW_BUDGET < self.limit


class RateLimiter:
    """Rate limiter in order of arrival: a tenth of the limit at once, the rest evenly spread.

    While the budget of the server is low, which other clients may use as well, requests take half
    of what it refills.
    """

    def __init__(self, per_hour: int, *, clock: Clock) -> None:
        if per_hour < _BURST_DIVISOR:
            raise ValueError(f"{per_hour} requests per hour are too few")
        burst = per_hour // _BURST_DIVISOR
        self._clock = clock
        self._spacing = _HOUR / (per_hour - burst)
        self._slack = (burst - 1) * self._spacing
        self._low_spacing: float | None = None
        """Seconds between two requests while the budget of the server is low."""
        self._next_at = clock.now()
        """Time of the next request, if all requests were evenly spread."""

    async def wait(self) -> None:
        """Wait until the next request may be sent.

        A wait that is cancelled still uses up its request.
        """
        now = self._clock.now()
        slack, spacing = self._slack, self._spacing
        if self._low_spacing is not None:
            slack, spacing = 0.0, max(spacing, self._low_spacing)
        self._next_at = max(self._next_at, now)
        delay = self._next_at - slack - now
        self._next_at += spacing
        if delay > 0:
            await self._clock.sleep(delay)

    def adapt_to(self, budget: RequestBudget) -> None:
        """Slow down while the budget of the server is low."""
        self._low_spacing = _LOW_SHARE * _HOUR / budget.limit if budget.is_low else None
