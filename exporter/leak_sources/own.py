"""What this process itself holds on to, read from /proc and kept in memory."""

import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from exporter.leaks import Life, Samples, Series, Signal

OURSELVES = "slo-probe"
"""The label `replica` of the prober."""
_PROC = Path("/proc/self")
_MOST = 20_000
"""Readings kept of a signal, whatever the settings ask for: 320 kB."""


class Own:
    """Readings of one process, the last so many; they outlive the probe that takes them.

    Args:
        started: monotonic seconds at which the process began, as far as we know.
    """

    def __init__(self, *, started: float) -> None:
        self._started = started
        self._interval = 60.0
        self._kept = _MOST
        self._readings: dict[Signal, deque[tuple[float, float]]] = {}

    def plan(self, *, interval: float, window: float) -> None:
        """Keep readings by other settings from now on, those there are included.

        Args:
            interval: seconds between two readings.
            window: seconds that are kept.
        """
        self._interval = interval
        self._kept = min(int(window / interval) + 1, _MOST)
        self._readings = {
            signal: deque(kept, self._kept) for signal, kept in self._readings.items()
        }

    def note(self, now: float, readings: Mapping[Signal, float]) -> None:
        """Keep readings of one moment, by a clock that does not jump."""
        for signal, value in readings.items():
            kept = self._readings.setdefault(signal, deque(maxlen=self._kept))
            kept.append((now, value))

    def family(self) -> list[Series]:
        """All signals, to be judged together."""
        life = Life(starts=[self._started])
        return [
            Series(signal, OURSELVES, Samples.of(*zip(*kept, strict=True)), life, self._interval)
            for signal, kept in self._readings.items()
        ]


def readings() -> dict[Signal, float]:
    """Memory, files and threads of this process now; nothing where there is no /proc."""
    try:
        resident = int((_PROC / "statm").read_text().split()[1])
        return {
            Signal.RSS: float(resident * os.sysconf("SC_PAGE_SIZE")),
            Signal.OPEN_FILES: float(len(os.listdir(_PROC / "fd"))),  # noqa: PTH208 - a count needs no paths
            Signal.THREADS: float(len(os.listdir(_PROC / "task"))),  # noqa: PTH208 - likewise
        }
    except OSError:
        return {}
