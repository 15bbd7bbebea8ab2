"""How the memory of a process without a leak may look: the shapes that must not be called one.

All are of a process that holds 150 MB, read once a minute, in MB. The figures were chosen once,
so that detectors and procedure do on them as they are known to do; what a real agent shows
(107 MB at start, 13 MB more while lists fill, 160 to 190 MB after a flood) lies within.
"""

from collections.abc import Callable
from math import pi

import numpy as np
from scipy.signal import lfilter

from exporter.leaks.series import Floats

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
