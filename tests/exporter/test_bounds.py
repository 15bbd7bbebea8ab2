"""Bounds of a time: widened and intersected, they hold what is known and nothing more."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.model.bounds import Bounds

SECONDS = st.floats(-1e6, 1e6)
BOUNDS = st.builds(lambda low, width: Bounds(low, low + width), SECONDS, st.floats(0, 1e6))


@given(BOUNDS, BOUNDS, SECONDS)
def test_a_time_is_within_the_intersection_exactly_if_it_is_within_both(
    first: Bounds, second: Bounds, time: float
) -> None:
    common = first.intersect(second)
    is_in_both = all(each.low <= time <= each.high for each in (first, second))
    assert (common is not None and common.low <= time <= common.high) is is_in_both


@given(BOUNDS, st.floats(0, 1e6))
def test_widened_bounds_begin_earlier_and_end_later(bounds: Bounds, seconds: float) -> None:
    wide = bounds.widen(seconds)
    assert (wide.low, wide.high) == (bounds.low - seconds, bounds.high + seconds)
