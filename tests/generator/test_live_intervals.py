"""Time intervals of an Alertmanager configuration, by its documentation."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from generator.alerting.live_intervals import find_notifying_time

Intervals = Sequence[dict[str, Any]]
TUESDAY = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)


def find_time(*, muted: Intervals = (), active: Intervals = ()) -> datetime | None:
    """The next time with one interval that mutes and one in which it is active."""
    named = {"muted": muted, "active": active}
    intervals = [{"name": name, "time_intervals": each} for name, each in named.items() if each]
    return find_notifying_time(
        {"time_intervals": intervals},
        ["muted"] if muted else [],
        ["active"] if active else [],
        TUESDAY,
    )


@pytest.mark.parametrize(
    ("intervals", "end"),
    [
        ([{"weekdays": ["tuesday"]}], datetime(2026, 12, 2, tzinfo=UTC)),
        ([{"weekdays": ["monday:friday"]}], datetime(2026, 12, 5, tzinfo=UTC)),
        (
            [{"times": [{"start_time": "08:00", "end_time": "18:00"}]}],
            datetime(2026, 12, 1, 18, tzinfo=UTC),
        ),
        (
            [
                {
                    "times": [{"start_time": "08:00", "end_time": "18:00"}],
                    "location": "America/New_York",
                }
            ],
            TUESDAY,
        ),
        ([{"days_of_month": ["1:5", "-2:-1"]}], datetime(2026, 12, 6, tzinfo=UTC)),
        ([{"months": ["december"], "days_of_month": ["1"]}], datetime(2026, 12, 2, tzinfo=UTC)),
        ([{"months": ["1:11"]}], TUESDAY),
        ([{"years": ["2020:2025"]}], TUESDAY),
        (
            [{"weekdays": ["tuesday"]}, {"weekdays": ["wednesday"]}],
            datetime(2026, 12, 3, tzinfo=UTC),
        ),
        ([{"weekdays": ["sunday:saturday"]}], None),
        ([{"weekdays": ["sunday:friday"]}, {"weekdays": ["saturday"]}], None),
        ([{}], None),
    ],
)
def test_a_muted_route_notifies_when_no_interval_holds(
    intervals: Intervals, end: datetime | None
) -> None:
    assert find_time(muted=intervals) == end


def test_an_active_route_notifies_when_an_interval_holds() -> None:
    weekend = [{"weekdays": ["saturday", "sunday"]}]
    assert find_time(active=weekend) == datetime(2026, 12, 5, tzinfo=UTC)
    assert find_time(active=weekend, muted=weekend) is None
    assert find_time(active=[{"years": ["2020"]}]) is None
