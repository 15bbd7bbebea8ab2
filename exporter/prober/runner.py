"""One alert from intended send to verdict."""

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from exporter.httpclient.auth import CredentialsError
from exporter.httpclient.client import Reply
from exporter.journal.journal import Journal, opened
from exporter.journal.sqlite import State
from exporter.metrics.runs import Metrics
from exporter.model.alert import Alert, CanaryIdentity, end_of, new_id, parameters
from exporter.model.deadlines import Patience
from exporter.model.evidence import NEVER_LEFT, Evidence
from exporter.model.run import ProbeResult
from exporter.model.verdict import ProberFault, judge
from exporter.observers import observe
from exporter.paths import Way
from exporter.prober.history import Recent, level_of, log_run
from exporter.prober.inflight import Ledger, Ticket
from exporter.schedule.clock import Clock
from exporter.schedule.scheduler import Pulse
from exporter.tracing import Tracer
from slos.schema.contract import LOAD, Verdict

_log = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True)
class Turn:
    """Intended time of a slot, on both clocks."""

    intended: float
    """Monotonic seconds."""
    intended_at: float
    """Wall clock seconds."""


@dataclass(frozen=True, slots=True)
class Errand:
    """Settings by which the alerts of a probe are sent.

    Attributes:
        probe: the probe's name, a label value.
        way: delivery path.
        patience: deadlines of a run.
        ends: whether the end of the alert is sent once it was executed.
    """

    probe: str
    way: Way
    patience: Patience
    ends: bool = False


class After(Protocol):
    """Takes over runs that have a verdict."""

    def take(self, result: ProbeResult, *, sent: bool) -> tuple[State, ProbeResult]:
        """Add a run with its verdict; return its state, and the run with its due stages."""

    def adopt(self, state: State, run: ProbeResult) -> None:
        """Add a run of an earlier process."""


class Courier:
    """Runs synthetic alerts and keeps the last ones in the history."""

    def __init__(  # noqa: PLR0913 - one argument per component
        self,
        *,
        canary: CanaryIdentity,
        clock: Clock,
        ledger: Ledger,
        journal: Journal,
        metrics: Metrics,
        pulse: Pulse,
        prober_faults: Callable[[], set[ProberFault]],
        may_send: Callable[[], bool],
        abort: asyncio.Event,
        tracer: Tracer,
        after: After,
        recent: Recent,
    ) -> None:
        self._canary = canary
        self._clock = clock
        self._ledger = ledger
        self._journal = journal
        self._metrics = metrics
        self._pulse = pulse
        self._prober_faults = prober_faults
        self._may_send = may_send
        self._abort = abort
        self._tracer = tracer
        self._after = after
        self._uncounted: list[ProbeResult] = []
        self.recent = recent

    async def carry(self, errand: Errand, turn: Turn) -> ProbeResult:
        """Run one alert; return its run in every case."""
        attributes = {"probe": errand.probe, "path": errand.way.ROUTE.value}
        with self._tracer.span("slo-probe.run", attributes) as span:
            alert = self._alert(errand, turn, span.traceparent)
            leavings = errand.way.leavings(alert)
            run = opened(errand.probe, errand.way.ROUTE, alert.id, turn.intended_at, leavings)
            run = dataclasses.replace(run, trace_id=span.trace_id)
            result = await self._carry(errand, alert, run, turn)
            span.note("correlation_id", result.id)
            span.note("verdict", result.verdict.value)
            if result.verdict is not Verdict.OK:
                span.fail(result.reason.value)
        return result

    def account(self, orphans: list[ProbeResult]) -> None:
        """Report runs that an earlier process left open. They are counted after the next scrape.

        `increase()` must see a counter before it rises. Were they counted at once, the counter of a
        prober in a crash loop would start at 1 each time and never seem to rise.
        """
        for orphan in orphans:
            _log.log(
                level_of(orphan),
                "%s: run %s was left open by an earlier start",
                orphan.probe,
                orphan.id,
            )
            if orphan.probe not in LOAD:
                self.recent.add(orphan)
            self._after.adopt(State.JUDGED, orphan)
        self._uncounted += orphans

    def scraped(self) -> None:
        """Count the reported runs of earlier processes, now that the counters have been scraped."""
        waiting, self._uncounted = self._uncounted, []
        for orphan in waiting:
            self._metrics.judged(orphan)

    def _alert(self, errand: Errand, turn: Turn, traceparent: str | None) -> Alert:
        run_id, to = new_id(), self._canary
        return Alert(
            run_id, errand.probe, parameters(run_id, to), to, turn.intended_at, traceparent
        )

    async def _carry(
        self, errand: Errand, alert: Alert, run: ProbeResult, turn: Turn
    ) -> ProbeResult:
        await self._journal.put(State.PLANNED, run)
        await until(turn.intended, self._clock)
        faults = self._prober_faults() | (set() if self._may_send() else {ProberFault.LEASE_LOST})
        evidence = Evidence(intended=turn.intended)
        if faults:  # a faulty prober's events prove nothing, so nothing is sent
            run, sent = dataclasses.replace(run, leavings=()), False
        else:
            evidence = await self._send(errand, alert, run, turn, faults)
            sent = evidence.transport not in NEVER_LEFT
        faults |= self._prober_faults() | self._slips(errand.patience, evidence)
        verdict, reason = judge(evidence, errand.patience.late_after, faults)
        aliases = {call.known_as: None for call in evidence.calls if call.known_as}
        result = dataclasses.replace(
            run,
            verdict=verdict,
            reason=reason,
            seen=observe(evidence),
            aliases=(*aliases, *((end_of(run.id),) if evidence.end_taken else ())),
        )
        await self._close(evidence, result, sent=sent)
        return result

    async def _send(
        self, errand: Errand, alert: Alert, run: ProbeResult, turn: Turn, faults: set[ProberFault]
    ) -> Evidence:
        sent = self._clock.now()
        load = errand.probe in LOAD
        ticket = self._ledger.issue(alert.id, alert.sent, now=sent, load=load)
        posting = asyncio.create_task(errand.way.send(alert), name=f"send {alert.id}")
        try:
            await self._journal.put(State.SENT, run)
            await until_certain(
                posting,
                ticket,
                settle=errand.patience.settle,
                seconds=turn.intended + errand.patience.timeout - self._clock.now(),
                abort=self._abort,
            )
            evidence = _evidence(errand.way, turn, sent, posting, ticket)
            return await self._end(errand, alert, evidence) if errand.ends else evidence
        except Exception as error:  # noqa: BLE001 - must not end probing; a bug is logged in full
            bug = not isinstance(error, CredentialsError)
            _log.error("the way %s broke: %s", run.path, error, exc_info=bug)
            faults.add(ProberFault.INTERNAL_ERROR)
            return Evidence(intended=turn.intended)
        finally:
            self._ledger.close(ticket)
            posting.cancel()

    async def _end(self, errand: Errand, alert: Alert, evidence: Evidence) -> Evidence:
        """Send the end of an alert that was executed, and note whether it was accepted."""
        if not any(call.finished_at is not None for call in evidence.calls):
            return evidence
        try:
            async with asyncio.timeout(errand.patience.timeout):
                reply = await errand.way.end(alert)
        except TimeoutError:
            return dataclasses.replace(evidence, end_taken=False)
        taken = reply.status is not None and 200 <= reply.status <= 299  # noqa: PLR2004 - HTTP
        return dataclasses.replace(evidence, end_taken=taken)

    async def _close(self, evidence: Evidence, result: ProbeResult, *, sent: bool) -> None:
        state, result = self._after.take(result, sent=sent)
        await self._journal.put(state, result)
        self.account(self._journal.take_orphans())
        if result.probe not in LOAD:  # runs of a load are reported by its scenario
            if evidence.sent is not None:
                self._metrics.lag(result.probe, max(0.0, evidence.sent - evidence.intended))
            self._metrics.judged(result)
            self.recent.add(result)
        log_run(_log, result)

    def _slips(self, patience: Patience, evidence: Evidence) -> set[ProberFault]:
        """Find timing faults of the prober during a run: sent late, or stalled."""
        if evidence.sent is None:
            return set()
        late = evidence.sent - evidence.intended > patience.max_send_lag
        stalled = self._pulse.stall(evidence.intended, self._clock.now()) > patience.max_send_lag
        slips = {ProberFault.SENT_LATE: late, ProberFault.PROBER_STALLED: stalled}
        return {fault for fault, is_so in slips.items() if is_so}


def _evidence(
    way: Way, turn: Turn, sent: float, posting: asyncio.Task[Reply], ticket: Ticket
) -> Evidence:
    reply = posting.result() if posting.done() else None
    answered = reply is not None and reply.status is not None
    return Evidence(
        intended=turn.intended,
        sent=sent,
        replied_at=reply.at if reply and answered else None,
        status=reply.status if reply else None,
        transport=reply.fault if reply else None,
        calls=ticket.calls,
        started=ticket.left_alertmanager_at if way.clock_at_webhook else None,
        synchronous=way.SYNCHRONOUS,
    )
