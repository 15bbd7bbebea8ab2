"""Runner of synthetic alerts, from the intended send to the verdict."""

import asyncio
import dataclasses
import logging
from dataclasses import dataclass

from exporter.httpclient.auth import CredentialsError
from exporter.httpclient.client import Reply
from exporter.httpclient.errors import is_local_shortage
from exporter.journal.journal import create_open_run
from exporter.model.alert import (
    Alert,
    CanaryIdentity,
    build_parameters,
    create_run_id,
    find_reply_problem,
    to_resolved_id,
)
from exporter.model.deadlines import Deadlines
from exporter.model.error_kind import NOT_SENT_ERRORS
from exporter.model.evidence import Evidence
from exporter.model.run import Run
from exporter.model.verdict import ProberFault, judge_evidence
from exporter.observers import observe_evidence
from exporter.paths import Path
from exporter.prober.health import ProberHealth
from exporter.prober.inflight import InflightRun, InflightRuns
from exporter.prober.recorder import RunRecorder
from exporter.resources import RepeatedWarning
from exporter.schedule.clock import Clock
from exporter.schedule.open_loop import Slot, wait_until
from exporter.schedule.tasks import cancel_tasks
from exporter.tracing import Tracer
from slos.schema.contract import Verdict, is_load_probe

_log = logging.getLogger(__name__)


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
    if reply.error in NOT_SENT_ERRORS:
        return
    if reply.status is None or 200 <= reply.status <= 299:  # noqa: PLR2004 - HTTP
        await inflight_run.executed.wait()
    try:
        async with asyncio.timeout(settle):
            await inflight_run.repeated.wait()
    except TimeoutError:
        return


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


class _LeaseLostError(Exception):
    """The lease was lost between the decision to send and the send."""


class AlertRunner:
    """Runs synthetic alerts.

    Args:
        canary: identity of the canary that the alerts name.
        clock: clock of all times.
        inflight_runs: runs to which the canary matches its calls.
        recorder: record of the runs.
        health: health of the prober.
        tracer: tracer of the runs.
    """

    def __init__(
        self,
        canary: CanaryIdentity,
        *,
        clock: Clock,
        inflight_runs: InflightRuns,
        recorder: RunRecorder,
        health: ProberHealth,
        tracer: Tracer,
    ) -> None:
        self._canary = canary
        self._clock = clock
        self._inflight_runs = inflight_runs
        self._recorder = recorder
        self._health = health
        self._tracer = tracer
        self._shortage_warning = RepeatedWarning(_log)

    async def run(self, job: AlertJob, slot: Slot) -> Run:
        """Run one alert; return its run in every case."""
        attributes = {"probe": job.probe, "path": job.path.NAME}
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

    def _build_alert(self, job: AlertJob, slot: Slot, traceparent: str | None) -> Alert:
        run_id, canary = create_run_id(), self._canary
        return Alert(
            run_id,
            job.probe,
            build_parameters(run_id, canary),
            canary,
            slot.intended_at,
            traceparent,
        )

    async def _run_job(self, job: AlertJob, alert: Alert, run: Run, slot: Slot) -> Run:
        await self._recorder.record_planned(run)
        await wait_until(slot.intended, self._clock)
        faults = self._health.find_send_faults()
        evidence = Evidence(intended=slot.intended)
        if faults:  # a faulty prober's events prove nothing, so nothing is sent
            run, sent = dataclasses.replace(run, leftovers=()), False
        else:
            evidence = await self._send(job, alert, run, slot, faults)
            sent = (
                evidence.connection_error not in NOT_SENT_ERRORS
                and ProberFault.LEASE_LOST not in faults
            )
            if not sent or evidence.is_refused:  # nothing was posted, so nothing is left
                run = dataclasses.replace(run, leftovers=())
        faults |= self._health.find_run_faults(evidence, job.deadlines)
        verdict, reason = judge_evidence(evidence, job.deadlines.late_after, faults)
        aliases = {call.alias: None for call in evidence.calls if call.alias}
        judged = dataclasses.replace(
            run,
            verdict=verdict,
            reason=reason,
            stage_times=observe_evidence(evidence),
            aliases=(*aliases, *((to_resolved_id(run.id),) if evidence.end_accepted else ())),
            send_lag=None
            if evidence.sent_at is None
            else max(0.0, evidence.sent_at - evidence.intended),
        )
        await self._recorder.record_judged(judged, evidence, sent=sent)
        if job.path.settings_difference is not None:
            self._recorder.record_settings_difference(judged, job.path.settings_difference)
        return judged

    async def _send(
        self, job: AlertJob, alert: Alert, run: Run, slot: Slot, faults: set[ProberFault]
    ) -> Evidence:
        sent_at = self._clock.now()
        is_load = is_load_probe(job.probe)
        inflight_run = self._inflight_runs.open_run(
            alert.id, alert.parameters, now=sent_at, is_load=is_load
        )
        posting = asyncio.create_task(self._post(job.path, alert), name=f"send {alert.id}")
        try:
            await self._recorder.record_sent(run)
            await wait_until_certain(
                posting,
                inflight_run,
                settle=job.deadlines.settle,
                seconds=slot.intended + job.deadlines.timeout - self._clock.now(),
                abort=self._health.abort,
            )
            evidence = _build_evidence(
                job.path, slot, sent_at=sent_at, posting=posting, inflight_run=inflight_run
            )
            return await self._send_end(job, alert, evidence) if job.sends_end else evidence
        except _LeaseLostError:
            faults.add(ProberFault.LEASE_LOST)
            return Evidence(intended=slot.intended)
        except Exception as error:  # noqa: BLE001 - must not end probing; a bug is logged in full
            if is_local_shortage(error):
                self._shortage_warning.log(f"path {run.path}: {error}")
                faults.add(ProberFault.RESOURCE_EXHAUSTED)
                return Evidence(intended=slot.intended)
            is_bug = not isinstance(error, CredentialsError)
            _log.error("path %s failed: %s", run.path, error, exc_info=is_bug)
            faults.add(ProberFault.INTERNAL_ERROR)
            return Evidence(intended=slot.intended)
        finally:
            self._inflight_runs.close_run(inflight_run, now=self._clock.now())
            posting.cancel()

    async def _post(self, path: Path, alert: Alert) -> Reply:
        """Post an event, unless the process was suspended since it was decided to send.

        Raises:
            _LeaseLostError: another prober may hold the lease.
        """
        if not self._health.may_send():
            raise _LeaseLostError
        return await path.send_alert(alert)

    async def _send_end(self, job: AlertJob, alert: Alert, evidence: Evidence) -> Evidence:
        """Send the end of an alert that was executed, and note whether it was accepted."""
        if not any(call.finished is not None for call in evidence.calls):
            return evidence
        try:
            async with asyncio.timeout(job.deadlines.timeout):
                reply = await job.path.send_resolved(alert)
        except TimeoutError:
            return dataclasses.replace(evidence, end_accepted=False)
        is_accepted = reply.status is not None and 200 <= reply.status <= 299  # noqa: PLR2004 - HTTP
        return dataclasses.replace(evidence, end_accepted=is_accepted)


def _build_evidence(
    path: Path,
    slot: Slot,
    *,
    sent_at: float,
    posting: asyncio.Task[Reply],
    inflight_run: InflightRun,
) -> Evidence:
    reply = posting.result() if posting.done() else None
    has_status = reply is not None and reply.status is not None
    return Evidence(
        intended=slot.intended,
        sent_at=sent_at,
        replied_at=reply.at if reply and has_status else None,
        status=reply.status if reply else None,
        connection_error=reply.error if reply else None,
        reply_problem=find_reply_problem(reply.body, inflight_run.id)
        if reply and has_status and path.SYNCHRONOUS
        else None,
        calls=inflight_run.calls,
        started_at=inflight_run.find_left_alertmanager_at(slot.intended)
        if path.clock_at_webhook
        else None,
        lacks_notification=path.clock_at_webhook and inflight_run.notified_at is None,
        is_synchronous=path.SYNCHRONOUS,
    )
