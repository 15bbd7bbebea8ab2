"""Simulation of leader election with clock skew and network faults: one holder at a time."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.leaderelection.elector import LeaderElector
from exporter.leaderelection.kubernetes import Json, LeaseLock
from tests.exporter.fake_clock import FakeClock
from tests.exporter.leaderelection.fake_api_server import FakeLeases

DURATION, RENEW_DEADLINE, RETRY = 15.0, 10.0, 2.0
Given = TypeVar("Given")


class CheckingClock(FakeClock):
    """Looks at the world each time somebody has acted."""

    def __init__(self) -> None:
        super().__init__()
        self.look: Callable[[], None] = lambda: None

    async def _settle(self) -> None:  # type: ignore[override]
        await FakeClock._settle()
        self.look()


class Node:
    """One machine: a process that may hang, a clock that runs its own way, and a network."""

    def __init__(
        self, base: FakeClock, leases: FakeLeases, chance: random.Random, rate: float
    ) -> None:
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
        lease = LeaseLock(self, identity=name, duration=DURATION, clock=self)
        self.keeper = LeaderElector(lease, clock=self, renew_deadline=RENEW_DEADLINE, retry=RETRY)
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


class Simulation:
    """Some nodes; never do two of them hold."""

    def __init__(self, count: int, seed: int, rates: list[float] | None = None) -> None:
        chance = random.Random(seed)
        self.clock = CheckingClock()
        self.leases = FakeLeases()
        self.nodes = [
            Node(self.clock, self.leases, chance, rate) for rate in (rates or [1.0] * count)[:count]
        ]
        self.clock.look = self.check

    @property
    def holders(self) -> list[Node]:
        return [node for node in self.nodes if node.keeper.is_leader and node.alive]

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


_LATENCY = 1.0
"""Seconds that a few answers, each at most 0.2 s on its way, may add."""
RATES = [1.0, 1.2, 0.9]
"""The fastest clock is a third faster than the slowest; 15 s against 10 s bear a half."""

FAULTS = ["pause", "cut", "slow", "kill", "release", "step wall clock", "touch"]
STEPS = st.lists(
    st.tuples(
        st.sampled_from([*FAULTS, "resume", "heal"]),
        st.sampled_from(["the holder", "0", "1", "2"]),
        st.sampled_from([0.3, 1.1, 2.5, 4.7, 9.3, 12.9, 14.8, 21.0]),
    ),
    min_size=3,
    max_size=15,
)


@contextlib.asynccontextmanager
async def run_simulation(
    count: int, seed: int, rates: list[float] | None = None
) -> AsyncIterator[Simulation]:
    made = Simulation(count, seed, rates)
    try:
        yield made
    finally:
        await made.end()


async def apply_action(world: Simulation, action: str, node: Node) -> None:
    match action:
        case "pause":
            node.awake.clear()
        case "resume":
            node.awake.set()
        case "cut" | "heal":
            node.cut = action == "cut"
        case "slow":
            node.slowest = 3.0
        case "kill":
            await node.kill()
            node.start()
        case "release":
            await node.stop()
            releasing = asyncio.create_task(node.keeper.release())
            await world.clock.advance(node.chance.uniform(0, 6))
            releasing.cancel()
            await asyncio.wait({releasing})
            node.start()
        case "step wall clock":
            node.wall_shift += node.chance.uniform(-100, 100)
        case "touch":
            if world.leases.lease is not None:
                world.leases.touch_lease()


@settings(max_examples=150, deadline=None)
@given(st.integers(2, 3), st.integers(), STEPS)
def test_at_most_one_holds(count: int, seed: int, steps: list[tuple[str, str, float]]) -> None:
    async def play() -> None:
        async with run_simulation(count, seed, RATES) as played:
            for action, whom, seconds in steps:
                index = int(whom) % count if whom.isdigit() else 0
                holding = played.holders if whom == "the holder" else []
                await apply_action(played, action, (holding or [played.nodes[index]])[0])
                await played.clock.advance(seconds)
            for node in played.nodes:
                node.awake.set()
                node.cut, node.slowest = False, 0.1
            # Packets of the bad time may still arrive, and each may be a renewal by the dead.
            await played.until(lambda: bool(played.holders), at_most=40 + 2 * (DURATION + RETRY))

    asyncio.run(play())


@pytest.mark.parametrize("seed", range(10))
async def test_when_the_holder_dies_another_takes_over_within_duration_and_retry(seed: int) -> None:
    async with run_simulation(3, seed) as played:
        await played.until(lambda: bool(played.holders), at_most=RETRY + _LATENCY)
        await played.clock.advance(seed * 1.37)
        (holder,) = played.holders
        await holder.kill()
        await played.until(lambda: bool(played.holders), at_most=DURATION + RETRY + _LATENCY)


@pytest.mark.parametrize("fault", ["cut", "pause"])
async def test_a_holder_that_cannot_renew_stops_before_another_begins(fault: str) -> None:
    async with run_simulation(2, 1) as played:
        await played.until(lambda: bool(played.holders), at_most=RETRY + _LATENCY)
        await played.clock.advance(5)
        (holder,) = played.holders
        await apply_action(played, fault, holder)
        silence = await played.until(lambda: not played.holders, at_most=10)
        assert silence >= 7.5  # it goes on as long as it safely can
        await played.until(lambda: bool(played.holders), at_most=DURATION + RETRY + _LATENCY - 7.5)
        assert played.holders != [holder]
        await apply_action(played, "resume", holder)
        await apply_action(played, "heal", holder)
        await played.clock.advance(60)
        assert played.holders not in ([], [holder])


async def test_one_lost_answer_does_not_interrupt_the_holding() -> None:
    async with run_simulation(2, 1) as played:
        await played.until(lambda: bool(played.holders), at_most=RETRY + _LATENCY)
        (holder,) = played.holders
        for _ in range(20):
            await apply_action(played, "cut", holder)
            await played.clock.advance(2.5)
            await apply_action(played, "heal", holder)
            await played.clock.advance(8)
            assert played.holders == [holder]
