"""Criteria whose failure is accepted for a time, with the reason."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from slos.schema.contract import Criterion
from slos.schema.fields import CriterionField, Reason, SpecModel

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_VERSION = "version"


@dataclass(frozen=True, slots=True)
class TargetVersion:
    """A version of the service with which a failure is expected to end."""

    version: str

    def __str__(self) -> str:
        return f"version {self.version}"


Until = date | TargetVersion


def parse_until(value: Any) -> Until:  # noqa: ANN401 - whatever YAML holds
    """Parse a date, or a mapping of `version` to the version of the service.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, dict) and set(value) == {_VERSION}:
        version = value[_VERSION]
        text = "" if isinstance(version, bool) else str(version).strip()
        if isinstance(version, str | int | Decimal) and text:
            return TargetVersion(text)
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(
                f"{value!r} is not a day of the calendar; check month and day"
            ) from None
    written = f"{value!r} is" if isinstance(value, str) else "this is"
    raise ValueError(f"{written} not a date; write it like 2027-03-31, or {{version: 0.5.16}}")


class AcceptedCriterion(SpecModel):
    """A criterion whose checks are known to fail, and are no failure until a date or version."""

    criterion: CriterionField
    """Criterion whose failing checks are accepted."""
    reason: Reason
    """Reason why the failure is accepted."""
    until: Annotated[
        Until,
        PlainValidator(parse_until),
        WithJsonSchema(
            {
                "anyOf": [
                    {
                        "type": "string",
                        "format": "date",
                        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
                    },
                    {
                        "type": "object",
                        "properties": {_VERSION: {"type": ["string", "number"]}},
                        "required": [_VERSION],
                        "additionalProperties": False,
                    },
                ]
            }
        ),
    ]
    """Last day in UTC on which it is accepted, or `{version: ...}`: the version of the service that
    is to pass. No program knows which version runs, so a version has no end."""

    @property
    def ends_at(self) -> float:
        """Unix time from which failures count again; infinite for a version."""
        if isinstance(self.until, TargetVersion):
            return math.inf
        day = datetime(self.until.year, self.until.month, self.until.day, tzinfo=UTC)
        return (day + timedelta(days=1)).timestamp()


def _check_listed_once(accepted: list[AcceptedCriterion]) -> list[AcceptedCriterion]:
    criteria = [entry.criterion for entry in accepted]
    for index, criterion in enumerate(criteria):
        if criterion in criteria[:index]:
            raise ValueError(f"{criterion.value!r} is listed twice; remove one of them")
    return accepted


AcceptedList = Annotated[list[AcceptedCriterion], AfterValidator(_check_listed_once)]


def merge_accepted(
    lists: Iterable[Iterable[AcceptedCriterion]],
) -> Mapping[Criterion, AcceptedCriterion]:
    """Merge the lists of several specs; of two entries for a criterion, the earlier end counts."""
    merged: dict[Criterion, AcceptedCriterion] = {}
    for entry in (entry for entries in lists for entry in entries):
        known = merged.setdefault(entry.criterion, entry)
        if entry.ends_at < known.ends_at:
            merged[entry.criterion] = entry
    return merged


def find_ended(
    accepted: Iterable[AcceptedCriterion], *, now: float
) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    """Find entries whose date is over; yield the location in the spec, a message and a hint."""
    for index, entry in enumerate(accepted):
        if entry.ends_at <= now:
            message = (
                f"{entry.criterion} was accepted until {entry.until}, so its failures count again"
            )
            hint = "remove the entry, or set a later date"
            yield ("accepted", index, "until"), message, hint
