"""Office hours: the times at which tickets are notified."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# In the order of Alertmanager, whose ranges end on saturday at the latest.
DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
UTC = "UTC"
ALWAYS = "always"
_HOURS_PATTERN = re.compile(r"(\w+)(?::(\w+))?\s+([\d:]+)-([\d:]+)(?:\s+(\S+))?")
_TIME_PATTERN = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """Office hours.

    Attributes:
        days: in the order of `DAYS`.
        start: the first minute, as `08:00`.
        end: the minute after the last one.
        zone: a name of the time zone database.
    """

    days: tuple[str, ...] = DAYS[1:6]
    start: str = "08:00"
    end: str = "18:00"
    zone: str = UTC

    @property
    def other_days(self) -> tuple[str, ...]:
        """Days without office hours."""
        return tuple(day for day in DAYS if day not in self.days)


def parse_office_hours(text: str) -> OfficeHours | None:
    """Parse office hours such as `monday:friday 08:00-18:00 Europe/Berlin`; None for `always`.

    The caller checks that the time zone exists.

    Raises:
        ValueError: the text has another form; the message names the expected one.
    """
    if text == ALWAYS:
        return None
    shape = _HOURS_PATTERN.fullmatch(text.strip())
    if not shape:
        raise ValueError(
            f"{text!r} is not a time range; write it like monday:friday 08:00-18:00 "
            f"Europe/Berlin, or {ALWAYS}"
        )
    first, last, start, end, zone = shape.groups()
    for time in (start, end):
        if not _TIME_PATTERN.fullmatch(time):
            raise ValueError(f"{time!r} is not a time; write it like 08:00")
    if start >= end:
        raise ValueError(f"{start}-{end} ends before it starts; use a range within one day")
    return OfficeHours(_list_days(first.lower(), (last or first).lower()), start, end, zone or UTC)


def _list_days(first: str, last: str) -> tuple[str, ...]:
    """List the days from one to another, across the end of the week if necessary."""
    for day in (first, last):
        if day not in DAYS:
            raise ValueError(f"{day!r} is not a day; write it like monday")
    begin, end = DAYS.index(first), DAYS.index(last)
    if begin <= end:
        return DAYS[begin : end + 1]
    return DAYS[: end + 1] + DAYS[begin:]


def format_day_ranges(days: Sequence[str]) -> list[str]:
    """Format days as ranges of Alertmanager, such as `monday:friday`."""
    runs: list[list[str]] = []
    for day in days:
        if runs and DAYS.index(runs[-1][-1]) + 1 == DAYS.index(day):
            runs[-1].append(day)
        else:
            runs.append([day])
    return [run[0] if len(run) == 1 else f"{run[0]}:{run[-1]}" for run in runs]
