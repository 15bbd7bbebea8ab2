"""The gates, one by one: which growth passes, and what is said of growth that does not."""

from dataclasses import replace

import numpy as np
import pytest

from exporter.leaks import Reason, Signal
from exporter.leaks.epochs import cut
from exporter.leaks.floors import Floor
from exporter.leaks.gates import Evidence, closed_gate
from exporter.leaks.tiers import CONFIRMED, STEEP, SUSPECT, Grade
from exporter.leaks.trend import trend
from slos.schema.contract import LeakVerdict
from tests.exporter.leaks.agents import KB, MB, Agent, in_shifts, judged, series
from tests.exporter.leaks.shapes import HOUR

_GRADES = [SUSPECT, CONFIRMED, STEEP]


def _evidence(values: np.ndarray, signal: Signal = Signal.RSS) -> Evidence:
    """Evidence of floors that are half an hour apart."""
    floors = Floor(np.arange(values.size) * HOUR / 2, values, HOUR / 2)
    found = trend(floors.hours, values, level=0.01)
    (epoch,) = cut(series(values, signal))
    return Evidence(epoch.series, floors, found, p=found.p, per_event=None)


def _line(share: float, floors: int = 48) -> np.ndarray:
    """100 MB, and so much of it more every hour."""
    return 100 * MB * (1 + share * np.arange(floors) / 2)


@pytest.mark.parametrize("grade", _GRADES)
def test_a_straight_line_that_is_steep_enough_passes_every_gate(grade: Grade) -> None:
    assert closed_gate(_evidence(_line(grade.size * 1.01)), grade) is None


@pytest.mark.parametrize("grade", _GRADES)
def test_a_straight_line_that_is_not_steep_enough_is_too_slow(grade: Grade) -> None:
    assert closed_gate(_evidence(_line(grade.size * 0.99)), grade) is Reason.TOO_SLOW


@pytest.mark.parametrize("grade", _GRADES)
def test_a_falling_line_is_no_trend(grade: Grade) -> None:
    assert closed_gate(_evidence(_line(-0.005)), grade) is Reason.NO_TREND


def test_what_chance_explains_in_a_large_family_is_no_trend() -> None:
    evidence = _evidence(_line(0.01))
    assert closed_gate(replace(evidence, p=0.011), CONFIRMED) is Reason.NO_TREND
    assert closed_gate(replace(evidence, p=0.009), CONFIRMED) is None


def test_a_slope_whose_lower_bound_is_not_above_zero_is_no_trend() -> None:
    evidence = _evidence(_line(0.01))
    doubtful = replace(evidence, trend=replace(evidence.trend, low=0.0))
    assert closed_gate(doubtful, CONFIRMED) is Reason.NO_TREND


@pytest.mark.parametrize(
    ("per_event", "closed"), [(None, None), (65.0, None), (64.0, Reason.TOO_LITTLE_PER_EVENT)]
)
def test_a_leak_has_64_bytes_an_event(per_event: float | None, closed: Reason | None) -> None:
    evidence = replace(_evidence(_line(0.01)), per_event=per_event)
    assert closed_gate(evidence, CONFIRMED) is closed


def test_a_count_may_rise_by_ever_so_little_with_each_event() -> None:
    files = replace(_evidence(13 + np.arange(48.0), Signal.OPEN_FILES), per_event=0.001)
    assert closed_gate(files, CONFIRMED) is None


@pytest.mark.parametrize(("rise", "closed"), [(4, Reason.TOO_FEW_MORE), (5, None)])
def test_a_count_must_rise_by_five(rise: int, closed: Reason | None) -> None:
    # The middles of the thirds are 32 of the 48 floors apart.
    evidence = _evidence(np.floor(13.5 + rise * np.arange(48) / 32), Signal.OPEN_FILES)
    assert evidence.floor.rise() == rise
    assert closed_gate(evidence, CONFIRMED) is closed


def test_growth_that_keeps_less_than_its_share_has_slowed_down() -> None:
    hours = np.arange(48) / 2

    def bent(kept: float) -> Evidence:
        """Rises by 1 MB an hour for half of the time, and then by so much of it."""
        return _evidence((100 + np.minimum(hours, 12) + kept * np.maximum(hours - 12, 0)) * MB)

    assert closed_gate(bent(0.35), SUSPECT) is Reason.SLOWED_DOWN
    assert closed_gate(bent(0.45), SUSPECT) is None
    assert closed_gate(bent(0.65), CONFIRMED) is Reason.SLOWED_DOWN
    assert closed_gate(bent(0.75), CONFIRMED) is None


@pytest.mark.parametrize("grade", [SUSPECT, CONFIRMED])
def test_a_step_between_two_halves_that_hardly_rise_has_slowed_down(grade: Grade) -> None:
    hours = np.arange(48) / 2
    evidence = _evidence((100 + 0.01 * hours + 30 * (hours >= 12)) * MB)
    assert evidence.relative > 0.01  # half of all pairs are on both sides of the step
    assert closed_gate(evidence, grade) is Reason.SLOWED_DOWN


def test_growth_that_gets_faster_is_a_leak() -> None:
    hours = np.arange(48) / 2
    assert closed_gate(_evidence((100 + hours**2 / 20) * MB), CONFIRMED) is None


def test_a_suspect_says_which_gate_keeps_it_from_being_a_leak() -> None:
    agent = Agent()
    found = judged(agent.series(agent.memory(per_hour=0.002 * 120 * MB)))
    assert (found.verdict, found.reason) == (LeakVerdict.SUSPECT, Reason.TOO_SLOW)


def test_many_events_that_lose_little_each_are_no_leak() -> None:
    agent = Agent(rate=lambda hours: 20 * np.ones_like(hours))
    found = judged(agent.series(agent.memory(per_event=50)))
    assert (found.verdict, found.reason) == (LeakVerdict.PASS, Reason.TOO_LITTLE_PER_EVENT)


def test_a_count_of_none_may_begin_to_leak() -> None:
    found = judged(series(np.floor(np.arange(1_440) / 60), Signal.OPEN_TICKETS))
    assert found.verdict is LeakVerdict.LEAK
    assert found.measured
    assert found.measured.relative == pytest.approx(0.5, rel=0.05)  # of the 2 when it was warm


def test_bytes_are_measured_for_each_event_even_if_they_come_in_shifts() -> None:
    agent = Agent(rate=in_shifts)
    found = judged(agent.series(agent.memory(per_event=4 * KB)))
    assert found.verdict is LeakVerdict.LEAK
    assert found.measured
    assert found.measured.per_event == pytest.approx(4 * KB, rel=0.15)
