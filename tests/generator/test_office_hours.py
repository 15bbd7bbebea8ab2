"""Parsing of office hours."""

import pytest

from generator.alerting.hours import DAYS, OfficeHours, format_day_ranges, parse_office_hours
from generator.commands._values import OFFICE_HOURS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (OFFICE_HOURS, OfficeHours()),
        ("Monday:Friday 08:00-18:00", OfficeHours()),
        (
            "sunday:thursday  09:30-24:00  Asia/Riyadh",
            OfficeHours(DAYS[:5], "09:30", "24:00", "Asia/Riyadh"),
        ),
        (
            "saturday:monday 00:00-06:00",
            OfficeHours(("sunday", "monday", "saturday"), "00:00", "06:00"),
        ),
        ("tuesday 08:00-18:00", OfficeHours(("tuesday",))),
        ("always", None),
    ],
)
def test_hours_are_read_as_they_are_meant(text: str, expected: OfficeHours | None) -> None:
    assert parse_office_hours(text) == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (DAYS, ["sunday:saturday"]),
        (DAYS[1:6], ["monday:friday"]),
        (("sunday", "saturday"), ["sunday", "saturday"]),
        (("sunday", "monday", "wednesday"), ["sunday:monday", "wednesday"]),
        ((), []),
    ],
)
def test_days_become_the_ranges_that_alertmanager_takes(
    days: tuple[str, ...], expected: list[str]
) -> None:
    assert format_day_ranges(days) == expected
