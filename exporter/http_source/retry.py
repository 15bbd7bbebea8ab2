"""When to ask again, and after how long. Pure."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

PASSING_STATUSES = frozenset({429, 502, 503, 504})
"""Statuses of a server that may answer a moment later."""
_A_DAY = 86400.0


def pause(attempt: int, *, backoff: float, longest: float, asked: float | None) -> float | None:
    """Seconds to wait after an attempt, before they are spread; None when asked for too long.

    Args:
        attempt: counts from 0.
        backoff: the pause after the first attempt.
        longest: the longest pause there may be.
        asked: what the source asked for by Retry-After.
    """
    if asked is not None and asked > longest:
        return None
    grown = min(backoff * 2.0**attempt, longest)
    return max(grown, asked or 0.0)


def retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Seconds the source asked for, a day at most; None when it did not, or not intelligibly.

    A date is compared with the source's own clock when its answer carries one, so that a clock
    that is wrong here or there does no harm.
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
