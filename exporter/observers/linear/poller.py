"""Poller of the open queries to Linear: the issues of each run, and their times.

Each `poll` sends one search for all open queries. Every query gets exactly one outcome. Issues that
appear later are found by `LinearClient.list_orphans`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from exporter.httpclient.errors import RequestError
from exporter.model.error_kind import ErrorKind
from exporter.observers.linear.issue import Issue, IssueKind


@dataclass(frozen=True, slots=True)
class IssueQuery:
    """Query for the issues of one run."""

    run_id: str
    sent_at: float
    """Intended send time of the event, in seconds since 1970 on our clock."""
    deadline: float
    """Time from which a missing issue counts as never opened, on the same clock."""


@dataclass(frozen=True, slots=True)
class IssueFound:
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
class IssueNotFound:
    """A complete search after the deadline found no issue."""

    run_id: str


@dataclass(frozen=True, slots=True)
class IssueUnknown:
    """Linear could not be searched after the deadline, which proves nothing."""

    run_id: str
    error_kind: ErrorKind | None
    """Kind of the error; None when too many queries were open at once."""


IssueOutcome = IssueFound | IssueNotFound | IssueUnknown


class IssueSource(Protocol):
    """Source of issues; `LinearClient` is one."""

    def wall(self) -> float:
        """Return seconds since 1970 on our clock."""

    async def find_issues(self, ids: Iterable[str], *, since: float) -> Mapping[str, list[Issue]]:
        """Find the issues of runs; raises RequestError when the result is incomplete."""


@dataclass(slots=True)
class _OpenQuery:
    """Open query and the issues seen so far."""

    query: IssueQuery
    issues: dict[str, Issue] = field(default_factory=dict)

    @property
    def has_alert(self) -> bool:
        """Return whether an `[Alert]` issue was seen."""
        return any(issue.kind is IssueKind.ALERT for issue in self.issues.values())


class IssuePoller:
    """Poller of open queries.

    Args:
        source: source of issues.
        linger: seconds a query stays open after its first `[Alert]` issue was seen, for duplicates
            and for the issue about a failed remediation.
        patience: seconds after its deadline that a query stays open while Linear cannot be
            searched; then its outcome is unknown.
        limit: maximum number of open queries; one more makes the outcome of the oldest unknown.
        seen_at: time at which the first `[Alert]` issue of each open run was seen. The next poller
            gets it after a reload, so that no query lingers longer.
    """

    def __init__(
        self,
        source: IssueSource,
        *,
        linger: float = 0.0,
        patience: float = 0.0,
        limit: int = 10_000,
        seen_at: dict[str, float] | None = None,
    ) -> None:
        self._source = source
        self._linger = linger
        self._patience = patience
        self._limit = limit
        self._seen_at = {} if seen_at is None else seen_at
        self._open: dict[str, _OpenQuery] = {}
        self._evicted: list[IssueOutcome] = []

    def __len__(self) -> int:
        """Number of open queries."""
        return len(self._open)

    def add_query(self, query: IssueQuery) -> None:
        """Open a query; a run that has one keeps it."""
        self._open.setdefault(query.run_id, _OpenQuery(query))
        if len(self._open) > self._limit:
            oldest = next(iter(self._open))
            self._close(oldest)
            self._evicted.append(IssueUnknown(oldest, None))

    async def poll(self) -> list[IssueOutcome]:
        """Search once; return the outcomes that are decided, and close their queries."""
        outcomes, self._evicted = self._evicted, []
        open_queries = list(self._open.values())
        if not open_queries:
            return outcomes
        asked_at = self._source.wall()
        error_kind = await self._query_source(open_queries, asked_at)
        now = self._source.wall()
        for open_query in open_queries:
            outcome = self._decide_outcome(open_query, error_kind, asked_at=asked_at, now=now)
            if outcome is not None and self._close(open_query.query.run_id) is open_query:
                outcomes.append(outcome)
        return outcomes

    def _close(self, run_id: str) -> _OpenQuery | None:
        self._seen_at.pop(run_id, None)
        return self._open.pop(run_id, None)

    async def _query_source(
        self, open_queries: list[_OpenQuery], asked_at: float
    ) -> ErrorKind | None:
        """Search for all open queries and add what was found; return the error kind, if any."""
        ids = [known.query.run_id for known in open_queries]
        try:
            found = await self._source.find_issues(
                ids, since=min(each.query.sent_at for each in open_queries)
            )
        except RequestError as error:
            return error.kind
        for open_query in open_queries:
            run_id = open_query.query.run_id
            open_query.issues |= {issue.id: issue for issue in found.get(run_id, ())}
            if open_query.has_alert:
                self._seen_at.setdefault(run_id, asked_at)
        return None

    def _decide_outcome(
        self,
        open_query: _OpenQuery,
        error_kind: ErrorKind | None,
        *,
        asked_at: float,
        now: float,
    ) -> IssueOutcome | None:
        """Decide the outcome of a query after a search; None while it stays open."""
        query = open_query.query
        found = _build_found(open_query)
        if open_query.has_alert:
            is_over = now >= self._seen_at[query.run_id] + self._linger
            return found if is_over else None
        if error_kind is not None:
            is_expired = now >= query.deadline + self._patience
            return (found or IssueUnknown(query.run_id, error_kind)) if is_expired else None
        if asked_at < query.deadline:
            return None
        return found or IssueNotFound(query.run_id)


def _build_found(open_query: _OpenQuery) -> IssueFound | None:
    """Build the outcome from the issues seen so far; None if there are none."""
    query = open_query.query
    issues = tuple(
        sorted(open_query.issues.values(), key=lambda issue: (issue.created_at, issue.id))
    )
    alerts = [issue for issue in issues if issue.kind is IssueKind.ALERT]
    if not issues:
        return None
    if not alerts:
        return IssueFound(query.run_id, issues, None, float("inf"), clamped=False, duplicates=0)
    seconds = alerts[0].created_at_local - query.sent_at
    uncertainty = max(alerts[0].skew.uncertainty, -seconds)
    return IssueFound(
        query.run_id,
        issues,
        max(seconds, 0.0),
        uncertainty,
        clamped=seconds < 0,
        duplicates=len(alerts) - 1,
    )
