"""Keepers with clocks and networks of their own, all on one fake clock and one API server."""

import asyncio
import random
from collections.abc import Callable
from typing import TypeVar

from exporter.lease.keeper import LeaseKeeper
from exporter.lease.kubernetes import Json, KubernetesLease
from tests.exporter.fake_clock import FakeClock
from tests.exporter.fake_leases import Leases

DURATION, RENEW_DEADLINE, RETRY = 15.0, 10.0, 2.0
Given = TypeVar("Given")


class WatchedClock(FakeClock):
    """Looks at the world each time somebody has acted."""

    def __init__(self) -> None:
        super().__init__()
        self.look: Callable[[], None] = lambda: None

    async def _settle(self) -> None:  # type: ignore[override]
        await FakeClock._settle()
        self.look()


class Node:
    """One machine: a process that may hang, a clock that runs its own way, and a network."""

    def __init__(self, base: FakeClock, leases: Leases, chance: random.Random, rate: float) -> None:
        self.base = base
        self.leases = leases
        self.chance = chance
        self.rate = rate
        self.shift = chance.uniform(0, 1e6)
        self.wall_shift = 0.0
        self.slowest = 0.1
        self.cut = False
        self.awake = asyncio.Event()
        self.awake.set()
        self.on_their_way: set[asyncio.Task[object]] = set()
        self.start()

    def start(self) -> None:
        """Start the process, under a name of its own."""
        name = f"{self.chance.random()}"
        lease = KubernetesLease(self, identity=name, duration=DURATION, clock=self)
        self.keeper = LeaseKeeper(lease, clock=self, renew_deadline=RENEW_DEADLINE, retry=RETRY)
        self.running = asyncio.create_task(self.keeper.run())
        self.alive = True

    async def stop(self) -> None:
        """End the keeping; the process lives on."""
        self.running.cancel()
        await asyncio.wait({self.running})

    async def kill(self) -> None:
        self.alive = False
        await self.stop()

    # the clock

    def now(self) -> float:
        return self.base.now() * self.rate + self.shift

    def wall(self) -> float:
        return 1e9 + self.base.now() * self.rate + self.wall_shift

    def steady(self) -> float:
        return 1e9 + self.base.now() * self.rate

    async def sleep(self, seconds: float) -> None:
        await self.base.sleep(seconds / self.rate)
        await self.awake.wait()

    # the way to the API server

    async def read(self) -> Json | None:
        return await self._ask(self.leases.read)

    async def create(self, spec: Json) -> None:
        await self._ask(lambda: self.leases.create(spec))

    async def replace(self, lease: Json) -> None:
        await self._ask(lambda: self.leases.replace(lease))

    async def close(self) -> None: ...

    async def _ask(self, act: Callable[[], Given]) -> Given:
        """What was sent arrives, even when nobody waits for the answer any more."""
        request = asyncio.create_task(self._travel(act))
        self.on_their_way.add(request)
        request.add_done_callback(self._arrived)
        answer = await asyncio.shield(request)
        await self.awake.wait()
        return answer

    def _arrived(self, request: asyncio.Task[object]) -> None:
        self.on_their_way.discard(request)
        if not request.cancelled():
            request.exception()  # a conflict may interest nobody

    async def _travel(self, act: Callable[[], Given]) -> Given:
        await self.base.sleep(self._delay())
        result = act()
        await self.base.sleep(self._delay())
        return result

    def _delay(self) -> float:
        """Seconds one way; in a network that is cut, packets arrive long after."""
        return self.chance.uniform(5, 40) if self.cut else self.chance.uniform(0, self.slowest)


class World:
    """Some nodes; never do two of them hold."""

    def __init__(self, count: int, seed: int, rates: list[float] | None = None) -> None:
        chance = random.Random(seed)
        self.clock = WatchedClock()
        self.leases = Leases()
        self.nodes = [
            Node(self.clock, self.leases, chance, rate) for rate in (rates or [1.0] * count)[:count]
        ]
        self.clock.look = self.check

    @property
    def holders(self) -> list[Node]:
        return [node for node in self.nodes if node.keeper.holding and node.alive]

    def check(self) -> None:
        assert len(self.holders) <= 1, [node.now() for node in self.holders]

    async def until(self, condition: Callable[[], bool], *, at_most: float) -> float:
        """Let time pass until something holds; gives the seconds it took."""
        began = self.clock.now()
        while not condition():
            assert self.clock.now() - began <= at_most, "it took too long"
            await self.clock.advance(0.1)
        return self.clock.now() - began

    async def end(self) -> None:
        tasks = [task for node in self.nodes for task in (node.running, *node.on_their_way)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
