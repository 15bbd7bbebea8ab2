"""Leaks: those of the leak detector, and memory that grows with the events of short runs. Pure."""

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from exporter.analysis.finding import FLOOR, Confidence, Finding, Kind, MeasuredNumber
from exporter.analysis.measurements import Process, RunMeasurements, Series

_FEWEST_EVENTS = 100
_PARTS = 6
_WARM_UP = 1 / 3
"""Share of the events that counts as warm-up."""
_LEAST_RISE = 0.05
_LEAST_SPEED = 0.3
"""Speed of the last half, as a share of the first half, below which it is a warm-up."""


@dataclass(frozen=True, slots=True)
class MemoryGrowth:
    """Growth of the memory after the warm-up.

    Attributes:
        per_event: bytes an event.
        rise: rise as a share of the memory after the warm-up.
        parts: number of parts.
        is_steady: whether each part is above the one before, and the growth does not slow down.
    """

    per_event: float
    rise: float
    parts: int
    is_steady: bool


def find_leaks(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
    """Find the leaks of the leak detector."""
    for run in runs:
        for leak in run.leaks:
            if not leak["is_leak"]:
                continue
            per_hour, hours = leak["per_hour"] or 0.0, leak["hours"] or 0.0
            evidence = [MeasuredNumber("growth", per_hour, "an hour", f"of {leak['signal']}, over "
                                 f"{hours:.1f} hours as planned")]  # fmt: skip
            if leak["per_event"] is not None:
                evidence.append(
                    MeasuredNumber("growth", leak["per_event"], "an event", "of the same")
                )
            if leak["p"] is not None:
                evidence.append(MeasuredNumber("p", leak["p"], "", "probability by chance"))
            yield Finding(
                Kind.MEMORY_LEAK,
                f"a leak: {leak['signal']} grows by {per_hour:,.0f} an hour",
                Confidence.HIGH,
                tuple(evidence),
                f"{run.scenario}, {leak['replica']}",
                FLOOR * run.limit,
                {"per_hour": per_hour},
            )


def find_growing_memory(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
    """Find memory that grows with the events in runs that are too short for the detector.

    Only the scenario sustained is read: under a rising load, memory grows with what is in flight.
    """
    for run in runs:
        if run.scenario != "sustained" or any(
            leak["verdict"] != "insufficient" for leak in run.leaks
        ):
            continue
        for process in run.processes:
            growth = measure_growth(process, run.sent)
            if growth is None or not growth.is_steady:
                continue
            evidence = (
                MeasuredNumber("growth", growth.per_event, "bytes an event", "of resident memory"),
                MeasuredNumber("rise", growth.rise, "ratio", "of the memory after the warm-up"),
                MeasuredNumber(
                    "parts", growth.parts, "parts", "of the run, and each is above the last"
                ),
            )
            yield Finding(
                Kind.MEMORY_LEAK,
                f"a leak: the memory grows by {growth.per_event / 1000:,.1f} kB an event",
                # The leak detector, which sees more, takes hours.
                Confidence.MEDIUM,
                evidence,
                f"{run.scenario}, {process.name}",
                FLOOR * run.limit,
                {"per_event": growth.per_event},
            )


def measure_growth(process: Process, sent: Series) -> MemoryGrowth | None:
    """Measure the growth; None with too few events or readings."""
    memory = process.columns.get("rss")
    points = _pair(memory, sent) if memory else []
    if not points or points[-1][0] - points[0][0] < _FEWEST_EVENTS:
        return None
    first, last = points[0][0], points[-1][0]
    begin = first + _WARM_UP * (last - first)
    width = (last - begin) / _PARTS
    levels = []
    for number in range(_PARTS):
        low, high = begin + number * width, begin + (number + 1) * width
        inside = [rss for events, rss in points if low <= events <= high]
        if not inside:
            return None
        levels.append(median(inside))
    steps = [later - earlier for earlier, later in itertools.pairwise(levels)]
    half = _PARTS // 2
    early, late = levels[half - 1] - levels[0], levels[-1] - levels[half]
    rise = (levels[-1] - levels[0]) / levels[0]
    is_steady = min(steps) > 0 and rise >= _LEAST_RISE and late >= _LEAST_SPEED * early
    per_event = (levels[-1] - levels[0]) / (width * (_PARTS - 1))
    return MemoryGrowth(per_event, rise, _PARTS, is_steady)


def _pair(memory: Series, sent: Series) -> Sequence[tuple[float, float]]:
    """Pair each reading of the memory with the events that were sent by then."""
    pairs = []
    for t, rss in zip(memory.times, memory.values, strict=True):
        at = min(bisect_left(sent.times, t), len(sent.values) - 1)
        if rss is not None and at >= 0 and (events := sent.values[at]) is not None:
            pairs.append((events, rss))
    return pairs
