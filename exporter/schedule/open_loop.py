"""Open-loop sending: each event is sent at its intended time, however long the others take.

A closed loop would wait for the reply to one event before it sends the next. Then a slow target
would receive fewer events, and its slowness would hide itself.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from exporter.schedule.clock import Clock

Result = TypeVar("Result")

EARLY_START = 0.05
"""Seconds before its time at which a run is started. Work that must be done before the event is
sent, above all writing the journal, does not delay the event."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Intended time of an event, on both clocks."""

    intended: float
    """Monotonic seconds."""
    intended_at: float
    """Wall clock seconds."""

    def shift(self, seconds: float) -> "Slot":
        """Return the slot some seconds later."""
        return Slot(self.intended + seconds, self.intended_at + seconds)


def _return_true() -> bool:
    return True


async def wait_until(moment: float, clock: Clock) -> None:
    """Wait until a time on the monotonic clock, unless it has passed."""
    wait = moment - clock.now()
    if wait > 0:
        await clock.sleep(wait)


async def send_open_loop(
    offsets: Sequence[float],
    first: Slot,
    start_run: Callable[[Slot], Coroutine[Any, Any, Result]],
    *,
    clock: Clock,
    early: float = EARLY_START,
    take_next: Callable[[], bool] = _return_true,
) -> list[Result]:
    """Start a run at each offset from a slot, and wait for the results of all.

    Args:
        offsets: seconds from the first slot, in order.
        first: slot of offset 0.
        start_run: runs one event; it waits for the time of its slot itself.
        clock: clock of the slots.
        early: seconds before its time at which a run is started.
        take_next: called before each run; if it returns False, no more are started.
    """
    tasks = []
    for offset in offsets:
        slot = first.shift(offset)
        await wait_until(slot.intended - early, clock)
        if not take_next():
            break
        tasks.append(asyncio.create_task(start_run(slot)))
    return list(await asyncio.gather(*tasks))
