"""Run of a scenario: sends its events, holds its result, and stops it.

Every event goes through the alert runner like those of a probe: it is in the journal before it is
sent, is judged by the same table and is cleaned up. A run that is stopped sends nothing more and
waits until every event in flight has its verdict, so nothing is left behind.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exporter.loadtest.guards import BaselineGuard, LateResults
from exporter.loadtest.result import LoadStep, ScenarioResult
from exporter.loadtest.settings import LoadSettings
from exporter.loadtest.stop import StopReason, StopSignal
from exporter.model.run import Run
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob, SlotTimes
from slos.schema.contract import DeliveryPath, Verdict
from slos.schema.units import Duration

_MAX_UNKNOWN_SHARE = 0.01
"""Share of events that may be unknown because of the prober before a step proves nothing."""
_STEADY_LEAD, _BURST_LEAD = 0.05, 0.25
"""Seconds before its time at which an event is prepared, above all written to the journal."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits of one run.

    Attributes:
        max_events: most events to send, whatever the scenario plans.
        may_send: whether this prober holds the lease.
        can_see_issues: whether agent-sre opens issues, and this prober can observe them.
    """

    max_events: int
    may_send: Callable[[], bool]
    can_see_issues: bool


class ScenarioRun:
    """Context of a running scenario, and its result so far."""

    def __init__(  # noqa: PLR0913 - one argument per component
        self,
        result: ScenarioResult,
        settings: LoadSettings,
        *,
        context: ProbeContext,
        limits: RunLimits,
        stop_signal: StopSignal,
        baseline: BaselineGuard,
        late_results: LateResults,
        history: Sequence[ScenarioResult],
    ) -> None:
        self.context = context
        self.stop_signal = stop_signal
        self.baseline = baseline
        self.late_results = late_results
        self.history = history
        """Earlier runs of the same scenario, the newest first."""
        self._result = result
        self._limits = limits
        self._clock = context.path_context.clock
        deadlines = settings.to_deadlines(context.targets)
        self._job = AlertJob(result.scenario.probe, context.paths[DeliveryPath.DIRECT], deadlines)

    @property
    def result(self) -> ScenarioResult:
        """The result so far."""
        return self._result

    @property
    def can_see_issues(self) -> bool:
        """True if agent-sre opens issues, and this prober can observe them."""
        return self._limits.can_see_issues

    def update(self, **changes: object) -> None:
        """Update fields of the result."""
        self._result = dataclasses.replace(self._result, **changes)  # type: ignore[arg-type]

    def add_step(self, step: LoadStep) -> None:
        """Add a step that has ended."""
        self.update(steps=(*self._result.steps, step))

    async def send_events(self, offsets: Sequence[float]) -> list[Run]:
        """Send an event at each of these offsets, in seconds, and wait for all verdicts.

        Raises:
            StoppedError: not all were sent, or too many are unknown because of the prober.
        """
        lead = _STEADY_LEAD if offsets and offsets[-1] > 0 else _BURST_LEAD
        start, wall = self._clock.now() + lead, self._clock.wall() + lead
        tasks = []
        for offset in offsets:
            wait = start + offset - lead - self._clock.now()
            if wait > 0:
                await self._clock.sleep(wait)
            if not self._count_next_event():
                break
            slot = SlotTimes(start + offset, wall + offset)
            tasks.append(asyncio.create_task(self._run_job(slot)))
        runs = await asyncio.gather(*tasks)
        self.stop_signal.raise_if_requested()
        spoiled = sum(run.verdict is Verdict.UNKNOWN for run in runs)
        if spoiled > _MAX_UNKNOWN_SHARE * len(runs):
            self.stop_signal.request_and_raise(StopReason.PROBER)
        return list(runs)

    async def wait(self, duration: Duration) -> None:
        """Wait for some time.

        Raises:
            StoppedError: the run was stopped meanwhile.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(duration.seconds)):
                await self.stop_signal.requested.wait()
        self.stop_signal.raise_if_requested()

    async def send_first_event(self) -> None:
        """Send one event before the load, which also wakes a target without replicas.

        Raises:
            StoppedError: it was not executed as it should be, or its issue is not where issues
                of a load may be.
        """
        (run,) = await self.send_events([0.0])
        if run.verdict is not Verdict.OK:
            self.update(notes=(f"the event before the load was {run.verdict} ({run.reason})",))
            self.stop_signal.request_and_raise(StopReason.TARGET_NOT_OK)
        if self._limits.can_see_issues and not await self.late_results.wait_for_issue(run, self):
            self.stop_signal.request_and_raise(StopReason.ISSUES_ELSEWHERE)

    async def _run_job(self, slot: SlotTimes) -> Run:
        run = await self.context.alert_runner.run(self._job, slot)
        self.late_results.expect_run(run)
        return run

    def _count_next_event(self) -> bool:
        if not self._limits.may_send():
            self.stop_signal.request(StopReason.LEASE_LOST)
        elif self._result.events >= self._limits.max_events:
            self.stop_signal.request(StopReason.CAP)
        if self.stop_signal.reason is not None:
            return False
        self.update(events=self._result.events + 1)
        return True
