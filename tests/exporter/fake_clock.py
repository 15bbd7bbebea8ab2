"""Clocks that tests advance."""

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class FakeClock:
    """Time stands still until `advance`; sleepers wake in order."""

    def __init__(self, *, now: float = 1000.0, wall: float = 1_700_000_000.0) -> None:
        self._now = now
        self._offset = self._first_offset = wall - now
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def wall(self) -> float:
        return self._now + self._offset

    def steady(self) -> float:
        return self._now + self._first_offset

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Let time pass, waking everyone whose sleep ends on the way."""
        end = self._now + seconds
        await self._settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            wake_at, _, future = heapq.heappop(self._sleepers)
            self._now = max(self._now, wake_at)
            if not future.done():
                future.set_result(None)
            await self._settle()
        self._now = end

    async def jump(self, seconds: float) -> None:
        """Let time pass with nobody awake, as when a machine is suspended."""
        self._now += seconds
        await self.advance(0)

    @staticmethod
    async def _settle() -> None:
        for _ in range(10):
            await asyncio.sleep(0)


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


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock leaps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        self._now = 0.0
        self.look: Callable[[], None] = lambda: None
        """Called each time somebody has acted."""
        loop = self

        class Leaping(selectors.DefaultSelector):  # type: ignore[valid-type,misc,unused-ignore]
            def select(self, timeout: float | None = None) -> Any:  # noqa: ANN401
                look, loop.look = loop.look, lambda: None  # an error ends the looking
                look()
                loop.look = look
                loop._now += timeout or 0
                return super().select(0)

        super().__init__(Leaping())

    def time(self) -> float:
        return self._now


def run_in_virtual_time(work: Coroutine[Any, Any, Result]) -> Result:
    """Run something in virtual time."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(work)
