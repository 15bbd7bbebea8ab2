"""What growth follows: the events, the clock, or the work in flight."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from exporter.leaks.epochs import counted
from exporter.leaks.floors import Floor
from exporter.leaks.series import Floats, Samples, Series
from exporter.leaks.signals import Signal
from exporter.leaks.tiers import HOUR, LEVEL
from exporter.leaks.trend import misfit, trend

_CLEARLY = 0.7
"""One line explains clearly more than another if it leaves at most this share of its misfit."""
_EXACT = 1e-9
"""A misfit below this share of the range is rounding."""
_COVERED = 0.75
"""The share of the buckets in which events, or work in flight, must have been read."""


class Growth(StrEnum):
    """What growth follows; a closed set."""

    PER_EVENT = "per_event"
    TIME = "time"
    QUEUE = "queue"
    UNDETERMINED = "undetermined"
    """Events come so evenly, or are counted so badly, that they cannot be told from the clock."""


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """The events that came while a floor was seen."""

    counts: Floats
    """How many had come by the middle of each bucket."""
    per_hour: float
    """How many came in an hour, over all of them."""


def load(floor: Floor, series: Series) -> Load | None:
    """The events of a floor; None when they were not counted all along."""
    events = series.life.events
    begin = float(floor.begins[0])
    if events is None or not _covers(events, floor):
        return None
    count = counted(events, begin)
    at = np.array([begin, *(floor.begins + floor.bucket / 2), floor.end])
    counts = np.interp(at, count.times, count.values)
    return Load(counts[1:-1], float(counts[-1] - counts[0]) * HOUR / (floor.end - begin))


def growth(floor: Floor, series: Series) -> Growth:
    """What a floor that grows follows."""
    if series.signal is Signal.QUEUE_DEPTH or _more_in_flight(floor, series.life.in_flight):
        return Growth.QUEUE
    seen = load(floor, series)
    if seen is None:
        return Growth.UNDETERMINED
    if seen.per_hour == 0:
        return Growth.TIME
    if np.ptp(seen.counts) == 0:  # they all came at one end
        return Growth.UNDETERMINED
    by_events, by_clock = misfit(seen.counts, floor.values), misfit(floor.hours, floor.values)
    rounding = _EXACT * np.ptp(floor.values)
    if by_events + rounding <= _CLEARLY * by_clock:
        return Growth.PER_EVENT
    return Growth.TIME if by_clock + rounding <= _CLEARLY * by_events else Growth.UNDETERMINED


def _covers(samples: Samples, floor: Floor) -> bool:
    """Whether there are samples in the first bucket, in the last, and in most in between."""
    first, behind = np.searchsorted(samples.times, [floor.begins, floor.begins + floor.bucket])
    seen = behind > first
    return bool(seen[0] and seen[-1] and seen.mean() >= _COVERED)


def _more_in_flight(floor: Floor, in_flight: Samples | None) -> bool:
    """Whether ever more work was in flight while the floor was seen."""
    if in_flight is None or not _covers(in_flight, floor):
        return False
    buckets = (in_flight.between(begin, begin + floor.bucket).values for begin in floor.begins)
    seen = [
        (hour, float(np.median(work)))
        for hour, work in zip(floor.hours, buckets, strict=True)
        if work.size
    ]
    hours, work = np.array(seen).T
    found = trend(hours, work, level=LEVEL)
    return found.p < LEVEL and found.low > 0
