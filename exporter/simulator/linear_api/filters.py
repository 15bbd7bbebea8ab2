"""Linear's filters as predicates over the fields of an object. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from exporter.simulator.linear_api.errors import invalid

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
