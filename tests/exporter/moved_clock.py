"""A clock that only moves when someone moves it, or sleeps."""


class MovedClock:
    """Sleeping takes no time of ours."""

    def __init__(self, *, wall: float = 1_700_000_000.0) -> None:
        self._now = 1_000.0
        self._offset = self._first_offset = wall - self._now

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + self._offset

    def steady(self) -> float:
        return self._now + self._first_offset

    def step(self, seconds: float) -> None:
        """Set the wall clock, as NTP does."""
        self._offset += seconds

    async def sleep(self, seconds: float) -> None:
        self.move(seconds)

    def move(self, seconds: float) -> None:
        self._now += seconds
