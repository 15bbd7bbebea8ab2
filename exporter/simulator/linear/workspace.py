"""Workspace of the Linear simulator: issues in memory, and the filters of a search."""

import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exporter.schedule.clock import Clock
from exporter.simulator.linear.faults import LinearFaultSet
from exporter.simulator.linear.responses import build_invalid_argument, build_not_found
from exporter.simulator.linear.settings import LinearCounters, Settings

Fields = Mapping[str, Any]
Predicate = Callable[[Fields], bool]
_DATE_FIELDS = ("createdAt", "updatedAt", "archivedAt")

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "neq": lambda value, wanted: value != wanted,
    "in": lambda value, wanted: value in wanted,
    "nin": lambda value, wanted: value not in wanted,
    "lt": lambda value, wanted: value < wanted,
    "lte": lambda value, wanted: value <= wanted,
    "gt": lambda value, wanted: value > wanted,
    "gte": lambda value, wanted: value >= wanted,
    "contains": lambda value, wanted: wanted in value,
    "notContains": lambda value, wanted: wanted not in value,
    "containsIgnoreCase": lambda value, wanted: wanted.lower() in value.lower(),
    "startsWith": lambda value, wanted: value.startswith(wanted),
    "endsWith": lambda value, wanted: value.endswith(wanted),
}

MAX_PAGE = 250
_DEFAULT_PAGE = 50
_MAX_TEXT = 65_536
_FIRST_STATE = {
    "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, "backlog")),
    "name": "Backlog",
    "type": "backlog",
}


def build_predicate(issue_filter: Fields | None) -> Predicate:
    """Build the predicate of a filter; fields that the filter does not name are ignored.

    Raises:
        GraphQLError: a date cannot be parsed.
    """
    conditions = [
        _build_condition(name, value)
        for name, value in (issue_filter or {}).items()
        if value is not None
    ]
    return lambda fields: all(condition(fields) for condition in conditions)


def format_time(seconds: float) -> str:
    """Format a time as Linear does; two of them compare as the times do."""
    text = datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _build_condition(name: str, value: Any) -> Predicate:  # noqa: ANN401 - a filter's JSON
    if name in ("and", "or"):
        combined = all if name == "and" else any
        predicates = [build_predicate(each) for each in value]
        return lambda fields: combined(inner_predicate(fields) for inner_predicate in predicates)
    if any(isinstance(each, dict) for each in value.values()):
        inner = build_predicate(value)
        return lambda fields: inner(fields[name])
    comparisons = [
        _build_comparison(name, operator, operand) for operator, operand in value.items()
    ]
    return lambda fields: all(compare(fields) for compare in comparisons)


def _build_comparison(name: str, operator: str, operand: Any) -> Predicate:  # noqa: ANN401 - a filter's JSON
    if operator == "null":
        return lambda fields: (fields[name] is None) == operand
    compare = _COMPARISONS[operator]
    comparable = _to_canonical_time(operand) if name in _DATE_FIELDS else operand
    return lambda fields: fields[name] is not None and compare(fields[name], comparable)


def _to_canonical_time(date: object) -> str:
    """Convert a time to the one format that is compared.

    Durations such as `-P1D` are not supported.
    """
    try:
        moment = datetime.fromisoformat(str(date))
    except ValueError as error:
        raise build_invalid_argument(f"{date!r} is not a supported time") from error
    if moment.tzinfo is None:
        raise build_invalid_argument(f"{date!r} has no time zone")
    return format_time(moment.timestamp())


@dataclass(frozen=True, slots=True)
class _StoredIssue:
    """Issue with its internal state."""

    number: int
    opened: float
    """Monotonic seconds."""
    fields: dict[str, Any]


class Workspace:
    """Storage of issues; every method raises GraphQLError for what Linear would refuse."""

    def __init__(self, settings: Settings, counters: LinearCounters, *, clock: Clock) -> None:
        self._max_issues = settings.keep_issues
        self._counters = counters
        self._clock = clock
        team_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, settings.team))
        self.team = {
            "id": team_id,
            "key": settings.team,
            "name": settings.team,
            "description": None,
        }
        self._issues: OrderedDict[str, _StoredIssue] = OrderedDict()
        self._numbers = 0

    def list_issues(self) -> list[Mapping[str, Any]]:
        """List the fields of all kept issues, oldest first, for tests."""
        return [stored.fields for stored in self._issues.values()]

    def now(self, faults: LinearFaultSet) -> float:
        """Return seconds since 1970 on the workspace's own clock."""
        return self._clock.wall() + faults.skew

    def search_teams(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Search for the team with a filter."""
        is_match = build_predicate(args.get("filter"))(self.team)
        return _build_connection(
            [("1", self.team)] if is_match else [], has_next=False, has_previous=False
        )

    def create_issue(
        self, issue_input: Mapping[str, Any], faults: LinearFaultSet
    ) -> Mapping[str, Any]:
        """Create an issue; the oldest is dropped when there are too many."""
        title, description = issue_input.get("title") or "", issue_input.get("description")
        if issue_input["teamId"] != self.team["id"]:
            raise build_not_found("Team")
        if not title or max(len(title), len(description or "")) > _MAX_TEXT:
            raise build_invalid_argument(
                f"title and description must have 1 to {_MAX_TEXT} characters"
            )
        self._numbers += 1
        issue_id, created_at = str(uuid.uuid4()), format_time(self.now(faults))
        fields = {
            "id": issue_id,
            "identifier": f"{self.team['key']}-{self._numbers}",
            "title": title,
            "description": description,
            "priority": issue_input.get("priority") or 0,
            "url": f"https://linear.invalid/issue/{self.team['key']}-{self._numbers}",
            "createdAt": created_at,
            "updatedAt": created_at,
            "archivedAt": None,
            "state": _FIRST_STATE,
            "team": self.team,
        }
        self._issues[issue_id] = _StoredIssue(self._numbers, self._clock.now(), fields)
        self._counters.created += 1
        if len(self._issues) > self._max_issues:
            self._issues.popitem(last=False)
            self._counters.forgotten += 1
        return fields

    def get_issue(self, issue_id: str) -> Mapping[str, Any]:
        """Return one issue, without lag, archived or not."""
        if issue_id not in self._issues:
            raise build_not_found("Issue")
        return self._issues[issue_id].fields

    def archive_issue(self, issue_id: str, faults: LinearFaultSet) -> Mapping[str, Any]:
        """Archive an issue; a second time is no error and changes nothing."""
        self.get_issue(issue_id)
        fields = self._issues[issue_id].fields
        if fields["archivedAt"] is None:
            fields["archivedAt"] = fields["updatedAt"] = format_time(self.now(faults))
            self._counters.archived += 1
        return fields

    def search_issues(self, args: Mapping[str, Any], faults: LinearFaultSet) -> dict[str, Any]:
        """Return one page of issues, newest first."""
        first = args.get("first")
        size = _DEFAULT_PAGE if first is None else first
        if not 1 <= size <= MAX_PAGE:
            bound = f"less than 1, was {size}" if size < 1 else f"greater than {MAX_PAGE}"
            raise build_invalid_argument(f"first must not be {bound}")
        matches, include_archived = (
            build_predicate(args.get("filter")),
            bool(args.get("includeArchived")),
        )
        before = _parse_cursor(args.get("after"))
        rows: list[tuple[str, Mapping[str, Any]]] = []
        self._counters.searches += 1
        for stored in self._iter_visible(faults, matches):
            if before is not None and stored.number >= before:
                continue
            if include_archived or stored.fields["archivedAt"] is None:
                if len(rows) == size:
                    return _build_connection(rows, has_next=True, has_previous=before is not None)
                rows.append((f"{stored.number:x}", stored.fields))
        return _build_connection(rows, has_next=False, has_previous=before is not None)

    def _iter_visible(self, faults: LinearFaultSet, matches: Predicate) -> Iterator[_StoredIssue]:
        visible_before = self._clock.now() - faults.lag
        for stored in reversed(self._issues.values()):
            if stored.opened <= visible_before and matches(stored.fields):
                yield stored


def _parse_cursor(cursor: str | None) -> int | None:
    try:
        return None if cursor is None else int(cursor, 16)
    except ValueError as error:
        raise build_invalid_argument("after is not a valid cursor") from error


def _build_connection(
    rows: list[tuple[str, Mapping[str, Any]]], *, has_next: bool, has_previous: bool
) -> dict[str, Any]:
    page_info = {
        "hasNextPage": has_next,
        "hasPreviousPage": has_previous,
        "startCursor": rows[0][0] if rows else None,
        "endCursor": rows[-1][0] if rows else None,
    }
    return {"nodes": [fields for _, fields in rows], "pageInfo": page_info}
