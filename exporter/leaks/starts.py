"""When a process began anew, from what monitoring shows of it."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from exporter.leaks.series import LATEST, Samples

_SAME = 60.0
"""Seconds: starts so close are one, seen by several sources or by a clock being corrected; and
if they were two, the life between them was too short to judge."""


def of_start_times(samples: Samples) -> list[float]:
    """From a gauge of the start time, such as `process_start_time_seconds`."""
    return [float(start) for start in np.unique(samples.values)]


def of_changes(times: Sequence[float], marks: Sequence[object]) -> list[float]:
    """From a mark that changes: a restart count, the id of a pod, an image; None is no mark.

    The change happened somewhere between two readings. Life begins anew right after the first
    of them: a sample of the old process then falls into the warm-up of the new, not the reverse.
    """
    seen = sorted(
        (
            (time, mark)
            for time, mark in zip(times, marks, strict=True)
            if mark is not None and mark == mark and math.isfinite(time)  # noqa: PLR0124 - NaN
        ),
        key=lambda reading: reading[0],
    )
    return [
        math.nextafter(before, math.inf) for (before, old), (_, new) in pairwise(seen) if old != new
    ]


def merged(starts: Iterable[float]) -> list[float]:
    """In order, without the impossible ones, and of those that are one only the last."""
    known = sorted(start for start in starts if abs(start) <= LATEST)
    return [start for start, following in pairwise([*known, math.inf]) if following - start > _SAME]
