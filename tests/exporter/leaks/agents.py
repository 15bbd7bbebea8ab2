"""An agent as it was measured, with a leak put in: 107 MB at start, 13 MB more while its lists
fill with the first 5,000 events, a collector that frees 4 MB every 20 minutes, some noise."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from exporter.leaks.findings import Finding
from exporter.leaks.judge import judge
from exporter.leaks.series import Floats, Life, Samples, Series
from exporter.leaks.signals import Signal
from tests.exporter.leaks.shapes import HOUR, MINUTE

KB = 1_024.0
MB = 1e6
START = 1_700_000_000.0
"""The wall clock when the agent starts."""

Rate = Callable[[Floats], Floats]
"""From hours since the start to events a second."""


def steady(hours: Floats) -> Floats:
    """One event a second."""
    return np.ones_like(hours)


def in_shifts(hours: Floats) -> Floats:
    """Two events a second in every other three hours, and none in between."""
    return np.where(hours % 6 < 3, 2.0, 0.0)


@dataclass(frozen=True)
class Agent:
    """One life of an agent."""

    hours: float = 24.0
    rate: Rate = steady
    start: float = START
    base: float = 107 * MB
    ready: float = 13 * MB
    """What filling lists take."""
    seed: int = 0
    minutes: Floats = field(init=False)
    events: Floats = field(init=False)
    """How many there were, at each minute."""

    def __post_init__(self) -> None:
        minutes = np.arange(0, self.hours * HOUR, MINUTE)
        object.__setattr__(self, "minutes", minutes)
        object.__setattr__(self, "events", np.cumsum(self.rate(minutes / HOUR) * MINUTE))

    @property
    def times(self) -> Floats:
        return self.start + self.minutes

    def memory(self, *, per_event: float = 0.0, per_hour: float = 0.0) -> Floats:
        """Its resident bytes, with so many lost for each event and in each hour."""
        chance = np.random.default_rng(self.seed)
        lists = self.ready * np.minimum(self.events / 5_000, 1)
        garbage = 4 * MB * (self.minutes / (20 * MINUTE) % 1)
        lost = per_event * self.events + per_hour * self.minutes / HOUR
        noise = 0.3 * MB * chance.standard_normal(self.minutes.size)
        return np.asarray(self.base + lists + garbage + lost + noise)

    def life(self, in_flight: Floats | None = None) -> Life:
        return Life(
            starts=[self.start],
            events=Samples.of(self.times, self.events),
            in_flight=None if in_flight is None else Samples.of(self.times, in_flight),
        )

    def series(
        self, values: Floats, signal: Signal = Signal.RSS, *, life: Life | None = None
    ) -> Series:
        return Series(signal, "agent-0", Samples.of(self.times, values), life or self.life())


def series(values: Floats, signal: Signal = Signal.RSS, *, step: float = MINUTE) -> Series:
    """Readings from moment zero on, of which nothing else is known."""
    return Series(signal, "agent-0", Samples.of(step * np.arange(values.size), values))


def judged(one: Series, *, at: float | None = None) -> Finding:
    """What is said of the last epoch of a series that is a family of its own."""
    return judge([one], at=at).current[0]
