"""Pure arithmetic of time: the rate limit, the backoff, the skew of two clocks."""

import asyncio
import math
from email.utils import formatdate, parsedate_to_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.backoff import Backoff
from exporter.linear.pace import Pace
from exporter.linear.skew import UNKNOWN, SkewEstimate
from tests.exporter.fake_clock import FakeClock

HOUR = 3600.0


class Impatient(FakeClock):
    """Remembers how long it was asked to sleep, and does not."""

    def __init__(self) -> None:
        super().__init__(now=0.0)
        self.slept = 0.0

    async def sleep(self, seconds: float) -> None:
        self.slept = seconds


async def starts(per_hour: int, gaps: list[float]) -> list[float]:
    """When requests that are asked for after these gaps may leave."""
    clock = Impatient()
    pace = Pace(per_hour, clock=clock)
    times = []
    for gap in gaps:
        await clock.jump(gap)
        clock.slept = 0.0
        await pace.turn()
        times.append(clock.now() + clock.slept)
    return times


@given(
    per_hour=st.integers(10, 60),
    gaps=st.lists(st.floats(0, 500) | st.just(0.0), min_size=1, max_size=150),
)
@example(per_hour=10, gaps=[0.0] * 40)
@example(per_hour=60, gaps=[HOUR] + [0.0] * 130)
def test_in_no_hour_more_requests_leave_than_the_limit(per_hour: int, gaps: list[float]) -> None:
    times = asyncio.run(starts(per_hour, gaps))
    assert times == sorted(times)
    for start in times:
        assert sum(start <= time < start + HOUR for time in times) <= per_hour


def test_a_tenth_of_the_limit_leaves_at_once_and_the_rest_evenly() -> None:
    times = asyncio.run(starts(600, [0.0] * 63))
    assert times[:60] == pytest.approx([0.0] * 60, abs=1e-9)
    assert times[60:] == pytest.approx([HOUR / 540 * n for n in (1, 2, 3)])


async def test_requests_wait_for_their_turn_in_the_order_of_asking(clock: FakeClock) -> None:
    pace, left = Pace(10, clock=clock), []

    async def ask(number: int) -> None:
        await pace.turn()
        left.append(number)

    asking = [asyncio.create_task(ask(number)) for number in range(3)]
    await clock.advance(0)
    assert left == [0]
    await clock.advance(400)
    assert left == [0, 1]
    await clock.advance(400)
    await asyncio.gather(*asking)
    assert left == [0, 1, 2]


def test_a_limit_that_cannot_be_spread_is_refused(clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="too few"):
        Pace(9, clock=clock)


def test_waits_double_up_to_a_cap_and_start_over_after_a_success() -> None:
    backoff = Backoff(first=2, cap=30, random=lambda: 1.0)
    assert [backoff.failed() for _ in range(6)] == [2, 4, 8, 16, 30, 30]
    backoff.succeeded()
    assert backoff.failed() == 2


@given(failures=st.integers(1, 2000), share=st.floats(0, 1, exclude_max=True))
def test_jitter_is_full_and_a_wait_never_above_the_cap(failures: int, share: float) -> None:
    backoff = Backoff(first=2, cap=300, random=lambda: share)
    waits = [backoff.failed() for _ in range(failures)]
    assert all(0 <= wait <= 300 for wait in waits)
    assert waits[0] == 2 * share


def test_nothing_is_known_of_a_clock_that_never_showed() -> None:
    assert SkewEstimate().current == UNKNOWN
    assert math.isinf(UNKNOWN.uncertainty)


replies = st.lists(
    st.tuples(st.floats(0.1, 60), st.floats(0, 5), st.floats(0, 1)), min_size=1, max_size=30
)


@given(offset=st.floats(-90_000, 90_000), replies=replies)
def test_skew_within_uncertainty(offset: float, replies: list[tuple[float, float, float]]) -> None:
    """However long each reply takes, and wherever in between its date is written."""
    estimate, now, widths = SkewEstimate(), 1.7e9, []
    for pause, round_trip, share in replies:
        sent = now + pause
        now = sent + round_trip
        date = formatdate(sent + share * round_trip + offset, usegmt=True)
        estimate.add(parsedate_to_datetime(date).timestamp(), sent=sent, received=now)
        skew = estimate.current
        assert abs(skew.offset - offset) <= skew.uncertainty + 1e-6
        widths.append(skew.uncertainty)
        assert skew.uncertainty <= 0.5 + round_trip / 2 + 1e-6


def test_many_replies_tell_more_than_the_whole_second_of_one() -> None:
    estimate = SkewEstimate()
    for number in range(10):
        sent = 1000 + number * 30.1
        estimate.add(math.floor(sent + 0.01), sent=sent, received=sent + 0.02)
    assert estimate.current.uncertainty < 0.1


def test_a_clock_that_was_set_is_believed_at_once() -> None:
    estimate = SkewEstimate()
    estimate.add(1000, sent=1000, received=1000)
    estimate.add(8210, sent=1010, received=1010)
    assert estimate.current.offset == pytest.approx(7200.5)
