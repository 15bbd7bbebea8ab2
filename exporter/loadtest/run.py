"""Run of a scenario: sends its events, holds its result, and stops it.

Every event goes through the alert runner like those of a probe: it is in the journal before it is
sent, is judged by the same rules and is cleaned up. A run that is stopped sends nothing more and
waits until every event in flight has its verdict, so nothing is left behind.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from exporter.loadtest.baseline import BaselineGuard
from exporter.loadtest.late_results import LateResults
from exporter.loadtest.rejections import Rejections, read_no_rejections
from exporter.loadtest.result import LoadStep, ScenarioResult
from exporter.loadtest.settings import LoadSettings
from exporter.loadtest.stop import StoppedError, StopReason, StopSignal
from exporter.model.run import Run
from exporter.prober.context import ProbeContext
from exporter.prober.runner import AlertJob
from exporter.schedule.open_loop import EARLY_START, Slot, send_open_loop
from slos.schema.contract import DeliveryPath, Verdict, name_load_probe
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
        baseline: guard of the normal probes.
        late_results: final observations of its events.
        max_events: most events to send, whatever the scenario plans.
        can_see_issues: whether agent-sre opens issues, and this prober can observe them.
        read_rejections: reads the queries that the stand-in for Linear refused, if there is one.
    """

    stop_signal: StopSignal
    baseline: BaselineGuard
    late_results: LateResults
    max_events: int
    can_see_issues: bool
    read_rejections: Callable[[], Awaitable[Rejections | None]] = read_no_rejections


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
        self._step_runs: list[Sequence[Run]] = []
        self._clock = context.path_context.clock
        deadlines = settings.to_deadlines(context.targets)
        self._job = AlertJob(
            name_load_probe(result.scenario), context.paths[DeliveryPath.DIRECT], deadlines
        )

    @property
    def result(self) -> ScenarioResult:
        """The result so far."""
        return self._result

    def update(self, **changes: object) -> None:
        """Update fields of the result."""
        self._result = dataclasses.replace(self._result, **changes)  # type: ignore[arg-type]

    def add_step(self, step: LoadStep, runs: Sequence[Run]) -> None:
        """Add a step that has ended, with its runs."""
        self.update(steps=(*self._result.steps, step))
        self._step_runs.append(runs)

    async def count_issues(self) -> None:
        """Add the numbers of Linear issues to the steps, once they are known.

        A stop ends only the wait, because everything else is measured by then.
        """
        if not self.controls.can_see_issues:
            return
        late_results = self.controls.late_results
        with contextlib.suppress(StoppedError):
            await late_results.wait_for_all(self)
        steps = (
            dataclasses.replace(step, issues=late_results.count_issues(runs))
            for step, runs in zip(self._result.steps, self._step_runs, strict=True)
        )
        self.update(steps=tuple(steps))

    async def send_events(self, offsets: Sequence[float]) -> list[Run]:
        """Send an event at each of these offsets, in seconds, and wait for all verdicts.

        Raises:
            StoppedError: not all were sent, or too many are unknown because of the prober.
        """
        early = EARLY_START if offsets and offsets[-1] > 0 else _BURST_EARLY_START
        first = Slot(self._clock.now(), self._clock.wall()).shift(early)
        runs = await send_open_loop(
            offsets,
            first,
            self._run_job,
            clock=self._clock,
            early=early,
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
            self.update(notes=(f"the event before the load was {run.verdict} ({run.reason})",))
            self.controls.stop_signal.request_and_raise(StopReason.TARGET_NOT_OK)
        if self.controls.can_see_issues and not await self.controls.late_results.wait_for_issue(
            run, self
        ):
            await self._stop_without_issue(rejections)

    async def _stop_without_issue(self, before: Rejections | None) -> NoReturn:
        """Stop because the issue of the event before the load was not found."""
        rejections = await self.controls.read_rejections()
        if before is None or rejections is None:
            note = "the stand-in for Linear did not say whether it refused a query of agent-sre"
            self.update(notes=(note,))
        if before is None or rejections is None or rejections.count == before.count:
            self.controls.stop_signal.request_and_raise(StopReason.ISSUES_ELSEWHERE)
        note = f"the stand-in for Linear refused a query of agent-sre: {rejections.last_message}"
        self.update(notes=(note,))
        self.controls.stop_signal.request_and_raise(StopReason.STAND_IN_REFUSED)

    async def _run_job(self, slot: Slot) -> Run:
        run = await self.context.alert_runner.run(self._job, slot)
        self.controls.late_results.expect_run(run)
        return run

    def _count_next_event(self) -> bool:
        if not self.context.health.may_send():
            self.controls.stop_signal.request(StopReason.LEASE_LOST)
        elif self._result.events >= self.controls.max_events:
            self.controls.stop_signal.request(StopReason.CAP)
        if self.controls.stop_signal.reason is not None:
            return False
        self.update(events=self._result.events + 1)
        return True
