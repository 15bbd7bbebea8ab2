"""Attribution of growth to events, time, or work in flight."""

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
"""A line explains growth clearly better than another if its misfit is at most this share."""
_EXACT = 1e-9
"""A misfit below this share of the range is rounding."""
_COVERED = 0.75
"""Minimum share of the buckets in which events, or work in flight, must have been read."""


class Growth(StrEnum):
    """Causes of growth; a closed set."""

    PER_EVENT = "per_event"
    TIME = "time"
    QUEUE = "queue"
    UNDETERMINED = "undetermined"
    """Events arrive so evenly, or are counted so badly, that they cannot be told from time."""


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """Events during the time of a baseline."""

    counts: Floats
    """Events counted by the middle of each bucket."""
    per_hour: float
    """Events per hour, over all buckets."""


def load(floor: Floor, series: Series) -> Load | None:
    """Measure the events during a baseline; None when they were not counted all the time."""
    events = series.life.events
    begin = float(floor.begins[0])
    if events is None or not _covers(events, floor):
        return None
    count = counted(events, begin)
    at = np.array([begin, *(floor.begins + floor.bucket / 2), floor.end])
    counts = np.interp(at, count.times, count.values)
    return Load(counts[1:-1], float(counts[-1] - counts[0]) * HOUR / (floor.end - begin))


def growth(floor: Floor, series: Series) -> Growth:
    """Attribute the growth of a baseline to its cause."""
    if series.signal is Signal.QUEUE_DEPTH or _more_in_flight(floor, series.life.in_flight):
        return Growth.QUEUE
    seen = load(floor, series)
    if seen is None:
        return Growth.UNDETERMINED
    if seen.per_hour == 0:
        return Growth.TIME
    if np.ptp(seen.counts) == 0:  # all of them at one end
        return Growth.UNDETERMINED
    by_events, by_clock = misfit(seen.counts, floor.values), misfit(floor.hours, floor.values)
    rounding = _EXACT * np.ptp(floor.values)
    if by_events + rounding <= _CLEARLY * by_clock:
        return Growth.PER_EVENT
    return Growth.TIME if by_clock + rounding <= _CLEARLY * by_events else Growth.UNDETERMINED


def _covers(samples: Samples, floor: Floor) -> bool:
    """Return True if there are samples in the first bucket, in the last, and in most in between."""
    first, behind = np.searchsorted(samples.times, [floor.begins, floor.begins + floor.bucket])
    seen = behind > first
    return bool(seen[0] and seen[-1] and seen.mean() >= _COVERED)


def _more_in_flight(floor: Floor, in_flight: Samples | None) -> bool:
    """Return True if the work in flight rose significantly during the baseline."""
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
