"""Simulated memory of processes, with and without a leak."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import pi

import numpy as np

from exporter.leakdetection.detector import LeakFinding, detect_leaks
from exporter.leakdetection.policy import LeakSignal
from exporter.leakdetection.series import Floats, ProcessLife, Samples, SignalSeries

BASE = 150.0
"""MB."""
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0

Shape = Callable[[np.random.Generator, Floats], Floats]
"""From chance and times to values."""


def white(chance: np.random.Generator, times: Floats) -> Floats:
    """Independent noise of 3 MB."""
    return BASE + 3 * chance.standard_normal(times.size)


def correlated(chance: np.random.Generator, times: Floats) -> Floats:
    """AR(1) noise of 3 MB, of which 0.95 is left a minute later."""
    return BASE + 3 * _ar1(chance, times.size, kept=0.95)


def sawtooth(chance: np.random.Generator, times: Floats) -> Floats:
    """A collector that runs every 10 to 40 minutes and frees 30 MB; noise of 1 MB."""
    period, phase = chance.uniform(10, 40) * MINUTE, chance.uniform()
    return BASE + 30 * ((times / period + phase) % 1) + chance.standard_normal(times.size)


def warm_up(chance: np.random.Generator, times: Floats) -> Floats:
    """15 MB that fill up with a time constant of 1 to 6 hours; noise of 3 MB."""
    filled = 1 - np.exp(-times / (chance.uniform(1, 6) * HOUR))
    return BASE + 15 * filled + 3 * chance.standard_normal(times.size)


def high_water(chance: np.random.Generator, times: Floats) -> Floats:
    """A mark that new peaks raise by 0.105 MB on average, and never falls; noise of 1 MB.

    New peaks become rare: at `t` hours there are 40 / (t + 0.5) an hour, as records have it.
    """
    expected = 40 * np.log1p(times[-1] / (HOUR / 2))
    count = chance.poisson(expected)
    peaks = np.sort(np.expm1(chance.uniform(0, expected, count) / 40) * HOUR / 2)
    marks = np.concatenate([[0], np.cumsum(chance.exponential(0.105, count))])
    noise = chance.standard_normal(times.size)
    return np.asarray(BASE + marks[np.searchsorted(peaks, times, side="right")] + noise)


def diurnal(chance: np.random.Generator, times: Floats) -> Floats:
    """A daily rhythm of 8 MB up and down, begun at any hour; noise of 1.5 MB."""
    phase = chance.uniform(0, 2 * pi)
    rhythm = 8 * np.sin(2 * pi * times / DAY + phase)
    return np.asarray(BASE + rhythm + 1.5 * chance.standard_normal(times.size))


def _ar1(chance: np.random.Generator, count: int, *, kept: float) -> Floats:
    """Correlated noise of variance 1, settled from its first value on."""
    from scipy.signal import lfilter  # noqa: PLC0415 - slow to import

    shocks = chance.standard_normal(count) * (1 - kept**2) ** 0.5
    shocks[:1] /= (1 - kept**2) ** 0.5
    return np.asarray(lfilter([1.0], [1.0, -kept], shocks))


SHAPES: dict[str, Shape] = {
    "white": white,
    "AR(1) .95": correlated,
    "GC sawtooth": sawtooth,
    "warm-up": warm_up,
    "high-water ratchet": high_water,
    "diurnal": diurnal,
}
"""By their names in the table."""


KB = 1_024.0
MB = 1e6
START = 1_700_000_000.0
"""The wall clock when the agent starts."""

Rate = Callable[[Floats], Floats]
"""From hours since the start to events a second."""


def compute_steady_rate(hours: Floats) -> Floats:
    """One event a second."""
    return np.ones_like(hours)


def compute_shift_rate(hours: Floats) -> Floats:
    """Two events a second in every other three hours, and none in between."""
    return np.where(hours % 6 < 3, 2.0, 0.0)


@dataclass(frozen=True)
class SimulatedAgent:
    """One life of an agent."""

    hours: float = 24.0
    rate: Rate = compute_steady_rate
    start: float = START
    base: float = 107 * MB
    warm_up: float = 13 * MB
    """Memory of lists that are filled."""
    seed: int = 0
    minutes: Floats = field(init=False)
    events: Floats = field(init=False)
    """Their number at each minute."""

    def __post_init__(self) -> None:
        minutes = np.arange(0, self.hours * HOUR, MINUTE)
        object.__setattr__(self, "minutes", minutes)
        object.__setattr__(self, "events", np.cumsum(self.rate(minutes / HOUR) * MINUTE))

    @property
    def times(self) -> Floats:
        return self.start + self.minutes

    def simulate_memory(self, *, per_event: float = 0.0, per_hour: float = 0.0) -> Floats:
        """Its resident bytes, with so many lost for each event and in each hour."""
        rng = np.random.default_rng(self.seed)
        lists = self.warm_up * np.minimum(self.events / 5_000, 1)
        garbage = 4 * MB * (self.minutes / (20 * MINUTE) % 1)
        leak = per_event * self.events + per_hour * self.minutes / HOUR
        noise = 0.3 * MB * rng.standard_normal(self.minutes.size)
        return np.asarray(self.base + lists + garbage + leak + noise)

    def build_life(self, in_flight: Floats | None = None) -> ProcessLife:
        return ProcessLife(
            starts=[self.start],
            events=Samples.from_readings(self.times, self.events),
            in_flight=None if in_flight is None else Samples.from_readings(self.times, in_flight),
        )

    def build_series(
        self,
        values: Floats,
        signal: LeakSignal = LeakSignal.RSS,
        *,
        life: ProcessLife | None = None,
    ) -> SignalSeries:
        return SignalSeries(
            signal, "agent-0", Samples.from_readings(self.times, values), life or self.build_life()
        )


def build_series(
    values: Floats, signal: LeakSignal = LeakSignal.RSS, *, step: float = MINUTE
) -> SignalSeries:
    """Readings from moment zero on, of which nothing else is known."""
    return SignalSeries(
        signal, "agent-0", Samples.from_readings(step * np.arange(values.size), values)
    )


def judge_series(series: SignalSeries, *, time: float | None = None) -> LeakFinding:
    """Finding for the last epoch of a series that is a family of its own."""
    return detect_leaks([series], now=time).current[0]
