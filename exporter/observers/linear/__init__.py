"""Observer of Linear: when the issue of a run was created, and how many there are."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from math import isfinite
from pathlib import Path

from exporter.fields import Length
from exporter.metrics.gauges import Gauges
from exporter.model.run import Leaving
from exporter.observers import Question, Sighting
from exporter.observers.linear import poller
from exporter.observers.linear.client import LinearClient, linear_client
from exporter.observers.linear.issue import Issue
from exporter.observers.linear.response import LinearError
from exporter.observers.linear.settings import LinearKeyError, LinearSettings, read_key
from exporter.schedule.clock import Clock
from slos.schema.contract import IssueCount, Leavings, Source, Stage
from slos.schema.units import Duration

SOURCE = Source.LINEAR
STAGES = frozenset({Stage.LINEAR_ISSUE_CREATION})
_TOO_UNSURE = 1.0
"""Seconds of uncertainty above which a time is not used: a tenth of the target."""


class Settings(LinearSettings):
    """Endpoint of Linear, and the time to wait for an issue."""

    every: Length = Duration.of(seconds=30)
    """Time between two searches; each finds the issues of all runs. Default 30s: 120 requests
    an hour of the 600 that are allowed. Archiving takes as many, or one for ten issues."""
    within: Length = Duration.of(minutes=2)
    """Time after which an issue that is not there was never opened. Default 2m: twelve times the
    target, for an issue shows in a search only some time after it was created."""
    linger: Length = Duration.of(seconds=70)
    """Time to wait for a second issue after the first. Default 70s: agent-sre gives a function 65
    s, and opens another issue when it failed."""
    patience: Length = Duration.of(hours=2)
    """Time to go on asking while Linear does not answer. Default 2h; what is found later is
    archived all the same, but counts for no run."""


def findings(settings: Settings, folder: Path) -> Iterable[tuple[str, str, str]]:
    """Check that the key can be read, and that the rate limit leaves room for archiving."""
    searches = 3600 / float(settings.every.seconds)
    if searches > settings.requests_per_hour / 2:
        allowed = settings.requests_per_hour
        message = f"{searches:.0f} searches an hour leave too little of {allowed} requests"
        yield "every", message, "raise every, or requests_per_hour"
    try:
        read_key(settings, folder=folder)
    except LinearKeyError as error:
        key = "key_env" if settings.key_env else "key_file"
        yield key, str(error), "mount the secret, or correct the name"


class Observer:
    """Queries the issues of all runs at once, and archives those it finds."""

    cleans: Leavings | None = Leavings.LINEAR_ISSUE

    def __init__(self, settings: Settings, client: LinearClient, gauges: Gauges) -> None:
        self.every = float(settings.every.seconds)
        self.usual = float((settings.within + settings.linger).seconds) + 2 * self.every
        self.patience = float(settings.patience.seconds) + self.usual
        self._within = float(settings.within.seconds)
        self._client = client
        self._gauges = gauges
        self._watch = poller.Watch(
            client,
            linger=float(settings.linger.seconds),
            patience=float(settings.patience.seconds),
        )

    @property
    def troubled(self) -> bool:
        """True if Linear did not answer the last request."""
        return self._client.fault is not None

    async def look(self, questions: Sequence[Question]) -> list[Sighting]:
        """Observe every run whose issues are certain by now."""
        for question in questions:
            sent = question.intended_at
            self._watch.ask(poller.Question(question.id, sent, sent + self._within))
        return [self._sighting(finding) for finding in await self._watch.poll()]

    async def clean(self, leavings: Sequence[Leaving]) -> list[Leaving]:
        """Archive issues."""
        failed = set(await self._client.archive(leaving.handle for leaving in leavings))
        return [leaving for leaving in leavings if leaving.handle in failed]

    async def sweep(self, before: float) -> list[Leaving]:
        """Find open issues of any run, of this journal or another."""
        try:
            return list(_leavings(await self._client.orphans(before)))
        except LinearError:
            return []

    def _sighting(self, finding: poller.Finding) -> Sighting:
        if isinstance(finding, poller.NotFound):
            return Sighting(finding.run_id, issues=IssueCount.NONE)
        if isinstance(finding, poller.Unknown):
            return Sighting(finding.run_id)
        self._note_skew(finding.issues)
        stages = {}
        if finding.seconds is not None and finding.uncertainty <= _TOO_UNSURE:
            stages = {Stage.LINEAR_ISSUE_CREATION: finding.seconds}
        count = IssueCount.SEVERAL if finding.duplicates else IssueCount.ONE
        return Sighting(finding.run_id, stages, tuple(_leavings(finding.issues)), count)

    def _note_skew(self, issues: Sequence[Issue]) -> None:
        skew = issues[-1].skew
        if isfinite(skew.uncertainty):
            self._gauges.clock_skew.labels(SOURCE).set(skew.offset)


def _leavings(issues: Iterable[Issue]) -> Iterable[Leaving]:
    return (Leaving(Leavings.LINEAR_ISSUE, each.id) for each in issues if not each.archived)


@asynccontextmanager
async def observer(
    settings: Settings, *, folder: Path, clock: Clock, gauges: Gauges
) -> AsyncIterator[Observer]:
    """Open the observer for as long as the block runs.

    Raises:
        LinearKeyError: there is no key.
    """
    failures = gauges.observer_failures.labels(SOURCE)
    async with linear_client(
        settings,
        read_key=partial(read_key, settings, folder=folder),
        clock=clock,
        failed=lambda _: failures.inc(),
    ) as client:
        yield Observer(settings, client, gauges)
