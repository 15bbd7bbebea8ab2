"""Time intervals of an Alertmanager configuration: does a route notify at any time?

Semantics: https://prometheus.io/docs/alerting/latest/configuration/#time_interval
"""

import calendar
import zoneinfo
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from generator.alerting.hours import DAYS

_STEP = timedelta(minutes=15)
LOOKAHEAD = timedelta(days=31)
"""Time for which routes are tried."""
_MONTHS = tuple(name.lower() for name in calendar.month_name)


def find_notifying_time(
    config: Mapping[str, Any], muted_in: Sequence[str], active_in: Sequence[str], start: datetime
) -> datetime | None:
    """Find the next time at which a route with these intervals notifies; None in a month without.

    Args:
        config: configuration of Alertmanager.
        muted_in: names of intervals in which it does not notify.
        active_in: names of intervals outside of which it does not notify.
        start: the first time that is tried.
    """
    named = {
        each["name"]: each.get("time_intervals") or ()
        for key in ("time_intervals", "mute_time_intervals")
        for each in config.get(key) or ()
    }

    def holds(names: Sequence[str], moment: datetime) -> bool:
        return any(_contains(each, moment) for name in names for each in named.get(name, ()))

    for number in range(LOOKAHEAD // _STEP):
        moment = start.astimezone(UTC) + number * _STEP
        if not holds(muted_in, moment) and (not active_in or holds(active_in, moment)):
            return moment
    return None


def _contains(interval: Mapping[str, Any], moment: datetime) -> bool:
    """Tell whether every part of an interval contains a time; a part that is missing does."""
    local = moment.astimezone(_find_zone(str(interval.get("location") or "UTC")))
    length = calendar.monthrange(local.year, local.month)[1]
    time = f"{local:%H:%M}"
    times = interval.get("times") or ()
    return (not times or any(t["start_time"] <= time < t["end_time"] for t in times)) and all(
        _is_in_ranges(interval.get(key), value, words, length)
        for key, value, words in (
            ("weekdays", (local.weekday() + 1) % 7, DAYS),
            ("days_of_month", local.day, ()),
            ("months", local.month, _MONTHS),
            ("years", local.year, ()),
        )
    )


def _find_zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")


def _is_in_ranges(
    ranges: Sequence[Any] | None, value: int, words: Sequence[str], month_length: int
) -> bool:
    """Tell whether one of some ranges such as `monday:friday`, `-3:-1` or `5` has a value."""
    if not ranges:
        return True
    for text in ranges:
        ends = [_read_end(part, words, month_length) for part in str(text).lower().split(":")]
        if ends[0] <= value <= ends[-1]:
            return True
    return False


def _read_end(text: str, words: Sequence[str], month_length: int) -> int:
    if text in words:
        return words.index(text)
    number = int(text)
    return number if number >= 0 else month_length + 1 + number
