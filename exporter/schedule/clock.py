"""Clocks that are passed in, so that tests can control time."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A clock: monotonic, wall and steady time, and sleep."""

    def now(self) -> float:
        """Monotonic seconds, used for every measurement."""

    def wall(self) -> float:
        """Seconds since 1970; it may jump."""

    def steady(self) -> float:
        """Seconds since 1970 by the wall clock of the start, continued by the monotonic clock.

        Slots are computed on it, and times of other systems are compared with it. So a step of the
        wall clock, even with a reload after it, does not come between two times of one run.
        """

    async def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""


class SystemClock:
    """Clock of the machine; `now` is the clock of asyncio's timeouts."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def steady(self) -> float:
        """Seconds since 1970, continued from the start by the monotonic clock."""
        return self.now() + self._offset

    async def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""
        await asyncio.sleep(seconds)
