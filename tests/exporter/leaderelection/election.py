"""Simulated probers that compete for a Lease: clocks, pauses and a network with faults."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from math import inf
from typing import TypeVar

from exporter.leaderelection import LockError
from exporter.leaderelection.elector import LeaderElector
from exporter.leaderelection.lease import Json, LeaseLock
from tests.exporter.fake_clock import LeapingLoop
from tests.exporter.leaderelection.fake_api_server import FakeLeases

DURATION, RENEW_DEADLINE, RETRY = 15.0, 10.0, 2.0
TIMEOUT = RENEW_DEADLINE / 2
Given = TypeVar("Given")


class Node:
    """Machine with one prober, a clock that runs its own way, and a way to the API server.

    Attributes:
        delays: least and most seconds of a request on its way, and of its answer.
        loses: chance that a request gets lost, and that its answer does.
        refusal: text of the error that is the answer to each request, such as that of a 403.
        wall_shift: seconds by which the wall clock is ahead.
    """

    def __init__(self, name: str, leases: FakeLeases, chance: random.Random, rate: float) -> None:
        self.name = name
        self.leases = leases
        self.chance = chance
        self.rate = rate
        self.shift = chance.uniform(0, 1e6)
        self.wall_shift = chance.uniform(-1e6, 1e6)
        self.heal()
        self.awake = asyncio.Event()
        self.awake.set()
        self.on_their_way: set[asyncio.Task[object]] = set()
        self.starts = 0
        self.start()

    def heal(self) -> None:
        """End all faults of the network."""
        self.delays: tuple[tuple[float, float], tuple[float, float]] = ((0, 0.05), (0, 0.05))
        self.loses = (0.0, 0.0)
        self.refusal = ""

    def start(self) -> None:
        """Start the process, under an identity of its own."""
        self.starts += 1
        identity = f"{self.name}_{self.starts}"
        lock = LeaseLock(self, identity=identity, duration=DURATION, timeout=TIMEOUT, clock=self)
        self.elector = LeaderElector(lock, clock=self, renew_deadline=RENEW_DEADLINE, retry=RETRY)
        self.running = asyncio.create_task(self.elector.run())
        self.is_alive = True

    async def stop(self) -> None:
        """End the election; the process lives on."""
        self.running.cancel()
        await asyncio.wait({self.running})

    async def kill(self) -> None:
        """End the process."""
        self.is_alive = False
        await self.stop()

    async def end(self) -> None:
        """End everything."""
        tasks = [self.running, *self.on_their_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # the clock

    def now(self) -> float:
        return asyncio.get_running_loop().time() * self.rate + self.shift

    def wall(self) -> float:
        return 1e9 + self.now() - self.shift + self.wall_shift

    def steady(self) -> float:
        return 1e9 + self.now() - self.shift

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.rate)
        await self.awake.wait()

    # the way to the API server

    async def read(self) -> Json | None:
        return await self._ask(self.leases.read)

    async def create(self, spec: Json) -> Json:
        return await self._ask(lambda: self.leases.create(spec))

    async def replace(self, lease: Json) -> Json:
        return await self._ask(lambda: self.leases.replace(lease))

    async def close(self) -> None: ...

    async def _ask(self, act: Callable[[], Given]) -> Given:
        """Send a request; it arrives even when nobody waits for the answer any more."""
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
        there, back = self.delays
        lost, lost_answer = (self.chance.random() < share for share in self.loses)
        refusal = self.refusal
        await asyncio.sleep(self.chance.uniform(*there))
        if lost:
            await asyncio.Event().wait()
        if refusal:
            raise LockError(refusal)
        result = act()
        if lost_answer:
            await asyncio.Event().wait()
        await asyncio.sleep(self.chance.uniform(*back))
        return result


class Election:
    """Nodes, of which never two lead."""

    def __init__(self, count: int, seed: int, rates: list[float] | None = None) -> None:
        self.chance = random.Random(seed)
        self.leases = FakeLeases()
        self.nodes = [
            Node(f"node-{number}", self.leases, self.chance, rate)
            for number, rate in enumerate((rates or [1.0] * count)[:count])
        ]
        self.gap_began: float | None = self.now()
        """Time since which nobody leads."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, LeapingLoop)
        loop.look = self._check_leaders

    @staticmethod
    def now() -> float:
        return asyncio.get_running_loop().time()

    @property
    def leaders(self) -> list[Node]:
        return [node for node in self.nodes if node.is_alive and node.elector.is_leader]

    @property
    def gap(self) -> float:
        """Seconds since which nobody leads."""
        return 0.0 if self.gap_began is None else self.now() - self.gap_began

    def _check_leaders(self) -> None:
        leaders = self.leaders
        assert len(leaders) <= 1, [node.name for node in leaders]
        if leaders:
            self.gap_began = None
        elif self.gap_began is None:
            self.gap_began = self.now()

    async def advance(self, seconds: float, *, max_gap: float = inf) -> None:
        """Let time pass; somebody looks at least every tenth of a second."""
        end = self.now() + seconds
        while (now := self.now()) < end:
            await asyncio.sleep(min(0.1, end - now))
            assert self.gap <= max_gap, "nobody leads"

    async def advance_until(self, condition: Callable[[], bool], *, at_most: float) -> float:
        """Let time pass until something holds; return the seconds it took."""
        began = self.now()
        while not condition():
            assert self.now() - began <= at_most, "it took too long"
            await self.advance(0.1)
        return self.now() - began


@contextlib.asynccontextmanager
async def run_election(
    count: int, seed: int, rates: list[float] | None = None
) -> AsyncIterator[Election]:
    """Run an election; the loop must be one of `run_in_virtual_time`."""
    election = Election(count, seed, rates)
    try:
        yield election
    finally:
        for node in election.nodes:
            await node.end()
