"""Virtual CPU that all events of the simulator share, and the reason why events get lost.

The model. Every event costs `1 / capacity` seconds of CPU work, cut into four steps
(`STEP_SHARES`). Steps run one at a time in the order of their requests, as callbacks of an event
loop. Below capacity no step waits. Above it the queue grows, and a step runs only when all earlier
requests are done. The clock of the function's health check runs while the check waits for the CPU:
once the queue is longer than 5 s the check times out although the function is healthy, and the
event is lost, and still answered 200. An event that gave up pays its remaining steps when it ends
(exceptions, logs and clean-up cost as much as success), so that lost events do not shorten the
queue.

Two speeds. The measured service takes 10 ms per event alone or in a burst of up to 100, and 37 ms
under steady load. So idle time earns credit, at most `burst` seconds of work, and work on credit
runs at `BURST_SPEED`. Without credit the rate is exactly `capacity`.

Time is kept in virtual finish times: an event loop that oversleeps catches up instead of drifting.
Events, HTTP and faults do not belong here.
"""

import asyncio
from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType

BURST_SPEED = 3.7
"""Speed factor of work on credit: 37 ms under load against 10 ms alone."""


class CpuStep(Enum):
    """CPU steps of every fired event."""

    PARSE = auto()
    HEALTH = auto()
    CALL = auto()
    REPLY = auto()


STEP_SHARES: Mapping[CpuStep, float] = MappingProxyType(
    {CpuStep.PARSE: 0.35, CpuStep.HEALTH: 0.2, CpuStep.CALL: 0.25, CpuStep.REPLY: 0.2}
)
"""Share of an event's CPU work per step; with these, 100 events/s lose what was measured."""


class Cpu:
    """Single processor with a queue; create it inside the event loop that uses it."""

    def __init__(self, capacity: float, *, burst: float = 0.0) -> None:
        """Process `capacity` events a second (0: no limit), and `burst` seconds of work faster."""
        self._capacity = capacity
        self._burst = burst
        self._credit = burst
        self._free_at = 0.0
        self._lock = asyncio.Lock()

    async def run(self, share: float) -> None:
        """Wait for the CPU, then use `share` of one event's CPU work."""
        if not self._capacity:
            return
        clock = asyncio.get_running_loop().time
        requested_at = clock()
        async with self._lock:
            wait = self._book(share / self._capacity, requested_at) - clock()
            if wait > 0:
                await asyncio.sleep(wait)

    def _book(self, work: float, requested_at: float) -> float:
        """Book `work` seconds requested at a time; return the time at which they are done."""
        start = max(requested_at, self._free_at)
        self._add_credit(start - self._free_at)
        seconds = work / BURST_SPEED if self._credit >= work else work
        self._credit -= work
        self._add_credit(seconds)
        self._free_at = start + seconds
        return self._free_at

    def _add_credit(self, seconds: float) -> None:
        self._credit = min(self._burst, self._credit + seconds)


class EventWork:
    """CPU work of one event: every step is paid once, skipped steps at the end."""

    def __init__(self, cpu: Cpu) -> None:
        self._cpu = cpu
        self._remaining = dict(STEP_SHARES)

    async def run_step(self, step: CpuStep) -> None:
        """Wait for the CPU and run one step; a cancelled step remains to be paid."""
        await self._cpu.run(STEP_SHARES[step])
        self._remaining.pop(step, None)

    async def finish(self) -> None:
        """Run all remaining steps."""
        await self._cpu.run(sum(self._remaining.values()))
        self._remaining.clear()
