"""Issues in memory, and the filters of a search."""

import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exporter.schedule.clock import Clock
from exporter.simulator.linear.faults import Active
from exporter.simulator.linear.responses import invalid, not_found
from exporter.simulator.linear.settings import Served, Settings

Fields = Mapping[str, Any]
Predicate = Callable[[Fields], bool]
_DATES = ("createdAt", "updatedAt", "archivedAt")

_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
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
_LONGEST_TEXT = 65_536


def predicate(wanted: Fields | None) -> Predicate:
    """Build the predicate of a filter; fields that the filter does not name are ignored.

    Raises:
        GraphQLError: a date cannot be parsed.
    """
    parts = [_part(name, value) for name, value in (wanted or {}).items() if value is not None]
    return lambda fields: all(part(fields) for part in parts)


def written(seconds: float) -> str:
    """Format a time as Linear does; two of them compare as the times do."""
    text = datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _part(name: str, value: Any) -> Predicate:  # noqa: ANN401 - a filter's JSON
    if name in ("and", "or"):
        combined = all if name == "and" else any
        choices = [predicate(each) for each in value]
        return lambda fields: combined(choice(fields) for choice in choices)
    if any(isinstance(each, dict) for each in value.values()):
        inner = predicate(value)
        return lambda fields: inner(fields[name])
    comparisons = [_comparison(name, how, given) for how, given in value.items()]
    return lambda fields: all(compare(fields) for compare in comparisons)


def _comparison(name: str, how: str, wanted: Any) -> Predicate:  # noqa: ANN401 - a filter's JSON
    if how == "null":
        return lambda fields: (fields[name] is None) == wanted
    compared = _COMPARED[how]
    given = _canonical(wanted) if name in _DATES else wanted
    return lambda fields: fields[name] is not None and compared(fields[name], given)


def _canonical(date: object) -> str:
    """Convert a time to the one format that is compared.

    Durations such as `-P1D` are not supported.
    """
    try:
        moment = datetime.fromisoformat(str(date))
    except ValueError as error:
        raise invalid(f"{date!r} is no time that this stand-in reads") from error
    if moment.tzinfo is None:
        raise invalid(f"{date!r} has no zone")
    return written(moment.timestamp())


@dataclass(frozen=True, slots=True)
class _Kept:
    """Issue with its internal state."""

    number: int
    opened: float
    """Monotonic seconds."""
    fields: dict[str, Any]


class Workspace:
    """Storage of issues; every method raises GraphQLError for what Linear would refuse."""

    def __init__(self, settings: Settings, served: Served, *, clock: Clock) -> None:
        self._keep = settings.keep_issues
        self._served = served
        self._clock = clock
        team_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, settings.team))
        self.team = {"id": team_id, "key": settings.team, "name": settings.team}
        self._issues: OrderedDict[str, _Kept] = OrderedDict()
        self._numbers = 0

    def issues(self) -> list[Mapping[str, Any]]:
        """List the fields of all kept issues, oldest first, for tests."""
        return [kept.fields for kept in self._issues.values()]

    def now(self, active: Active) -> float:
        """Return seconds since 1970 on the workspace's own clock."""
        return self._clock.wall() + active.skew

    def teams(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Search for the team with a filter."""
        passes = predicate(args.get("filter"))(self.team)
        return _connection([("1", self.team)] if passes else [], more=False, follows=False)

    def create(self, given: Mapping[str, Any], active: Active) -> Mapping[str, Any]:
        """Create an issue; the oldest is dropped when there are too many."""
        title, description = given.get("title") or "", given.get("description")
        if given["teamId"] != self.team["id"]:
            raise not_found("Team")
        if not title or max(len(title), len(description or "")) > _LONGEST_TEXT:
            raise invalid(f"title and description must have 1 to {_LONGEST_TEXT} characters")
        self._numbers += 1
        issue_id, at = str(uuid.uuid4()), written(self.now(active))
        fields = {
            "id": issue_id,
            "identifier": f"{self.team['key']}-{self._numbers}",
            "title": title,
            "description": description,
            "priority": given.get("priority") or 0,
            "url": f"https://linear.invalid/issue/{self.team['key']}-{self._numbers}",
            "createdAt": at,
            "updatedAt": at,
            "archivedAt": None,
            "team": self.team,
        }
        self._issues[issue_id] = _Kept(self._numbers, self._clock.now(), fields)
        self._served.created += 1
        if len(self._issues) > self._keep:
            self._issues.popitem(last=False)
            self._served.forgotten += 1
        return fields

    def get(self, issue_id: str) -> Mapping[str, Any]:
        """Return one issue, without lag, archived or not."""
        if issue_id not in self._issues:
            raise not_found("Issue")
        return self._issues[issue_id].fields

    def archive(self, issue_id: str, active: Active) -> Mapping[str, Any]:
        """Archive an issue; a second time is no error and changes nothing."""
        self.get(issue_id)
        fields = self._issues[issue_id].fields
        if fields["archivedAt"] is None:
            fields["archivedAt"] = fields["updatedAt"] = written(self.now(active))
            self._served.archived += 1
        return fields

    def search(self, args: Mapping[str, Any], active: Active) -> dict[str, Any]:
        """Return one page of issues, newest first."""
        wanted = args.get("first")
        size = _DEFAULT_PAGE if wanted is None else wanted
        if not 1 <= size <= MAX_PAGE:
            bound = f"less than 1, was {size}" if size < 1 else f"greater than {MAX_PAGE}"
            raise invalid(f"first must not be {bound}")
        passes, archived = predicate(args.get("filter")), bool(args.get("includeArchived"))
        before = _number(args.get("after"))
        found: list[tuple[str, Mapping[str, Any]]] = []
        self._served.searches += 1
        for kept in self._seen(active, passes):
            if before is not None and kept.number >= before:
                continue
            if archived or kept.fields["archivedAt"] is None:
                if len(found) == size:
                    return _connection(found, more=True, follows=before is not None)
                found.append((f"{kept.number:x}", kept.fields))
        return _connection(found, more=False, follows=before is not None)

    def _seen(self, active: Active, passes: Predicate) -> Iterator[_Kept]:
        visible = self._clock.now() - active.lag
        for kept in reversed(self._issues.values()):
            if kept.opened <= visible and passes(kept.fields):
                yield kept


def _number(cursor: str | None) -> int | None:
    try:
        return None if cursor is None else int(cursor, 16)
    except ValueError as error:
        raise invalid("after is no cursor of this connection") from error


def _connection(
    found: list[tuple[str, Mapping[str, Any]]], *, more: bool, follows: bool
) -> dict[str, Any]:
    info = {
        "hasNextPage": more,
        "hasPreviousPage": follows,
        "startCursor": found[0][0] if found else None,
        "endCursor": found[-1][0] if found else None,
    }
    return {"nodes": [fields for _, fields in found], "pageInfo": info}
