"""Abort criteria: normal probes fail, issues arrive late."""

from collections.abc import Callable
from math import inf
from typing import Protocol

from exporter.loadtest.stats import told_of_issue
from exporter.loadtest.stop import Brake, Stop
from exporter.model.run import ProbeResult
from slos.schema.contract import IssueCount, Verdict
from slos.schema.units import Duration

_AVAILABLE = frozenset({Verdict.OK, Verdict.LATE})

_ENOUGH = 0.99
"""Share of the events whose issue must be known."""
_LOOK = Duration.of(seconds=0.5)
_LOOK_SECONDS = float(_LOOK.seconds)


class NormalRuns:
    """Counts failed runs of the normal probes, and requests the stop when there are too many.

    Args:
        brake: stop signal of the scenario run.
        allowed: failures that are tolerated.
        since: wall clock seconds of the start of the load; earlier runs do not count.
        measures: returns whether a run is a measurement; a refused attack is none.
    """

    def __init__(
        self,
        brake: Brake,
        *,
        allowed: int,
        since: float,
        measures: Callable[[ProbeResult], bool],
    ) -> None:
        self._brake = brake
        self._allowed = allowed
        self._since = since
        self._measures = measures
        self._until = inf
        self._runs: list[tuple[float, bool]] = []

    @property
    def failures(self) -> int:
        """Number of failed runs that were sent during the load."""
        return sum(not available for sent, available in self._runs if sent <= self._until)

    def load_is_over(self, wall: float) -> None:
        """End the load: runs sent after this time no longer count."""
        self._until = wall

    def hear(self, run: ProbeResult) -> None:
        """Record a run that has its verdict; an unknown one is ignored."""
        if run.intended_at < self._since or run.verdict is Verdict.UNKNOWN:
            return
        if not self._measures(run):
            return
        self._runs.append((run.intended_at, run.verdict in _AVAILABLE))
        if self.failures > self._allowed:
            self._brake.pull(Stop.NORMAL_FAILURES)

    def available_after(self, wall: float) -> bool | None:
        """Return whether the last run sent after a time succeeded; None when there was none."""
        later = [run for run in self._runs if run[0] > wall]
        return max(later)[1] if later else None


class Resting(Protocol):
    """Waits, and can be stopped meanwhile."""

    async def rest(self, pause: Duration) -> None:
        """Wait for some time.

        Raises:
            StoppedError: the run was stopped meanwhile.
        """


class LateNews:
    """Waits for the final observation of each event.

    Args:
        patience: seconds after which no more is expected.
    """

    def __init__(self, *, patience: float) -> None:
        self._patience = patience
        self._expected: set[str] = set()
        self._heard: dict[str, tuple[ProbeResult, IssueCount | None]] = {}

    def expect(self, run: ProbeResult) -> None:
        """Expect the final observation of an event that has its verdict."""
        self._expected.add(run.id)

    def hear(self, run: ProbeResult, issues: IssueCount | None) -> None:
        """Record the final observation of a run; runs of others are ignored."""
        self._heard[run.id] = (run, issues)

    async def issue_of(self, run: ProbeResult, resting: Resting) -> bool:
        """Wait until it is known whether an event has its issue; return whether it has.

        Raises:
            StoppedError: the run was stopped meanwhile.
        """
        left = self._patience
        while run.id not in self._heard and left > 0:
            await resting.rest(_LOOK)
            left -= _LOOK_SECONDS
        _, issues = self._heard.get(run.id, (run, None))
        return issues in (IssueCount.ONE, IssueCount.SEVERAL)

    async def all_heard(self, resting: Resting) -> bool:
        """Wait for all events; return whether enough of their issues are known.

        Raises:
            StoppedError: the run was stopped meanwhile.
        """
        left = self._patience
        while self._expected - self._heard.keys() and left > 0:
            await resting.rest(_LOOK)
            left -= _LOOK_SECONDS
        known = sum(
            told_of_issue(*self._heard[each]) for each in self._expected if each in self._heard
        )
        return known >= _ENOUGH * len(self._expected)

    def known_of(self, run: ProbeResult) -> ProbeResult:
        """Return the newest version of a run."""
        return self._heard.get(run.id, (run, None))[0]
