"""Guards of a scenario: abort it while normal probes fail, and wait for issues that arrive late."""

from collections.abc import Callable
from math import inf
from typing import Protocol

from exporter.loadtest.stats import is_issue_known
from exporter.loadtest.stop import StopReason, StopSignal
from exporter.model.run import Run
from slos.schema.contract import IssueCount, Verdict
from slos.schema.units import Duration

_AVAILABLE = frozenset({Verdict.OK, Verdict.LATE})

_KNOWN_SHARE = 0.99
"""Share of the events whose issue must be known."""
_POLL_INTERVAL = Duration.from_parts(seconds=0.5)
_POLL_SECONDS = float(_POLL_INTERVAL.seconds)


class BaselineGuard:
    """Counts failed runs of the normal probes, and requests the stop when there are too many.

    Args:
        stop_signal: stop signal of the scenario run.
        allowed: failures that are tolerated.
        load_started_at: wall clock seconds of the start of the load; earlier runs do not count.
        is_measurement: returns whether a run is a measurement; a refused attack is none.
    """

    def __init__(
        self,
        stop_signal: StopSignal,
        *,
        allowed: int,
        load_started_at: float,
        is_measurement: Callable[[Run], bool],
    ) -> None:
        self._stop_signal = stop_signal
        self._allowed = allowed
        self._load_started_at = load_started_at
        self._is_measurement = is_measurement
        self._load_ended_at = inf
        self._runs: list[tuple[float, bool]] = []

    @property
    def failures(self) -> int:
        """Number of failed runs that were sent during the load."""
        return sum(not available for sent, available in self._runs if sent <= self._load_ended_at)

    def end_load(self, wall: float) -> None:
        """End the load: runs sent after this time no longer count."""
        self._load_ended_at = wall

    def record_run(self, run: Run) -> None:
        """Record a run that has its verdict; an unknown one is ignored."""
        if run.intended_at < self._load_started_at or run.verdict is Verdict.UNKNOWN:
            return
        if not self._is_measurement(run):
            return
        self._runs.append((run.intended_at, run.verdict in _AVAILABLE))
        if self.failures > self._allowed:
            self._stop_signal.request(StopReason.NORMAL_FAILURES)

    def is_available_after(self, wall: float) -> bool | None:
        """Return whether the last run sent after a time succeeded; None when there was none."""
        later = [run for run in self._runs if run[0] > wall]
        return max(later)[1] if later else None


class Waiter(Protocol):
    """Waits, and can be stopped meanwhile."""

    async def wait(self, duration: Duration) -> None:
        """Wait for some time.

        Raises:
            StoppedError: the run was stopped meanwhile.
        """


class LateResults:
    """Waits for the final observation of each event.

    Args:
        timeout: seconds after which no more is expected.
    """

    def __init__(self, *, timeout: float) -> None:
        self._timeout = timeout
        self._expected: set[str] = set()
        self._observed: dict[str, tuple[Run, IssueCount | None]] = {}

    def expect_run(self, run: Run) -> None:
        """Expect the final observation of an event that has its verdict."""
        self._expected.add(run.id)

    def record_run(self, run: Run, issues: IssueCount | None) -> None:
        """Record the final observation of a run; runs of others are ignored."""
        self._observed[run.id] = (run, issues)

    async def wait_for_issue(self, run: Run, waiter: Waiter) -> bool:
        """Wait until it is known whether an event has its issue; return whether it has.

        Raises:
            StoppedError: the run was stopped meanwhile.
        """
        left = self._timeout
        while run.id not in self._observed and left > 0:
            await waiter.wait(_POLL_INTERVAL)
            left -= _POLL_SECONDS
        _, issues = self._observed.get(run.id, (run, None))
        return issues in (IssueCount.ONE, IssueCount.SEVERAL)

    async def wait_for_all(self, waiter: Waiter) -> bool:
        """Wait for all events; return whether enough of their issues are known.

        Raises:
            StoppedError: the run was stopped meanwhile.
        """
        left = self._timeout
        while self._expected - self._observed.keys() and left > 0:
            await waiter.wait(_POLL_INTERVAL)
            left -= _POLL_SECONDS
        known = sum(
            is_issue_known(*self._observed[run_id])
            for run_id in self._expected
            if run_id in self._observed
        )
        return known >= _KNOWN_SHARE * len(self._expected)

    def get_latest(self, run: Run) -> Run:
        """Return the newest version of a run."""
        return self._observed.get(run.id, (run, None))[0]
