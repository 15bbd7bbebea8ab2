"""One alert from intended send to verdict."""

import asyncio
import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from exporter.httpclient.auth import CredentialsError
from exporter.httpclient.client import Reply
from exporter.journal.journal import Journal, create_open_run
from exporter.journal.sqlite import RunState
from exporter.metrics.runs import RunMetrics
from exporter.model.alert import Alert, CanaryIdentity, build_parameters, create_run_id, to_end_id
from exporter.model.deadlines import Deadlines
from exporter.model.evidence import NEVER_LEFT, Evidence
from exporter.model.run import Run
from exporter.model.verdict import ProberFault, judge_evidence
from exporter.observers import observe_evidence
from exporter.paths import Path
from exporter.prober.history import RunHistory, choose_log_level, log_run
from exporter.prober.inflight import InflightRun, InflightRuns
from exporter.schedule.clock import Clock
from exporter.schedule.scheduler import Heartbeat
from exporter.tracing import Tracer
from slos.schema.contract import LOAD_PROBES, Verdict

_log = logging.getLogger(__name__)


async def wait_until(moment: float, clock: Clock) -> None:
    """Wait until a time on the monotonic clock, unless it has passed."""
    wait = moment - clock.now()
    if wait > 0:
        await clock.sleep(wait)


async def wait_until_certain(
    posting: asyncio.Task[Reply],
    inflight_run: InflightRun,
    *,
    settle: float,
    seconds: float,
    abort: asyncio.Event,
) -> None:
    """Wait until the run is concluded, aborted or out of time, whichever comes first."""
    conclude_task = asyncio.create_task(_wait_until_concluded(posting, inflight_run, settle))
    abort_task = asyncio.create_task(abort.wait())
    try:
        await asyncio.wait(
            {conclude_task, abort_task},
            timeout=max(seconds, 0.0),
            return_when=asyncio.FIRST_COMPLETED,
        )
    finally:
        await cancel_tasks(conclude_task, abort_task)


async def _wait_until_concluded(
    posting: asyncio.Task[Reply], inflight_run: InflightRun, settle: float
) -> None:
    """Wait until the verdict can no longer change; `lost` only shows at the deadline.

    An event whose connection broke may have arrived and still be executed. So only a request that
    was never sent, or was refused, ends the wait for the execution.
    """
    reply = await asyncio.shield(posting)
    if reply.fault in NEVER_LEFT:
        return
    if reply.status is None or 200 <= reply.status <= 299:  # noqa: PLR2004 - HTTP
        await inflight_run.executed.wait()
    try:
        async with asyncio.timeout(settle):
            await inflight_run.repeated.wait()
    except TimeoutError:
        return


async def cancel_tasks(
    *tasks: asyncio.Task[Reply] | asyncio.Task[None] | asyncio.Task[bool],
) -> None:
    """Cancel tasks, wait for them, and raise the error of one that failed."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


@dataclass(frozen=True, slots=True)
class SlotTimes:
    """Intended time of a slot, on both clocks."""

    intended: float
    """Monotonic seconds."""
    intended_at: float
    """Wall clock seconds."""


@dataclass(frozen=True, slots=True)
class AlertJob:
    """Settings by which the alerts of a probe are sent.

    Attributes:
        probe: the probe's name, a label value.
        path: delivery path.
        deadlines: deadlines of a run.
        sends_end: whether the end of the alert is sent once it was executed.
    """

    probe: str
    path: Path
    deadlines: Deadlines
    sends_end: bool = False


class PendingRuns(Protocol):
    """Takes over runs that have a verdict."""

    def add_judged(self, run: Run, *, sent: bool) -> tuple[RunState, Run]:
        """Add a run with its verdict; return its state, and the run with its due stages."""

    def restore(self, state: RunState, run: Run) -> None:
        """Add a run of an earlier process."""


class AlertRunner:
    """Runs synthetic alerts and keeps the last ones in the history."""

    def __init__(  # noqa: PLR0913 - one argument per component
        self,
        *,
        canary: CanaryIdentity,
        clock: Clock,
        inflight_runs: InflightRuns,
        journal: Journal,
        metrics: RunMetrics,
        heartbeat: Heartbeat,
        find_prober_faults: Callable[[], set[ProberFault]],
        may_send: Callable[[], bool],
        abort: asyncio.Event,
        tracer: Tracer,
        pending_runs: PendingRuns,
        history: RunHistory,
    ) -> None:
        self._canary = canary
        self._clock = clock
        self._inflight_runs = inflight_runs
        self._journal = journal
        self._metrics = metrics
        self._heartbeat = heartbeat
        self._find_prober_faults = find_prober_faults
        self._may_send = may_send
        self._abort = abort
        self._tracer = tracer
        self._pending_runs = pending_runs
        self._uncounted: list[Run] = []
        self.history = history

    async def run(self, job: AlertJob, slot: SlotTimes) -> Run:
        """Run one alert; return its run in every case."""
        attributes = {"probe": job.probe, "path": job.path.NAME.value}
        with self._tracer.start_span("slo-probe.run", attributes) as span:
            alert = self._build_alert(job, slot, span.traceparent)
            leftovers = job.path.list_leftovers(alert)
            open_run = create_open_run(
                job.probe, job.path.NAME, alert.id, slot.intended_at, leftovers
            )
            open_run = dataclasses.replace(open_run, trace_id=span.trace_id)
            run = await self._run_job(job, alert, open_run, slot)
            span.set_attribute("correlation_id", run.id)
            span.set_attribute("verdict", run.verdict.value)
            if run.verdict is not Verdict.OK:
                span.mark_failed(run.reason.value)
        return run

    def report_orphans(self, orphans: list[Run]) -> None:
        """Report runs that an earlier process left open. They are counted after the next scrape.

        `increase()` must see a counter before it rises. Were they counted at once, the counter of a
        prober in a crash loop would start at 1 each time and never seem to rise.
        """
        for orphan in orphans:
            _log.log(
                choose_log_level(orphan),
                "%s: run %s was left open by an earlier process",
                orphan.probe,
                orphan.id,
            )
            if orphan.probe not in LOAD_PROBES:
                self.history.add(orphan)
            self._pending_runs.restore(RunState.JUDGED, orphan)
        self._uncounted += orphans

    def count_orphans(self) -> None:
        """Count the reported runs of earlier processes, now that the counters have been scraped."""
        uncounted, self._uncounted = self._uncounted, []
        for orphan in uncounted:
            self._metrics.count_judged(orphan)

    def _build_alert(self, job: AlertJob, slot: SlotTimes, traceparent: str | None) -> Alert:
        run_id, canary = create_run_id(), self._canary
        return Alert(
            run_id,
            job.probe,
            build_parameters(run_id, canary),
            canary,
            slot.intended_at,
            traceparent,
        )

    async def _run_job(self, job: AlertJob, alert: Alert, run: Run, slot: SlotTimes) -> Run:
        await self._journal.write_run(RunState.PLANNED, run)
        await wait_until(slot.intended, self._clock)
        faults = self._find_prober_faults() | (
            set() if self._may_send() else {ProberFault.LEASE_LOST}
        )
        evidence = Evidence(intended=slot.intended)
        if faults:  # a faulty prober's events prove nothing, so nothing is sent
            run, sent = dataclasses.replace(run, leftovers=()), False
        else:
            evidence = await self._send(job, alert, run, slot, faults)
            sent = evidence.transport_fault not in NEVER_LEFT
        faults |= self._find_prober_faults() | self._find_timing_faults(job.deadlines, evidence)
        verdict, reason = judge_evidence(evidence, job.deadlines.late_after, faults)
        aliases = {call.alias: None for call in evidence.calls if call.alias}
        judged = dataclasses.replace(
            run,
            verdict=verdict,
            reason=reason,
            stage_times=observe_evidence(evidence),
            aliases=(*aliases, *((to_end_id(run.id),) if evidence.end_accepted else ())),
        )
        await self._finish_run(evidence, judged, sent=sent)
        return judged

    async def _send(
        self, job: AlertJob, alert: Alert, run: Run, slot: SlotTimes, faults: set[ProberFault]
    ) -> Evidence:
        sent_at = self._clock.now()
        is_load = job.probe in LOAD_PROBES
        inflight_run = self._inflight_runs.open_run(
            alert.id, alert.parameters, now=sent_at, is_load=is_load
        )
        posting = asyncio.create_task(job.path.send_alert(alert), name=f"send {alert.id}")
        try:
            await self._journal.write_run(RunState.SENT, run)
            await wait_until_certain(
                posting,
                inflight_run,
                settle=job.deadlines.settle,
                seconds=slot.intended + job.deadlines.timeout - self._clock.now(),
                abort=self._abort,
            )
            evidence = _build_evidence(job.path, slot, sent_at, posting, inflight_run)
            return await self._send_end(job, alert, evidence) if job.sends_end else evidence
        except Exception as error:  # noqa: BLE001 - must not end probing; a bug is logged in full
            is_bug = not isinstance(error, CredentialsError)
            _log.error("path %s failed: %s", run.path, error, exc_info=is_bug)
            faults.add(ProberFault.INTERNAL_ERROR)
            return Evidence(intended=slot.intended)
        finally:
            self._inflight_runs.close_run(inflight_run)
            posting.cancel()

    async def _send_end(self, job: AlertJob, alert: Alert, evidence: Evidence) -> Evidence:
        """Send the end of an alert that was executed, and note whether it was accepted."""
        if not any(call.finished_at is not None for call in evidence.calls):
            return evidence
        try:
            async with asyncio.timeout(job.deadlines.timeout):
                reply = await job.path.send_end(alert)
        except TimeoutError:
            return dataclasses.replace(evidence, end_accepted=False)
        is_accepted = reply.status is not None and 200 <= reply.status <= 299  # noqa: PLR2004 - HTTP
        return dataclasses.replace(evidence, end_accepted=is_accepted)

    async def _finish_run(self, evidence: Evidence, run: Run, *, sent: bool) -> None:
        state, run = self._pending_runs.add_judged(run, sent=sent)
        await self._journal.write_run(state, run)
        self.report_orphans(self._journal.take_orphans())
        if run.probe not in LOAD_PROBES:  # runs of a load are reported by its scenario
            if evidence.sent_at is not None:
                self._metrics.observe_lag(run.probe, max(0.0, evidence.sent_at - evidence.intended))
            self._metrics.count_judged(run)
            self.history.add(run)
        log_run(_log, run)

    def _find_timing_faults(self, deadlines: Deadlines, evidence: Evidence) -> set[ProberFault]:
        """Find timing faults of the prober during a run: sent late, or stalled."""
        if evidence.sent_at is None:
            return set()
        sent_late = evidence.sent_at - evidence.intended > deadlines.max_send_lag
        stalled = (
            self._heartbeat.measure_stall(evidence.intended, self._clock.now())
            > deadlines.max_send_lag
        )
        conditions = {ProberFault.SENT_LATE: sent_late, ProberFault.PROBER_STALLED: stalled}
        return {fault for fault, is_so in conditions.items() if is_so}


def _build_evidence(
    path: Path,
    slot: SlotTimes,
    sent: float,
    posting: asyncio.Task[Reply],
    inflight_run: InflightRun,
) -> Evidence:
    reply = posting.result() if posting.done() else None
    has_status = reply is not None and reply.status is not None
    return Evidence(
        intended=slot.intended,
        sent_at=sent,
        replied_at=reply.at if reply and has_status else None,
        status=reply.status if reply else None,
        transport_fault=reply.fault if reply else None,
        calls=inflight_run.calls,
        started_at=inflight_run.left_alertmanager_at if path.clock_at_webhook else None,
        is_synchronous=path.SYNCHRONOUS,
    )
