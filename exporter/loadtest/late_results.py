"""Late results: issues of the events of a load, which are observed after the verdicts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from exporter.loadtest.stats import is_issue_known
from exporter.model.run import Run
from slos.schema.contract import IssueCount
from slos.schema.units import Duration

_KNOWN_SHARE = 0.99
"""Share of the events whose issue must be known."""
_POLL_INTERVAL = Duration.from_parts(seconds=0.5)
_POLL_SECONDS = float(_POLL_INTERVAL.seconds)


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
        self._timeout = self._seconds_left = timeout
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
        """Wait for all events, once; return whether enough of their issues are known.

        Raises:
            StoppedError: the run was stopped meanwhile.
        """
        while self._expected - self._observed.keys() and self._seconds_left > 0:
            await waiter.wait(_POLL_INTERVAL)
            self._seconds_left -= _POLL_SECONDS
        known = sum(
            is_issue_known(*self._observed[run_id])
            for run_id in self._expected
            if run_id in self._observed
        )
        return known >= _KNOWN_SHARE * len(self._expected)

    def count_issues(self, runs: Iterable[Run]) -> Mapping[str, int]:
        """Count events by the number of issues they opened, where that is known."""
        observed = (self._observed.get(run.id, (run, None))[1] for run in runs)
        return dict(Counter(issues.value for issues in observed if issues is not None))

    def get_latest(self, run: Run) -> Run:
        """Return the newest version of a run."""
        return self._observed.get(run.id, (run, None))[0]
