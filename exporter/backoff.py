"""How long to wait before the next attempt: doubling, with full jitter and a cap. Pure."""

import random
from collections.abc import Callable

_DOUBLINGS = 32
"""More would only make a number too large for a float."""


class Backoff:
    """Waits that grow with every failure in a row.

    Full jitter: each wait is anywhere between nothing and its limit, so that many who failed
    together do not come back together.
    """

    def __init__(
        self, *, first: float, cap: float, random: Callable[[], float] = random.random
    ) -> None:
        self._first = first
        self._cap = cap
        self._random = random
        self._failures = 0

    def failed(self) -> float:
        """Count a failure; gives the seconds to wait."""
        limit = min(self._cap, self._first * 2.0 ** min(self._failures, _DOUBLINGS))
        self._failures += 1
        return limit * self._random()

    def succeeded(self) -> None:
        """Start from the beginning."""
        self._failures = 0
