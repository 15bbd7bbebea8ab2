"""Process starts, derived from monitoring data."""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from exporter.leaks.series import LATEST, Samples

_SAME = 60.0
"""Seconds: starts this close count as one, seen by several sources or under a corrected clock. If
they were two, the life between them was too short to examine."""


def of_start_times(samples: Samples) -> list[float]:
    """List the starts in a gauge of the start time, such as `process_start_time_seconds`."""
    return [float(start) for start in np.unique(samples.values)]


def of_changes(times: Sequence[float], marks: Sequence[object]) -> list[float]:
    """Find the times at which a marker changed: a restart count, a pod id, an image.

    None is no marker. The change happened between two readings. The new life starts right after the
    first of them, so that a sample of the old process falls into the warm-up of the new one, not
    the reverse.
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
    """Sort starts, drop invalid ones, and keep only the last of several close starts."""
    known = sorted(start for start in starts if abs(start) <= LATEST)
    return [start for start, following in pairwise([*known, math.inf]) if following - start > _SAME]
