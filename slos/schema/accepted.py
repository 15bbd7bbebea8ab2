"""Criteria whose failure is accepted for a time, with the reason."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from slos.schema.contract import Criterion, DeliveryPath, RuleCriterion
from slos.schema.fields import Reason, SpecModel, check_criterion

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_VERSION, _LATEST = "version", "latest"


@dataclass(frozen=True, slots=True)
class TargetVersion:
    """A version of the service with which a failure is expected to end, and the last day of it."""

    version: str
    latest: date

    def __str__(self) -> str:
        return f"version {self.version}, {self.latest} at the latest"


Until = date | TargetVersion


def parse_until(value: Any) -> Until:  # noqa: ANN401 - whatever YAML holds
    """Parse a date, or a mapping with a version of the service and the latest date.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, dict) and _VERSION in value:
        return _parse_version(value)
    return _parse_date(value)


def _parse_version(value: dict[Any, Any]) -> TargetVersion:
    if set(value) != {_VERSION, _LATEST}:
        raise ValueError(
            "a version needs the latest day as well; write {version: 0.5.16, latest: 2027-03-31}"
        )
    version = value[_VERSION]
    text = "" if isinstance(version, bool) else str(version).strip()
    if not isinstance(version, str | int | Decimal) or not text:
        raise ValueError("this is not a version; write it like 0.5.16")
    return TargetVersion(text, _parse_date(value[_LATEST]))


def _parse_date(value: Any) -> date:  # noqa: ANN401 - whatever YAML holds
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(
                f"{value!r} is not a day of the calendar; check month and day"
            ) from None
    written = f"{value!r} is" if isinstance(value, str) else "this is"
    raise ValueError(
        f"{written} not a date; write it like 2027-03-31, or "
        "{version: 0.5.16, latest: 2027-03-31}"
    )


def _check_criterion(value: Any) -> Any:  # noqa: ANN401 - whatever YAML holds
    return check_criterion(value, [*Criterion, *RuleCriterion])


class AcceptedCriterion(SpecModel):
    """A criterion whose checks are known to fail, and are no failure until a date or version."""

    criterion: Annotated[Criterion | RuleCriterion, BeforeValidator(_check_criterion)]
    """Criterion whose failing checks are accepted."""
    path: DeliveryPath | None = None
    """Delivery path of the runs, with `success.availability`; all paths by default. A run that is
    not executed there is accepted with all its stages."""
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
                        "properties": {
                            _VERSION: {"type": ["string", "number"]},
                            _LATEST: {"type": "string", "format": "date"},
                        },
                        "required": [_VERSION, _LATEST],
                        "additionalProperties": False,
                    },
                ]
            }
        ),
    ]
    """Last day in UTC on which it is accepted, or `{version: ..., latest: ...}`: the version of the
    service that is to pass, and the last day. No program knows which version runs, so the day is
    the end."""

    @model_validator(mode="after")
    def _check_path(self) -> Self:
        if self.path and self.criterion is not Criterion.AVAILABILITY:
            raise ValueError(
                f"path is for {Criterion.AVAILABILITY.value!r} only; remove it, or accept that "
                "criterion on the path"
            )
        return self

    @property
    def ends_at(self) -> float:
        """Unix time from which failures count again."""
        last = self.until.latest if isinstance(self.until, TargetVersion) else self.until
        day = datetime(last.year, last.month, last.day, tzinfo=UTC)
        return (day + timedelta(days=1)).timestamp()


def _check_listed_once(accepted: list[AcceptedCriterion]) -> list[AcceptedCriterion]:
    keys = [(entry.criterion, entry.path) for entry in accepted]
    for index, (criterion, path) in enumerate(keys):
        if (criterion, path) in keys[:index]:
            where = f" on {path.value!r}" if path else ""
            raise ValueError(f"{criterion.value!r}{where} is listed twice; remove one of them")
    return accepted


AcceptedList = Annotated[list[AcceptedCriterion], AfterValidator(_check_listed_once)]


def merge_accepted(
    lists: Iterable[Iterable[AcceptedCriterion]],
) -> tuple[AcceptedCriterion, ...]:
    """Merge the lists of several specs; of two entries for the same, the earlier end counts."""
    merged: dict[tuple[Criterion | RuleCriterion, DeliveryPath | None], AcceptedCriterion] = {}
    for entry in (entry for entries in lists for entry in entries):
        key = (entry.criterion, entry.path)
        known = merged.setdefault(key, entry)
        if entry.ends_at < known.ends_at:
            merged[key] = entry
    return tuple(merged.values())


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
