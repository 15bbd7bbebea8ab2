"""Waiting for one alert: until it is due, and until its verdict can no longer change."""

import asyncio

from exporter.httpclient.client import Reply
from exporter.ledger import Ticket
from exporter.model.evidence import NEVER_LEFT
from exporter.schedule.clock import Clock


async def until(moment: float, clock: Clock) -> None:
    """Wait until a time on the monotonic clock, unless it has passed."""
    wait = moment - clock.now()
    if wait > 0:
        await clock.sleep(wait)


async def until_certain(
    posting: asyncio.Task[Reply],
    ticket: Ticket,
    *,
    settle: float,
    seconds: float,
    abort: asyncio.Event,
) -> None:
    """Wait until the run is concluded, aborted or out of time, whichever comes first."""
    concluded = asyncio.create_task(_conclude(posting, ticket, settle))
    aborted = asyncio.create_task(abort.wait())
    try:
        await asyncio.wait(
            {concluded, aborted},
            timeout=max(seconds, 0.0),
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        await ended(concluded, aborted)


async def _conclude(posting: asyncio.Task[Reply], ticket: Ticket, settle: float) -> None:
    """Wait until the verdict can no longer change; `lost` only shows at the deadline.

    An event whose connection broke may have arrived and still be executed. So only a request that
    was never sent, or was refused, ends the wait for the execution.
    """
    reply = await asyncio.shield(posting)
    if reply.fault in NEVER_LEFT:
        return
    if reply.status is None or 200 <= reply.status <= 299:  # noqa: PLR2004 - HTTP
        await ticket.executed.wait()
    try:
        async with asyncio.timeout(settle):
            await ticket.repeated.wait()
    except TimeoutError:
        return


async def ended(*tasks: asyncio.Task[Reply] | asyncio.Task[None] | asyncio.Task[bool]) -> None:
    """Cancel tasks, wait for them, and raise the error of one that failed."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
