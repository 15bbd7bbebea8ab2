"""Background tasks: start, periodic calls, and cancellation that raises the errors of tasks."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

from exporter.schedule.clock import Clock

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def run_in_background(*coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run coroutines in the background of the block; cancel them at its end, raise errors."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        await cancel_tasks(*tasks)


async def cancel_tasks(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks, wait for them, and raise the error of one that failed."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


async def wait_for_first(*coroutines: Coroutine[Any, Any, object]) -> None:
    """Wait for the first coroutine that ends, cancel the others, and raise its error."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def run_every(seconds: float, action: Callable[[], Awaitable[None]], *, clock: Clock) -> None:
    """Call a function periodically until cancelled; an exception in it is logged."""
    while True:
        await clock.sleep(seconds)
        try:
            await action()
        except Exception:  # noqa: BLE001 - logged in full; the next call may succeed
            _log.exception("a periodic task failed; it is tried again in %g s", seconds)
