"""Poller of the open queries to Linear: the issues of each run, and their times.

Each `poll` sends one search for all open queries. Every query gets exactly one outcome. Issues that
appear later are found by `LinearClient.list_orphans`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from exporter.httpclient.errors import RequestError
from exporter.model.bounds import Bounds
from exporter.model.error_kind import ErrorKind
from exporter.observers.linear.issue import Issue, IssueKind

_MAX_UNCERTAINTY = 1.0
"""Seconds of uncertainty above which a time is known within bounds only: a tenth of the target."""


@dataclass(frozen=True, slots=True)
class IssueQuery:
    """Query for the issues of one run."""

    run_id: str
    sent_at: float
    """Intended send time of the event, in seconds since 1970 on our clock."""
    deadline: float
    """Time from which a missing issue counts as never opened, on the same clock."""
    aliases: tuple[str, ...] = ()
    """Other ids under which agent-sre may know the event."""


@dataclass(frozen=True, slots=True)
class IssueFound:
    """One or more issues of a run."""

    run_id: str
    issues: tuple[Issue, ...]
    """All issues that were seen, oldest first: `[Alert]` issues, and those of a failed function."""
    creation: Bounds | None
    """Seconds from the intended send to the creation of the first `[Alert]` issue; None when there
    are only issues of another kind."""


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

    async def find_issues(
        self, ids: Iterable[str], *, since: float, aliases: Mapping[str, str]
    ) -> Mapping[str, list[Issue]]:
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
        error_kind = await self._query_source(open_queries)
        now = self._source.wall()
        for open_query in open_queries:
            outcome = self._decide_outcome(open_query, error_kind, asked_at=asked_at, now=now)
            if outcome is not None and self._close(open_query.query.run_id) is open_query:
                outcomes.append(outcome)
        return outcomes

    def _close(self, run_id: str) -> _OpenQuery | None:
        self._seen_at.pop(run_id, None)
        return self._open.pop(run_id, None)

    async def _query_source(self, open_queries: list[_OpenQuery]) -> ErrorKind | None:
        """Search for all open queries and add what was found; return the error kind, if any."""
        ids = [known.query.run_id for known in open_queries]
        aliases = {
            alias: known.query.run_id for known in open_queries for alias in known.query.aliases
        }
        try:
            found = await self._source.find_issues(
                ids, since=min(each.query.sent_at for each in open_queries), aliases=aliases
            )
        except RequestError as error:
            return error.kind
        answered_at = self._source.wall()
        for open_query in open_queries:
            run_id = open_query.query.run_id
            open_query.issues |= {issue.id: issue for issue in found.get(run_id, ())}
            if open_query.has_alert:
                self._seen_at.setdefault(run_id, answered_at)
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
        found = _build_found(open_query, self._seen_at.get(query.run_id))
        if open_query.has_alert:
            is_over = now >= self._seen_at[query.run_id] + self._linger
            return found if is_over else None
        if error_kind is not None:
            is_expired = now >= query.deadline + self._patience
            return (found or IssueUnknown(query.run_id, error_kind)) if is_expired else None
        if asked_at < query.deadline:
            return None
        return found or IssueNotFound(query.run_id)


def _build_found(open_query: _OpenQuery, seen_at: float | None) -> IssueFound | None:
    """Build the outcome from the issues seen so far; None if there are none."""
    query = open_query.query
    issues = tuple(
        sorted(open_query.issues.values(), key=lambda issue: (issue.created_at, issue.id))
    )
    if not issues:
        return None
    alert = next((issue for issue in issues if issue.kind is IssueKind.ALERT), None)
    if alert is None or seen_at is None:
        return IssueFound(query.run_id, issues, None)
    seen_after = seen_at - query.sent_at
    return IssueFound(query.run_id, issues, _measure_creation(alert, query.sent_at, seen_after))


def _measure_creation(alert: Issue, sent_at: float, seen_after: float) -> Bounds | None:
    """Measure the seconds from the intended send to the creation of an issue.

    An issue is not created before the send, so an estimate that reaches below zero is known within
    bounds only, as is one that is too uncertain. It was created before it was found in any case.
    If our own clock went back behind the send, nothing is known.

    Args:
        alert: the issue.
        sent_at: intended send time of the event.
        seen_after: seconds from the intended send to the answer that held the issue.
    """
    if seen_after < 0:
        return None
    seconds, uncertainty = alert.created_at_local - sent_at, alert.skew.uncertainty
    low, high = seconds - uncertainty, seconds + uncertainty
    if low >= 0 and uncertainty <= _MAX_UNCERTAINTY:
        return Bounds.exactly(seconds)
    if high < 0 or low > seen_after:  # the clocks differ by more than was estimated
        return Bounds(0.0, seen_after)
    return Bounds(max(low, 0.0), min(high, seen_after))
