"""Observer of Linear: when the issue of a run was created, and how many there are."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from exporter.fields import DurationField
from exporter.httpclient.auth import CredentialsError
from exporter.httpclient.errors import RequestError
from exporter.metrics.gauges import Gauges
from exporter.model.run import Leftover
from exporter.model.stages import Accuracy
from exporter.observers import Observation, RunQuery
from exporter.observers.linear import poller
from exporter.observers.linear.client import LinearClient, open_linear_client
from exporter.observers.linear.issue import Issue
from exporter.observers.linear.settings import LinearSettings, read_key
from exporter.schedule.clock import Clock
from slos.schema.contract import IssueCount, LeftoverKind, Stage
from slos.schema.units import Duration

SOURCE = "linear"
STAGES = {Stage.LINEAR_ISSUE_CREATION: Accuracy.EXACT}


class Settings(LinearSettings):
    """Endpoint of Linear, and the time to wait for an issue."""

    every: DurationField = Duration.from_parts(seconds=30)
    """Time between two searches; each finds the issues of all runs. Default 30s: 120 of the 600
    requests per hour. Archiving needs as many, or one request per ten issues."""
    within: DurationField = Duration.from_parts(minutes=2)
    """Time after which a missing issue counts as never opened. Default 2m: twelve times the target,
    because searches show new issues with a delay."""
    linger: DurationField = Duration.from_parts(seconds=70)
    """Time to wait for a second issue after the first. Default 70s: agent-sre gives a function 65
    s, and opens another issue when it fails."""
    patience: DurationField = Duration.from_parts(hours=2)
    """Time for which requests continue while Linear does not respond. Default 2h. Issues that are
    found later are archived, but not counted."""


def find_problems(settings: Settings, folder: Path) -> Iterable[tuple[str, str, str]]:
    """Check that the key can be read, and that the rate limit leaves room for archiving."""
    searches = 3600 / float(settings.every.seconds)
    if searches > settings.requests_per_hour / 2:
        allowed = settings.requests_per_hour
        message = f"{searches:.0f} searches per hour use more than half of {allowed} requests"
        yield "every", message, "raise every or requests_per_hour"
    try:
        read_key(settings, folder=folder)
    except CredentialsError as error:
        yield error.key, error.reason, "mount the secret or correct the name"


class LinearObserver:
    """Queries the issues of all runs at once, and archives those it finds."""

    leftover_kind: LeftoverKind | None = LeftoverKind.LINEAR_ISSUE

    def __init__(
        self,
        settings: Settings,
        client: LinearClient,
        gauges: Gauges,
        seen_at: dict[str, float] | None = None,
    ) -> None:
        self.interval = float(settings.every.seconds)
        self.usual_delay = float((settings.within + settings.linger).seconds) + 2 * self.interval
        self.max_delay = float(settings.patience.seconds) + self.usual_delay
        self._within = float(settings.within.seconds)
        self._client = client
        self._gauges = gauges
        self._poller = poller.IssuePoller(
            client,
            linger=float(settings.linger.seconds),
            patience=float(settings.patience.seconds),
            seen_at=seen_at,
        )

    @property
    def is_failing(self) -> bool:
        """True if Linear did not answer the last request."""
        return self._client.error_kind is not None

    async def observe(self, queries: Sequence[RunQuery]) -> list[Observation]:
        """Observe every run whose issues are certain by now."""
        for query in queries:
            sent = query.intended_at
            # Issues that hold an id made from the run's own are found by the latter.
            aliases = tuple(name for name in query.names if query.id not in name)
            self._poller.add_query(poller.IssueQuery(query.id, sent, sent + self._within, aliases))
        untraceable = {query.id for query in queries if not query.is_traceable}
        return [
            self._to_observation(finding, is_traceable=finding.run_id not in untraceable)
            for finding in await self._poller.poll()
        ]

    async def clean_up(self, leftovers: Sequence[Leftover]) -> list[Leftover]:
        """Archive issues."""
        failed = set(await self._client.archive_issues(leftover.handle for leftover in leftovers))
        return [leftover for leftover in leftovers if leftover.handle in failed]

    async def find_orphans(self, sent_before: float) -> list[Leftover]:
        """Find open issues of any run, of this journal or another."""
        try:
            return list(_list_leftovers(await self._client.list_orphans(sent_before)))
        except RequestError:
            return []

    def _to_observation(self, finding: poller.IssueOutcome, *, is_traceable: bool) -> Observation:
        if isinstance(finding, poller.IssueNotFound):
            if not is_traceable:
                return Observation(finding.run_id, is_untraceable=True)
            return Observation(finding.run_id, issues=IssueCount.NONE)
        if isinstance(finding, poller.IssueUnknown):
            return Observation(finding.run_id)
        self._record_skew(finding.issues)
        stages = {} if finding.creation is None else {Stage.LINEAR_ISSUE_CREATION: finding.creation}
        count = IssueCount.SEVERAL if len(finding.issues) > 1 else IssueCount.ONE
        return Observation(finding.run_id, stages, tuple(_list_leftovers(finding.issues)), count)

    def _record_skew(self, issues: Sequence[Issue]) -> None:
        skew = issues[-1].skew
        if isfinite(skew.uncertainty):
            self._gauges.clock_skew.labels(SOURCE).set(skew.offset)


def _list_leftovers(issues: Iterable[Issue]) -> Iterable[Leftover]:
    return (Leftover(LeftoverKind.LINEAR_ISSUE, issue.id) for issue in issues if not issue.archived)


@asynccontextmanager
async def open_observer(
    settings: Settings,
    *,
    folder: Path,
    clock: Clock,
    gauges: Gauges,
    state: dict[str, Any] | None = None,
) -> AsyncIterator[LinearObserver]:
    """Open the observer for as long as the block runs.

    Args:
        settings: its settings.
        folder: folder of the configuration.
        clock: clock of the runs.
        gauges: gauges of the prober.
        state: what the observer before a reload knew of open runs.

    Raises:
        CredentialsError: there is no key.
    """
    failures = gauges.observer_failures.labels(SOURCE)
    async with open_linear_client(
        settings,
        read_key=partial(read_key, settings, folder=folder),
        clock=clock,
        on_error=lambda _: failures.inc(),
    ) as client:
        seen_at = {} if state is None else state.setdefault("seen_at", {})
        yield LinearObserver(settings, client, gauges, seen_at)
