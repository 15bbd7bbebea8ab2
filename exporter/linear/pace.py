"""Our own rate limit: never more than so many requests in any hour.

Own code, as a library's bucket cannot be run on a clock that tests turn, and lets twice its
limit pass in the hour that begins with a full bucket.
"""

from exporter.clock import Clock

_HOUR = 3600.0
_SHARE_AT_ONCE = 10


class Pace:
    """Turns in the order of asking: a tenth of the limit at once, the rest evenly spread."""

    def __init__(self, per_hour: int, *, clock: Clock) -> None:
        if per_hour < _SHARE_AT_ONCE:
            raise ValueError(f"{per_hour} requests an hour are too few to spread")
        at_once = per_hour // _SHARE_AT_ONCE
        self._clock = clock
        self._spacing = _HOUR / (per_hour - at_once)
        self._slack = (at_once - 1) * self._spacing
        self._due = clock.now()
        """When the next turn would come, were all turns evenly spread."""

    async def turn(self) -> None:
        """Wait for the next turn. One that is given up while waiting is lost, not passed on."""
        now = self._clock.now()
        self._due = max(self._due, now)
        wait = self._due - self._slack - now
        self._due += self._spacing
        if wait > 0:
            await self._clock.sleep(wait)
