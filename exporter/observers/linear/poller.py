"""Poller of the open queries to Linear: the issues of each run, and their times.

Each `poll` sends one search for all open queries. Every query gets exactly one outcome. Issues that
appear later are found by `LinearClient.list_orphans`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from exporter.observers.linear.issue import Issue, Kind
from exporter.observers.linear.response import LinearError, LinearFault


@dataclass(frozen=True, slots=True)
class Question:
    """Query for the issues of one run."""

    run_id: str
    sent: float
    """Intended send time of the event, in seconds since 1970 on our clock."""
    deadline: float
    """Time from which a missing issue counts as never opened, on the same clock."""


@dataclass(frozen=True, slots=True)
class Found:
    """One or more issues of a run."""

    run_id: str
    issues: tuple[Issue, ...]
    """All issues that were seen, oldest first."""
    seconds: float | None
    """Seconds from the intended send to the creation of the first `[Alert]` issue, corrected by the
    clock skew and never negative; None when there are only issues of another kind."""
    uncertainty: float
    """`seconds` is correct within plus and minus this; infinite when the skew is unknown."""
    clamped: bool
    """True if the corrected time was negative: `seconds` is zero and `uncertainty` covers it."""
    duplicates: int
    """Number of `[Alert]` issues beyond the first."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """A complete search after the deadline found no issue."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Linear could not be searched after the deadline, which proves nothing."""

    run_id: str
    fault: LinearFault | None
    """Kind of the error; None when too many queries were open at once."""


Finding = Found | NotFound | Unknown


class Source(Protocol):
    """Source of issues; `LinearClient` is one."""

    def wall(self) -> float:
        """Return seconds since 1970 on our clock."""

    async def find(self, ids: Iterable[str], *, since: float) -> Mapping[str, list[Issue]]:
        """Find the issues of runs; raises LinearError when the result is incomplete."""


@dataclass(slots=True)
class _Open:
    """Open query and the issues seen so far."""

    question: Question
    issues: dict[str, Issue] = field(default_factory=dict)
    alert_seen_at: float | None = None

    def learn(self, issues: Iterable[Issue], *, now: float) -> None:
        """Add the issues of one search."""
        self.issues |= {issue.id: issue for issue in issues}
        if self.alert_seen_at is None and any(i.kind is Kind.ALERT for i in self.issues.values()):
            self.alert_seen_at = now


class Watch:
    """Poller of open queries.

    Args:
        source: source of issues.
        linger: seconds a query stays open after its first `[Alert]` issue was seen, for duplicates
            and for the issue about a failed remediation.
        patience: seconds after its deadline that a query stays open while Linear cannot be
            searched; then its outcome is unknown.
        limit: maximum number of open queries; one more makes the outcome of the oldest unknown.
    """

    def __init__(
        self, source: Source, *, linger: float = 0.0, patience: float = 0.0, limit: int = 10_000
    ) -> None:
        self._source = source
        self._linger = linger
        self._patience = patience
        self._limit = limit
        self._open: dict[str, _Open] = {}
        self._pushed_out: list[Finding] = []

    def __len__(self) -> int:
        """Number of open queries."""
        return len(self._open)

    def ask(self, question: Question) -> None:
        """Open a query; a run that has one keeps it."""
        self._open.setdefault(question.run_id, _Open(question))
        if len(self._open) > self._limit:
            oldest = next(iter(self._open))
            del self._open[oldest]
            self._pushed_out.append(Unknown(oldest, None))

    async def poll(self) -> list[Finding]:
        """Search once; return the outcomes that are decided, and close their queries."""
        findings, self._pushed_out = self._pushed_out, []
        asked = list(self._open.values())
        if not asked:
            return findings
        asked_at = self._source.wall()
        fault = await self._ask(asked, asked_at)
        now = self._source.wall()
        for known in asked:
            finding = self._finding(known, fault, asked_at=asked_at, now=now)
            if finding is not None and self._open.pop(known.question.run_id, None) is known:
                findings.append(finding)
        return findings

    async def _ask(self, asked: list[_Open], asked_at: float) -> LinearFault | None:
        """Search for all open queries and add what was found; return the error kind, if any."""
        ids = [known.question.run_id for known in asked]
        try:
            found = await self._source.find(ids, since=min(k.question.sent for k in asked))
        except LinearError as error:
            return error.fault
        for known in asked:
            known.learn(found.get(known.question.run_id, ()), now=asked_at)
        return None

    def _finding(
        self, known: _Open, fault: LinearFault | None, *, asked_at: float, now: float
    ) -> Finding | None:
        """Decide the outcome of a query after a search; None while it stays open."""
        question = known.question
        found = _found(known)
        if known.alert_seen_at is not None:
            return found if now >= known.alert_seen_at + self._linger else None
        if fault is not None:
            given_up = now >= question.deadline + self._patience
            return (found or Unknown(question.run_id, fault)) if given_up else None
        if asked_at < question.deadline:
            return None
        return found or NotFound(question.run_id)


def _found(known: _Open) -> Found | None:
    """Build the outcome from the issues seen so far; None if there are none."""
    question = known.question
    issues = tuple(sorted(known.issues.values(), key=lambda issue: (issue.created_at, issue.id)))
    alerts = [issue for issue in issues if issue.kind is Kind.ALERT]
    if not issues:
        return None
    if not alerts:
        return Found(question.run_id, issues, None, float("inf"), clamped=False, duplicates=0)
    took = alerts[0].created_here - question.sent
    uncertainty = max(alerts[0].skew.uncertainty, -took)
    return Found(
        question.run_id,
        issues,
        max(took, 0.0),
        uncertainty,
        clamped=took < 0,
        duplicates=len(alerts) - 1,
    )
