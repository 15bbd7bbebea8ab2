"""Time as a thing one can pass in: tests turn it by hand."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Monotonic seconds; the clock of every measurement."""

    def wall(self) -> float:
        """Seconds since 1970; it may jump."""

    def steady(self) -> float:
        """Seconds since 1970 by the wall clock of the start, carried on by the monotonic one.

        Slots are counted on it, and what others say of a run is compared with it: a step of the
        wall clock, even with a reload after it, comes between no two times of one run.
        """

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The clock of the machine; `now` is the clock of asyncio's own time limits."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def steady(self) -> float:
        """Seconds since 1970, counted on from the start."""
        return self.now() + self._offset

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
