"""Run of a scenario: sends its events, holds its result, and stops it.

Every event goes through the alert runner like those of a probe: it is in the journal before it is
sent, is judged by the same rules and is cleaned up. A run that is stopped sends nothing more and
waits until every event in flight has its verdict, so nothing is left behind.
"""

import asyncio
import contextlib
import dataclasses
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import urlsplit

from exporter.httpclient.errors import RequestError
from exporter.loadtest.checkpoint import Checkpoint, StoredStep
from exporter.loadtest.issues import ObservationWaiter, Rejections, read_no_rejections
from exporter.loadtest.monitor import RunMonitor
from exporter.loadtest.probe_guard import ProbeGuard
from exporter.loadtest.replica_usage import ResourceColumn, read_replica_usage
from exporter.loadtest.result import ScenarioResult, ScenarioState
from exporter.loadtest.result_file import RunFacts, StepRecord, build_document
from exporter.loadtest.scaling import Scaler
from exporter.loadtest.settings import LoadSettings
from exporter.loadtest.stats import SentEvents, estimate_latencies, measure_step
from exporter.loadtest.stop import StoppedError, StopReason, StopSignal
from exporter.loadtest.validity import ValidityLimits, find_invalid_reasons
from exporter.model.run import Run
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob
from exporter.processes import find_local_listeners
from exporter.schedule.open_loop import EARLY_START, Slot, send_open_loop
from slos.schema.contract import DeliveryPath, Stage, Verdict, name_load_probe
from slos.schema.units import Duration

_MAX_UNKNOWN_SHARE = 0.01
"""Share of events that may be unknown because of the prober before a step proves nothing."""
_BURST_EARLY_START = 0.25
"""Seconds before its time at which an event is started, where all events have the same time."""


@dataclass(frozen=True, slots=True)
class RunControls:
    """Controls of one run: what stops it, and what it waits for.

    Attributes:
        stop_signal: stop signal of the run.
        probe_guard: guard of the normal probes.
        late_results: final observations of its events.
        max_events: most events to send, whatever the scenario plans.
        can_see_issues: whether agent-sre opens issues, and this prober can observe them.
        read_rejections: reads the queries that the stand-in for Linear refused, if there is one.
        validity: limits above which the prober was the bottleneck.
        compress: factor by which the plan of the load is shortened.
        environment: where and with what it runs, for the result file.
        scaler: scales the target, where this process has started it.
        checkpoint: file of the steps so far.
        resumed: steps of the interrupted run that this one goes on with.
        resource_queries: queries for the resources of the replicas.
    """

    stop_signal: StopSignal
    probe_guard: ProbeGuard
    late_results: ObservationWaiter
    max_events: int
    can_see_issues: bool
    read_rejections: Callable[[], Awaitable[Rejections | None]] = read_no_rejections
    validity: ValidityLimits = dataclasses.field(default_factory=ValidityLimits)
    compress: float = 1.0
    environment: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    scaler: Scaler | None = None
    checkpoint: Checkpoint | None = None
    resumed: Sequence[StepRecord] = ()
    resource_queries: Mapping[ResourceColumn, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepPlan:
    """Plan of one step of a load without pauses.

    Attributes:
        load: events a second, or events at once.
        offsets: seconds from the start of the step, in order.
        duration: seconds from the start of the step to the next.
        phase: part of the load that it belongs to.
    """

    load: float
    offsets: Sequence[float]
    duration: float
    phase: str = ""


class ScenarioRun:
    """Context of a running scenario, and its result so far."""

    def __init__(
        self,
        result: ScenarioResult,
        settings: LoadSettings,
        *,
        context: ProbeContext,
        controls: RunControls,
        history: Sequence[ScenarioResult],
    ) -> None:
        self.context = context
        self.controls = controls
        self.history = history
        """Earlier runs of the same scenario, the newest first."""
        self._result = result
        self._settings = settings
        self._records: list[StepRecord] = []
        self._resumed = deque(controls.resumed)
        self._replica_usage: list[Mapping[str, Any]] = []
        self._clock = context.path_context.clock
        self.monitor = RunMonitor(
            self._clock,
            elapsed=self._clock.wall() - result.started_at,
            expected=settings.estimate_duration() / controls.compress,
            compress=controls.compress,
        )
        deadlines = settings.to_deadlines(context.targets)
        self._job = AlertJob(
            name_load_probe(result.scenario), context.paths[DeliveryPath.DIRECT], deadlines
        )

    @property
    def result(self) -> ScenarioResult:
        """The result so far."""
        return self._result

    @property
    def records(self) -> Sequence[StepRecord]:
        """The steps so far, with their events."""
        return self._records

    def update(self, **changes: object) -> None:
        """Update fields of the result."""
        self._result = dataclasses.replace(self._result, **changes)  # type: ignore[arg-type]

    def watch_target(self) -> None:
        """Read the processes of the target from now on, where they are on this machine."""
        replicas = self.controls.scaler.list_processes() if self.controls.scaler else {}
        for name, pid in replicas.items():
            self.monitor.watch_process(pid, name=f"process {pid}", replica=name)
        if replicas:
            return
        parts = urlsplit(self.context.path_context.url)
        default_port = {"https": 443}.get(parts.scheme, 80)
        for pid in find_local_listeners(parts.hostname, parts.port or default_port):
            self.monitor.watch_process(pid, name=f"process {pid}")

    def add_note(self, note: str) -> None:
        """Add a remark for a reader."""
        self.update(notes=(*self._result.notes, note))

    async def send_step(
        self,
        load: float,
        offsets: Sequence[float],
        limits: Mapping[Stage, float],
        *,
        duration: float = 0.0,
        phase: str = "",
    ) -> StepRecord:
        """Send the events of one step, wait for all verdicts, and add the measured step.

        Args:
            load: events a second, or events at once.
            offsets: seconds from the first event, in order.
            limits: latency target of each stage that is measured.
            duration: seconds in which the events are sent.
            phase: part of the load that the step belongs to.

        Raises:
            StoppedError: not all were sent, or too many are unknown because of the prober.
        """
        if resumed := self._take_resumed(load, phase):
            return resumed
        self.monitor.take_peak()
        first = self._choose_first_slot(offsets)
        offset = first.intended_at - self._result.started_at
        runs = await self._send_from(first, offsets)
        sent = SentEvents(load, offsets, runs, duration, phase)
        record = self.add_step(sent, limits, offset=offset)
        self._keep_step(record)
        return record

    def _take_resumed(self, load: float, phase: str) -> StepRecord | None:
        """Take the step of the interrupted run, if the plan has the same one here."""
        if not self._resumed:
            return None
        record = self._resumed.popleft()
        if (record.sent.load, record.sent.phase) != (load, phase):
            self._resumed.clear()
            self.add_note("the plan differs from that of the interrupted run from here on")
            return None
        self._records.append(record)
        self.update(
            steps=(*self._result.steps, record.step),
            events=self._result.events + len(record.sent.runs),
        )
        self._keep_step(record)
        return record

    def _keep_step(self, record: StepRecord) -> None:
        """Write a step to the checkpoint."""
        if self.controls.checkpoint is None:
            return
        sent = record.sent
        self.controls.checkpoint.add_step(
            StoredStep(
                sent.load,
                sent.phase,
                sent.duration,
                record.offset,
                record.ended,
                record.in_flight,
                record.prober_cpu,
                sent.offsets,
                [run.id for run in sent.runs],
                [run.send_lag for run in sent.runs],
                record.step.replicas,
            )
        )

    async def send_steps(
        self, plan: Sequence[StepPlan], limits: Mapping[Stage, float]
    ) -> Sequence[StepRecord]:
        """Send steps that follow each other without a pause, and add each when it is judged.

        The events of a step may still be in flight when the next one begins.

        Args:
            plan: the steps in order.
            limits: latency target of each stage that is measured.

        Raises:
            StoppedError: not all were sent, or too many are unknown because of the prober.
        """
        records: list[StepRecord] = []
        for step in plan:
            if (resumed := self._take_resumed(step.load, step.phase)) is None:
                break
            records.append(resumed)
        start = Slot(self._clock.now(), self._clock.wall()).shift(EARLY_START)
        sending: deque[asyncio.Task[StepRecord]] = deque()
        try:
            for step in plan[len(records) :]:
                await self._wait_until(start.intended - EARLY_START)
                sending.append(asyncio.create_task(self._send_planned(step, start, limits)))
                start = start.shift(step.duration)
                while sending and sending[0].done():
                    records.append(sending.popleft().result())
            await self._wait_until(start.intended)
            while sending:
                records.append(await sending[0])
                sending.popleft()
        finally:
            await asyncio.gather(*sending, return_exceptions=True)
        return records

    async def _send_planned(
        self, plan: StepPlan, first: Slot, limits: Mapping[Stage, float]
    ) -> StepRecord:
        self.monitor.take_peak()
        runs = await self._send_from(first, plan.offsets)
        sent = SentEvents(plan.load, plan.offsets, runs, plan.duration, plan.phase)
        offset = first.intended_at - self._result.started_at
        record = self.add_step(sent, limits, offset=offset)
        self._keep_step(record)
        return record

    async def _wait_until(self, moment: float) -> None:
        """Wait until a time on the monotonic clock.

        Raises:
            StoppedError: the run was stopped meanwhile.
        """
        seconds = max(0.0, moment - self._clock.now())
        await self.wait(Duration.from_parts(seconds=seconds))

    def add_step(
        self, sent: SentEvents, limits: Mapping[Stage, float], *, offset: float
    ) -> StepRecord:
        """Measure the events of a step, and add it.

        Args:
            sent: the events.
            limits: latency target of each stage that is measured.
            offset: seconds from the start of the run to the first event.
        """
        step = dataclasses.replace(measure_step(sent, limits), replicas=self._result.level)
        self.update(steps=(*self._result.steps, step))
        cpu = self.monitor.measure_own_cpu(
            offset, offset + max([sent.duration, *sent.offsets[-1:]])
        )
        ended = self.monitor.now
        self._records.append(
            StepRecord(step, sent, offset, ended, self.monitor.take_peak(), prober_cpu=cpu)
        )
        return self._records[-1]

    async def count_issues(self) -> None:
        """Add the numbers of Linear issues to the steps, once they are known.

        A stop ends only the wait, because everything else is measured by then.
        """
        if not self.controls.can_see_issues:
            return
        late_results = self.controls.late_results
        with contextlib.suppress(StoppedError):
            await late_results.wait_for_all(self)
        self._records = [self._with_latest_runs(record) for record in self._records]
        self.update(steps=tuple(record.step for record in self._records))

    def _with_latest_runs(self, record: StepRecord) -> StepRecord:
        sent = self.get_latest(record.sent)
        step = dataclasses.replace(
            record.step,
            issues=self.controls.late_results.count_issues(sent.runs),
            quantiles=estimate_latencies(sent.runs),
        )
        return dataclasses.replace(record, step=step, sent=sent)

    def get_latest(self, sent: SentEvents) -> SentEvents:
        """Return events with all that is known of them by now."""
        runs = [*map(self.controls.late_results.get_latest, sent.runs)]
        return dataclasses.replace(sent, runs=runs)

    async def read_replica_usage(self) -> None:
        """Read the resources of the replicas during the run, where there is a Prometheus."""
        prometheus, queries = self.context.prometheus, self.controls.resource_queries
        is_complete = self._result.state is ScenarioState.COMPLETED
        if prometheus is None or not queries or not is_complete:
            return
        try:
            self._replica_usage = await read_replica_usage(
                prometheus, queries, start=self._result.started_at, end=self._clock.wall()
            )
        except RequestError as error:
            self.add_note(f"the resources of the replicas could not be read: {error}")

    def judge_validity(self) -> None:
        """Record the reasons why the prober was the bottleneck, if it was."""
        reasons = tuple(
            find_invalid_reasons(
                self._records,
                self.controls.validity,
                at_bound=self.controls.stop_signal.reason is StopReason.IN_FLIGHT,
            )
        )
        self.update(invalid=reasons)
        if reasons and self._result.state is ScenarioState.COMPLETED:
            self.update(state=ScenarioState.INVALID)

    def describe_progress(self) -> dict[str, Any]:
        """Describe the progress: counts, rate and p95 of the last events."""
        planned = {"planned_events": self._settings.count_max_events()}
        return self.monitor.describe_progress() | planned

    def to_json(self) -> dict[str, Any]:
        """Return the run and its progress, for pages."""
        return self._result.to_json() | {"progress": self.describe_progress()}

    def build_document(self) -> dict[str, Any]:
        """Build the content of the result file."""
        targets = self.context.targets
        monitor = self.monitor
        return build_document(
            self._result,
            self._records,
            RunFacts(
                settings=self._settings.to_json(),
                limits={stage.value: float(limit.seconds) for stage, limit in targets.items()},
                environment=self.controls.environment,
                series=monitor.to_series(),
                processes=[*monitor.list_processes(), *self._replica_usage],
                marks=monitor.marks,
                replicas=monitor.replicas,
                health=monitor.health,
            ),
        )

    async def send_events(self, offsets: Sequence[float]) -> list[Run]:
        """Send an event at each of these offsets, in seconds, and wait for all verdicts.

        Raises:
            StoppedError: not all were sent, or too many are unknown because of the prober.
        """
        return await self._send_from(self._choose_first_slot(offsets), offsets)

    def _choose_first_slot(self, offsets: Sequence[float]) -> Slot:
        early = _choose_early_start(offsets)
        return Slot(self._clock.now(), self._clock.wall()).shift(early)

    async def _send_from(self, first: Slot, offsets: Sequence[float]) -> list[Run]:
        runs = await send_open_loop(
            offsets,
            first,
            self._run_job,
            clock=self._clock,
            early=_choose_early_start(offsets),
            take_next=self._count_next_event,
        )
        self.controls.stop_signal.raise_if_requested()
        spoiled = sum(run.verdict is Verdict.UNKNOWN for run in runs)
        if spoiled > _MAX_UNKNOWN_SHARE * len(runs):
            self.controls.stop_signal.request_and_raise(StopReason.PROBER)
        return runs

    async def wait(self, duration: Duration) -> None:
        """Wait for some time.

        Raises:
            StoppedError: the run was stopped meanwhile.
        """
        self.controls.stop_signal.raise_if_requested()
        if self._resumed:  # the steps around this pause are not sent again
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(duration.seconds)):
                await self.controls.stop_signal.requested.wait()
        self.controls.stop_signal.raise_if_requested()

    async def send_first_event(self) -> None:
        """Send one event before the load, which also wakes a target without replicas.

        Raises:
            StoppedError: it was not executed as it should be, or its issue is not where issues
                of a load may be.
        """
        rejections = await self.controls.read_rejections()
        (run,) = await self.send_events([0.0])
        if run.verdict is not Verdict.OK:
            self.add_note(f"the event before the load was {run.verdict} ({run.reason})")
            self.controls.stop_signal.request_and_raise(StopReason.TARGET_NOT_OK)
        if self.controls.can_see_issues and not await self.controls.late_results.wait_for_issue(
            run, self
        ):
            await self._stop_without_issue(rejections)

    async def _stop_without_issue(self, before: Rejections | None) -> NoReturn:
        """Stop because the issue of the event before the load was not found."""
        rejections = await self.controls.read_rejections()
        if before is None or rejections is None:
            self.add_note(
                "the stand-in for Linear did not say whether it refused a query of agent-sre"
            )
        if before is None or rejections is None or rejections.count == before.count:
            self.controls.stop_signal.request_and_raise(StopReason.ISSUES_ELSEWHERE)
        self.add_note(
            f"the stand-in for Linear refused a query of agent-sre: {rejections.last_message}"
        )
        self.controls.stop_signal.request_and_raise(StopReason.STAND_IN_REFUSED)

    async def _run_job(self, slot: Slot) -> Run:
        run = await self.context.alert_runner.run(self._job, slot)
        self.monitor.note_judged(run)
        self.controls.late_results.expect_run(run)
        return run

    def _count_next_event(self) -> bool:
        if not self.context.health.may_send():
            self.controls.stop_signal.request(StopReason.LEASE_LOST)
        elif self._result.events >= self.controls.max_events:
            self.controls.stop_signal.request(StopReason.CAP)
        elif self.monitor.in_flight >= self.controls.validity.in_flight:
            self.controls.stop_signal.request(StopReason.IN_FLIGHT)
        if self.controls.stop_signal.reason is not None:
            return False
        self.update(events=self._result.events + 1)
        self.monitor.note_sent()
        return True


def _choose_early_start(offsets: Sequence[float]) -> float:
    """Choose how early a run is started; events of one time need more of it."""
    return EARLY_START if offsets and offsets[-1] > 0 else _BURST_EARLY_START
