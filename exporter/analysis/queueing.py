"""Growth of the end-to-end time with the load, and the waves in which a burst completes. Pure."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from exporter.analysis.measurements import RunMeasurements, Step

FLOOR = 0.01
"""Share of the end-to-end target that a time must reach to be worth a finding."""
_FACTOR = 2.0
_FEWEST_EVENTS = 8
_FEWEST_WAVES = 3
_REGULAR = 0.6
"""Share of the waves that must have the usual size."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth of the p95 from the lightest to the heaviest step.

    Attributes:
        light: the lightest step.
        heavy: the step with the longest p95.
        run: the run of the heavy step.
    """

    light: Step
    heavy: Step
    run: RunMeasurements

    @property
    def before(self) -> float:
        """Seconds of the p95 of the lightest step."""
        return self.light.find_total(0.95) or 0.0

    @property
    def after(self) -> float:
        """Seconds of the p95 of the heaviest step."""
        return self.heavy.find_total(0.95) or 0.0


@dataclass(frozen=True, slots=True)
class Waves:
    """Waves in which the events of a burst complete.

    Attributes:
        size: usual number of events of a wave.
        regular: share of the waves that have that size.
        interval: seconds between two waves.
        count: number of waves.
    """

    size: int
    regular: float
    interval: float
    count: int

    @property
    def is_regular(self) -> bool:
        """Return whether most waves have the same size."""
        return self.count >= _FEWEST_WAVES and self.regular >= _REGULAR


def find_light_step(runs: Sequence[RunMeasurements]) -> Step | None:
    """Find the step with the fewest events in flight that has any executed events."""
    steps = [step for run in runs for step in run.steps if step.totals]
    return min(
        steps, key=lambda step: (step.in_flight, step.load, step.find_total(0.95)), default=None
    )


def find_growth(runs: Sequence[RunMeasurements]) -> Growth | None:
    """Find the growth of the end-to-end time, if it is worth a finding."""
    light = find_light_step(runs)
    found = [
        (step.find_total(0.95) or 0.0, number, step, run)
        for run in runs
        for number, step in enumerate(run.steps)
        if len(step.totals) >= _FEWEST_EVENTS
    ]
    if light is None or not found:
        return None
    *_, heavy, run = max(found, key=lambda each: each[:2])
    growth = Growth(light, heavy, run)
    if growth.after - growth.before < FLOOR * run.limit or growth.after < _FACTOR * growth.before:
        return None
    return growth


def find_waves(step: Step) -> Waves | None:
    """Find the waves of a burst; None where the events were not sent at once, or are too few."""
    times = step.totals
    if not step.is_burst or len(times) < _FEWEST_EVENTS:
        return None
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    threshold = sorted(gaps)[-max(1, len(gaps) // 10) - 1] / 2
    starts = [0, *(number + 1 for number, gap in enumerate(gaps) if gap > threshold)]
    sizes = [later - earlier for earlier, later in itertools.pairwise(starts)]
    if not sizes:
        return None
    usual = round(median(sizes))
    firsts = [times[start] for start in starts]
    between = [later - earlier for earlier, later in itertools.pairwise(firsts)]
    return Waves(usual, sizes.count(usual) / len(sizes), median(between), len(starts))
