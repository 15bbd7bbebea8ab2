"""Late results: what Linear reports of the events of a load after their verdicts."""

from typing import Protocol

from exporter.load.measuring import told_of_issue
from exporter.model.run import ProbeResult
from slos.schema.contract import IssueCount
from slos.schema.units import Duration

_ENOUGH = 0.99
"""Share of the events whose issue must be known."""
_LOOK = Duration.of(seconds=0.5)
_LOOK_SECONDS = float(_LOOK.seconds)


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
