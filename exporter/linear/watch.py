"""Open questions to Linear: which run got which issue, and when.

Each `poll` asks once for all of them. Every question gets exactly one finding; what turns up
later is found by `LinearClient.orphans`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from exporter.linear.fault import LinearError, LinearFault
from exporter.linear.issue import Issue, Kind


@dataclass(frozen=True, slots=True)
class Question:
    """Did this run get its issue?"""

    run_id: str
    sent: float
    """Seconds since 1970 on our clock; when the event was meant to leave."""
    deadline: float
    """Likewise; from when on an issue that is not there counts as never opened."""


@dataclass(frozen=True, slots=True)
class Found:
    """There is an issue, or several."""

    run_id: str
    issues: tuple[Issue, ...]
    """All that were seen, oldest first."""
    seconds: float | None
    """From the intended send to the creation of the first `[Alert]` issue, corrected by the
    skew of the clocks and never negative; None when there are only issues of another kind."""
    uncertainty: float
    """`seconds` is right within plus and minus this; infinite when the skew is unknown."""
    clamped: bool
    """The corrected time was negative, so `seconds` is zero and `uncertainty` reaches it."""
    duplicates: int
    """`[Alert]` issues beyond the first."""


@dataclass(frozen=True, slots=True)
class NotFound:
    """A complete answer that was asked for after the deadline held no issue."""

    run_id: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Linear could not be asked after the deadline, which proves nothing."""

    run_id: str
    fault: LinearFault | None
    """Why not; None when too many questions were open at once."""


Finding = Found | NotFound | Unknown


class Source(Protocol):
    """Where issues are looked for; `LinearClient` is one."""

    def wall(self) -> float:
        """Seconds since 1970 on our clock."""

    async def find(self, ids: Iterable[str], *, since: float) -> Mapping[str, list[Issue]]:
        """The issues of runs; raises LinearError when not all can be known."""


@dataclass(slots=True)
class _Open:
    """A question and what is known so far."""

    question: Question
    issues: dict[str, Issue] = field(default_factory=dict)
    alert_seen_at: float | None = None

    def learn(self, issues: Iterable[Issue], *, now: float) -> None:
        """Take in what one answer showed."""
        self.issues |= {issue.id: issue for issue in issues}
        if self.alert_seen_at is None and any(i.kind is Kind.ALERT for i in self.issues.values()):
            self.alert_seen_at = now


class Watch:
    """The open questions.

    Args:
        source: whom to ask.
        linger: seconds a question stays open after its first `[Alert]` issue was seen, for
            duplicates and for the issue about a failed remediation.
        patience: seconds after its deadline that a question stays open while Linear cannot be
            asked; then it is unknown.
        limit: questions that may be open; one more makes the oldest unknown.
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
        """How many questions are open."""
        return len(self._open)

    def ask(self, question: Question) -> None:
        """Open a question; a run that has one keeps it."""
        self._open.setdefault(question.run_id, _Open(question))
        if len(self._open) > self._limit:
            oldest = next(iter(self._open))
            del self._open[oldest]
            self._pushed_out.append(Unknown(oldest, None))

    async def poll(self) -> list[Finding]:
        """Ask once; gives the findings there are by now, and closes their questions."""
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
        """Let every question learn what there is; gives why that was not possible."""
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
        """What can be said of a question after an attempt to ask."""
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
    """What was found so far, if anything."""
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
