"""The remediation probe: one fired alert in, one execution of the canary out."""

import asyncio
from collections.abc import Iterable

from exporter.events import fired, parameters
from exporter.evidence import NEVER_LEFT, Evidence
from exporter.fields import Length
from exporter.ledger import Ticket
from exporter.post import Reply, post
from exporter.probes import Means, Order, Targets
from exporter.rhythm import Rhythm
from slos.schema.contract import Stage
from slos.schema.units import Duration


class Settings(Rhythm):
    """Settings of the remediation probe."""

    settle: Length = Duration.of(seconds=5)
    """Time to wait for a second execution after reply and first execution. Default 5s: what
    agent-sre repeats comes within milliseconds, what a broker in front repeats within seconds.
    A call that comes later still is counted as `after_verdict`."""
    late_after: Length | None = None
    """End-to-end time above which an execution is late. Default: the end_to_end target of the
    specs, so that verdict and SLO agree."""

    def findings(self, targets: Targets) -> Iterable[tuple[str, str, str]]:
        """Faults that only show beside the specs."""
        late_after = self.late_after or targets.get(Stage.END_TO_END)
        if late_after is None:
            message = "late_after is not set and no spec has a target for end_to_end"
            yield "late_after", message, "list the spec under specs, or set late_after: 60s"
        elif not late_after < self.timeout:
            message = f"late_after {late_after} is not below timeout {self.timeout}"
            yield "late_after", message, "raise timeout, or an execution can never be late"


class Probe:
    """Sends to agent-sre directly and waits for both ends: the reply and the canary."""

    PATH = "direct"

    def __init__(self, settings: Settings, means: Means) -> None:
        self._settings = settings
        self._means = means
        self.late_after = settings.late_after or means.targets[Stage.END_TO_END]

    async def ask(self, order: Order) -> Evidence:
        """Send one alert; come back when its verdict is certain or the deadline has passed."""
        means = self._means
        sent_parameters = parameters(order.id, means.canary)
        event = fired(
            order.id,
            probe="remediation",
            sent=sent_parameters,
            canary=means.canary,
            at=order.intended_at,
        )
        sent = means.clock.now()
        ticket = means.ledger.issue(order.id, sent_parameters, now=sent)
        posting = asyncio.create_task(post(means.client, means.url, event, clock=means.clock))
        try:
            deadline = order.intended + float(self._settings.timeout.seconds)
            await self._watch(posting, ticket, seconds=deadline - sent)
            return _evidence(order, sent, posting, ticket)
        finally:
            means.ledger.close(ticket)
            await _end(posting)

    async def _watch(self, posting: asyncio.Task[Reply], ticket: Ticket, *, seconds: float) -> None:
        """Wait until concluded, aborted or out of time, whichever is first."""
        concluded = asyncio.create_task(self._conclude(posting, ticket))
        aborted = asyncio.create_task(self._means.abort.wait())
        try:
            await asyncio.wait(
                {concluded, aborted},
                timeout=max(seconds, 0.0),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            await _end(concluded, aborted)

    async def _conclude(self, posting: asyncio.Task[Reply], ticket: Ticket) -> None:
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
            async with asyncio.timeout(float(self._settings.settle.seconds)):
                await ticket.repeated.wait()
        except TimeoutError:
            return


def _evidence(order: Order, sent: float, posting: asyncio.Task[Reply], ticket: Ticket) -> Evidence:
    reply = posting.result() if posting.done() else None
    answered = reply is not None and reply.status is not None
    return Evidence(
        intended=order.intended,
        sent=sent,
        replied_at=reply.at if reply and answered else None,
        status=reply.status if reply else None,
        transport=reply.fault if reply else None,
        calls=ticket.calls,
    )


async def _end(*tasks: asyncio.Task[Reply] | asyncio.Task[None] | asyncio.Task[bool]) -> None:
    """Cancel what is still going and let it finish; a bug in it still comes to light."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
