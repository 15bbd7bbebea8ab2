"""Rate limits as at Linear: a leaky bucket, reported in headers. Pure."""

_HOUR = 3600.0


class Bucket:
    """Leaky bucket with the amount of one hour; it refills evenly."""

    def __init__(self, per_hour: int, *, now: float) -> None:
        self._size = per_hour
        self._left = float(per_hour)
        self._at = now

    def take(self, cost: int, *, now: float) -> bool:
        """Take a cost, or nothing when less than the cost is left."""
        self._fill(now)
        if not self._size:
            return True
        if cost > self._left:
            return False
        self._left -= cost
        return True

    def headers(self, name: str, *, now: float, wall: float) -> dict[str, str]:
        """Build the rate limit headers of a response; empty when there is no limit.

        Args:
            name: `Requests` or `Complexity`.
            now: monotonic seconds.
            wall: seconds since 1970 on the server's clock.
        """
        self._fill(now)
        if not self._size:
            return {}
        full_in = (self._size - self._left) / self._size * _HOUR
        return {
            f"X-RateLimit-{name}-Limit": str(self._size),
            f"X-RateLimit-{name}-Remaining": str(int(self._left)),
            f"X-RateLimit-{name}-Reset": str(round((wall + full_in) * 1000)),
        }

    def _fill(self, now: float) -> None:
        self._left = min(self._size, self._left + (now - self._at) * self._size / _HOUR)
        self._at = now
