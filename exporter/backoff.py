"""Exponential backoff with full jitter and a cap. Pure."""

import random
from collections.abc import Callable

_DOUBLINGS = 32
"""Most doublings; more would overflow a float."""


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
