"""Waiting for one alert: until it is due, and until nothing can change its verdict any more."""

import asyncio
from dataclasses import dataclass

from exporter.clock import Clock
from exporter.evidence import NEVER_LEFT
from exporter.ledger import Ticket
from exporter.post import Reply


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a probe waits for what, in seconds.

    Attributes:
        timeout: from the intended send to the verdict.
        settle: for a second execution, after reply and first execution.
        late_after: from the start of the clock to the execution; more is late.
        max_send_lag: from the intended to the actual send; more is the prober's fault.
    """

    timeout: float
    settle: float
    late_after: float
    max_send_lag: float


async def until(moment: float, clock: Clock) -> None:
    """Wait for a moment, unless it has passed."""
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
    """Wait until concluded, aborted or out of time, whichever is first."""
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
    """Wait until nothing more can change the verdict; `lost` only shows at the deadline.

    An event that broke off on the way may have arrived and still be executed, so only a
    request that never left, or was refused, ends the wait for the execution.
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
    """Cancel what is still going and let it finish; a bug in it still comes to light."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
