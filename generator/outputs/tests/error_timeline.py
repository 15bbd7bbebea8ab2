"""Error timeline of a test: the error ratio of each step, and what windows see of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import accumulate

from slos.schema.units import Duration

_NONE = Duration(0)


@dataclass(frozen=True, slots=True)
class ErrorTimeline:
    """Error ratio of each step; every step has the same number of events.

    Attributes:
        step: interval between two values and two evaluations.
        shares: 0 to 1, one for each step from time 0.
        events: number of events of each step.
        samples: number of samples over which the events of a step are spread evenly.
        filled: longest window that the rules fill up with good events where less was recorded.
    """

    step: Duration
    shares: tuple[Decimal, ...]
    events: Decimal
    samples: int = 1
    filled: Duration = _NONE
    _sums: tuple[Decimal, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sums", tuple(accumulate(self.shares, initial=Decimal(0))))

    def extend(self, share: Decimal, steps: int) -> "ErrorTimeline":
        """Return the timeline with more steps of one share."""
        return replace(self, shares=(*self.shares, *[share] * steps))

    @property
    def sample_interval(self) -> Duration:
        """Interval between two samples."""
        return Duration(self.step.ms // self.samples)

    @property
    def last_step(self) -> int:
        """Number of the last step."""
        return len(self.shares) - 1

    def compute_time(self, step: int) -> Duration:
        """Compute the time of a step."""
        return self.step * step

    def count_steps(self, window: Duration) -> int:
        """Count the steps in a window that ends on a step and excludes its start."""
        return -(-window.ms // self.step.ms)

    def count_events(self, window: Duration, step: int) -> Decimal:
        """Count the events in a window that ends at a step."""
        return self.events * min(self._measure_window(window), Decimal(step + 1))

    def compute_ratio(self, window: Duration, step: int) -> Decimal:
        """Compute the error ratio of a window that ends at a step.

        It is the mean of the shares, as all steps have the same number of events.
        """
        length = self._measure_window(window)
        recorded = min(length, Decimal(step + 1))
        return self._sum_shares(recorded, step) / (
            length if window.ms <= self.filled.ms else recorded
        )

    def count_errors(self, window: Duration, step: int) -> Decimal:
        """Count the errors in a window that ends at a step."""
        recorded = min(self._measure_window(window), Decimal(step + 1))
        return self.events * self._sum_shares(recorded, step)

    def _sum_shares(self, steps: Decimal, last: int) -> Decimal:
        """Sum the shares of some steps, the last of them and those before it."""
        first = last + 1 - int(steps)
        total = self._sums[last + 1] - self._sums[first]
        return total + self.shares[first - 1] * (steps % 1) if steps % 1 else total

    def _measure_window(self, window: Duration) -> Decimal:
        """Measure the samples in a window in steps; a part of the oldest step may be in it."""
        return Decimal(-(-window.ms * self.samples // self.step.ms)) / self.samples


def build_timeline(
    step: Duration, events: Decimal, parts: Iterable[tuple[Decimal, int]]
) -> ErrorTimeline:
    """Build a timeline of parts, each a share and a number of steps."""
    shares = tuple(share for share, steps in parts for _ in range(steps))
    return ErrorTimeline(step, shares, events)
