"""Linear issues of a load: those that its events open, and the queries that were refused.

Issues are observed after the verdicts. The stand-in for Linear (`slo-probe simulate-linear`) counts
the queries that it refuses.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from exporter.httpclient.client import HttpClient
from exporter.httpclient.errors import RequestError
from exporter.httpclient.settings import HttpClientSettings
from exporter.loadtest.stats import is_issue_known
from exporter.model.run import Run
from exporter.schedule.clock import Clock
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


class ObservationWaiter:
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


@dataclass(frozen=True, slots=True)
class Rejections:
    """Refused queries since the start of the stand-in."""

    count: int = 0
    last_message: str = ""


async def read_no_rejections() -> Rejections:
    """Return none, where there is no stand-in."""
    return Rejections()


async def read_rejections(url: str, *, clock: Clock) -> Rejections | None:
    """Read the refused queries; None if they cannot be read.

    Args:
        url: GraphQL endpoint of the stand-in.
        clock: clock of the client.
    """
    parts = urlsplit(url)
    settings = HttpClientSettings(url=f"{parts.scheme}://{parts.netloc}", retries=0)
    async with HttpClient("stand-in", settings, folder=Path(), clock=clock) as client:
        try:
            served = (await client.get("/served")).raise_for_status().parse_json()
        except RequestError:
            return None
    if not isinstance(served, Mapping) or not isinstance(served.get("rejected"), int):
        return None
    return Rejections(served["rejected"], str(served.get("last_rejection", "")))
