"""One run of a scenario: how it sends events, what is known of it, and when it stops.

Every event goes through the alert runner like those of a probe: it is in the journal before it is
sent, is judged by the same table and is cleaned up. A run that is stopped sends nothing more and
waits until every event in flight has its verdict, so nothing is left behind.
"""

import asyncio
import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exporter.loadtest.guards import LateNews, NormalRuns
from exporter.loadtest.result import Result, Step
from exporter.loadtest.settings import Load
from exporter.loadtest.stop import Brake, Stop
from exporter.model.run import ProbeResult
from exporter.prober.context import Means
from exporter.prober.runner import Errand, Turn
from slos.schema.contract import Route, Verdict
from slos.schema.units import Duration

_UNKNOWN_BORNE = 0.01
"""Share of events that may be unknown because of the prober before a step proves nothing."""
_STEADY_LEAD, _VOLLEY_LEAD = 0.05, 0.25
"""Seconds before its time at which an event is prepared, above all written to the journal."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one run.

    Attributes:
        max_events: most events to send, whatever the scenario plans.
        may_send: whether this prober holds the lease.
        sees_issues: whether agent-sre opens issues, and this prober can observe them.
    """

    max_events: int
    may_send: Callable[[], bool]
    sees_issues: bool


class Trial:
    """Context of a running scenario, and its result so far."""

    def __init__(  # noqa: PLR0913 - one argument per component
        self,
        result: Result,
        settings: Load,
        *,
        means: Means,
        limits: Limits,
        brake: Brake,
        normal: NormalRuns,
        late: LateNews,
        history: Sequence[Result],
    ) -> None:
        self.means = means
        self.brake = brake
        self.normal = normal
        self.late = late
        self.history = history
        """Earlier runs of the same scenario, the newest first."""
        self._result = result
        self._limits = limits
        self._clock = means.reach.clock
        patience = settings.patience(means.targets)
        self._errand = Errand(result.scenario.probe, means.ways[Route.DIRECT], patience)

    @property
    def result(self) -> Result:
        """The result so far."""
        return self._result

    @property
    def sees_issues(self) -> bool:
        """True if agent-sre opens issues, and this prober can observe them."""
        return self._limits.sees_issues

    def tell(self, **known: object) -> None:
        """Update fields of the result."""
        self._result = dataclasses.replace(self._result, **known)  # type: ignore[arg-type]

    def show(self, step: Step) -> None:
        """Add a step that has ended."""
        self.tell(steps=(*self._result.steps, step))

    async def send(self, offsets: Sequence[float]) -> list[ProbeResult]:
        """Send an event at each of these offsets, in seconds, and wait for all verdicts.

        Raises:
            StoppedError: not all were sent, or too many are unknown because of the prober.
        """
        lead = _STEADY_LEAD if offsets and offsets[-1] > 0 else _VOLLEY_LEAD
        start, wall = self._clock.now() + lead, self._clock.wall() + lead
        carrying = []
        for offset in offsets:
            wait = start + offset - lead - self._clock.now()
            if wait > 0:
                await self._clock.sleep(wait)
            if not self._may_send_one_more():
                break
            turn = Turn(start + offset, wall + offset)
            carrying.append(asyncio.create_task(self._carry(turn)))
        runs = await asyncio.gather(*carrying)
        self.brake.check()
        spoiled = sum(run.verdict is Verdict.UNKNOWN for run in runs)
        if spoiled > _UNKNOWN_BORNE * len(runs):
            self.brake.stop(Stop.PROBER)
        return list(runs)

    async def rest(self, pause: Duration) -> None:
        """Wait for some time.

        Raises:
            StoppedError: the run was stopped meanwhile.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(pause.seconds)):
                await self.brake.pulled.wait()
        self.brake.check()

    async def first(self) -> None:
        """Send one event before the load, which also wakes a target without replicas.

        Raises:
            StoppedError: it was not executed as it should be, or its issue is not where issues
                of a load may be.
        """
        (run,) = await self.send([0.0])
        if run.verdict is not Verdict.OK:
            self.tell(notes=(f"the event before the load: {run.verdict}, {run.reason}",))
            self.brake.stop(Stop.TARGET_NOT_OK)
        if self._limits.sees_issues and not await self.late.issue_of(run, self):
            self.brake.stop(Stop.ISSUES_ELSEWHERE)

    async def _carry(self, turn: Turn) -> ProbeResult:
        run = await self.means.courier.carry(self._errand, turn)
        self.late.expect(run)
        return run

    def _may_send_one_more(self) -> bool:
        if not self._limits.may_send():
            self.brake.pull(Stop.LEASE_LOST)
        elif self._result.events >= self._limits.max_events:
            self.brake.pull(Stop.CAP)
        if self.brake.reason is not None:
            return False
        self.tell(events=self._result.events + 1)
        return True
