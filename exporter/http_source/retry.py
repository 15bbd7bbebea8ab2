"""Retry rules of the HTTP client. Pure."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

PASSING_STATUSES = frozenset({429, 502, 503, 504})
"""Statuses of a server that may answer a moment later."""
_A_DAY = 86400.0


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
