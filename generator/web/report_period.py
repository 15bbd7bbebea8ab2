"""Period of a report: a month, a quarter, or the time since a date."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_LAST_YEAR = 9998
"""Last year whose end Python can express."""
_MOST_HOURS = 11_000
"""Hours of a report: Prometheus returns no more points of a series in one answer."""
_QUARTER = re.compile(r"(\d{4})-?[Qq]([1-4])", re.ASCII)


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """Period of a report.

    Attributes:
        title: its name.
        start: its first second.
        end: the second after its last one.
    """

    title: str
    start: float
    end: float

    @property
    def hours(self) -> int:
        """Number of whole hours."""
        return int((self.end - self.start) // 3600)


def parse_month(text: str) -> ReportPeriod:
    """Parse a month such as `2026-10`.

    Raises:
        ValueError: it is none; the message shows how to write one.
    """
    match = _MONTH.fullmatch(text)
    if not match or not 1 <= int(match[2]) <= 12 or int(match[1]) < 1970:  # noqa: PLR2004 - a month
        raise ValueError(f"{text!r} is not a month; write it like 2026-10")
    year, month = int(match[1]), int(match[2])
    return _build_months(text, year, month, 1)


def parse_quarter(text: str) -> ReportPeriod:
    """Parse a quarter such as `2026-Q3`.

    Raises:
        ValueError: it is none; the message shows how to write one.
    """
    match = _QUARTER.fullmatch(text)
    if not match or int(match[1]) < 1970:  # noqa: PLR2004 - of Unix
        raise ValueError(f"{text!r} is not a quarter; write it like 2026-Q3")
    year, quarter = int(match[1]), int(match[2])
    return _build_months(f"{year}-Q{quarter}", year, 3 * quarter - 2, 3)


def parse_date(text: str) -> float:
    """Parse a date such as `2026-11-01`, with a time if wanted; UTC without an offset.

    Raises:
        ValueError: it is none; the message shows how to write one.
    """
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a date; write it like 2026-11-01") from error


def parse_period(
    *, month: str | None, quarter: str | None, since: str | None, until: str | None
) -> ReportPeriod:
    """Parse the period of the options; its end is in the past.

    Raises:
        ValueError: there is not exactly one, or no report of it is possible; the message says what
            to change.
    """
    if sum(map(bool, (month, quarter, since))) != 1 or (until and not since):
        raise ValueError("add one of --month, --quarter and --since; --until goes with --since")
    now = time.time()
    if month:
        return limit_period(parse_month(month), now)
    if quarter:
        return limit_period(parse_quarter(quarter), now)
    end = parse_date(until) if until else now
    start = parse_date(since or "")
    if end <= start and until:
        raise ValueError(f"--until {until} is not after --since {since}")
    title = f"since {since}" if not until else f"{since} to {until}"
    return limit_period(ReportPeriod(title, start, end), now)


def limit_period(period: ReportPeriod, now: float) -> ReportPeriod:
    """Limit a period to whole hours in the past.

    Raises:
        ValueError: less than an hour of it is in the past, or it is too long.
    """
    hours = int((min(period.end, now) - period.start) // 3600)
    if hours < 1:
        raise ValueError(f"{period.title} has no whole hour in the past; choose an earlier start")
    if hours > _MOST_HOURS:
        raise ValueError(
            f"{period.title} is {hours // 24:,} days; a report has {_MOST_HOURS // 24} at most"
        )
    return ReportPeriod(period.title, period.start, period.start + hours * 3600)


def _build_months(title: str, year: int, month: int, count: int) -> ReportPeriod:
    if year > _LAST_YEAR:
        raise ValueError(f"{title} is too far in the future; choose an earlier one")
    after = month + count
    end = datetime(year + (after > 12), (after - 1) % 12 + 1, 1, tzinfo=UTC)  # noqa: PLR2004 - months
    return ReportPeriod(title, datetime(year, month, 1, tzinfo=UTC).timestamp(), end.timestamp())
