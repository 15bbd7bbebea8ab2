"""Rate limiter: a maximum number of requests in any hour.

This is own code: a library's token bucket cannot run on a test clock, and lets twice its limit pass
in the hour that begins with a full bucket.
"""

from exporter.schedule.clock import Clock

_HOUR = 3600.0
_SHARE_AT_ONCE = 10


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
