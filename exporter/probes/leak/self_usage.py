"""Memory, open files and threads of this process, read from /proc and kept in memory."""

import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from exporter.probes.leak.policy import Signal
from exporter.probes.leak.series import Life, Samples, Series

OURSELVES = "slo-probe"
"""Value of the label `replica` for the prober itself."""
_PROC = Path("/proc/self")
_MOST = 20_000
"""Maximum number of readings of a signal, independent of the settings: 320 kB."""


class Own:
    """Last readings of this process; they outlive a reload of the probe.

    Args:
        started: monotonic seconds of the process start, as far as it is known.
    """

    def __init__(self, *, started: float) -> None:
        self._started = started
        self._interval = 60.0
        self._kept = _MOST
        self._readings: dict[Signal, deque[tuple[float, float]]] = {}

    def plan(self, *, interval: float, window: float) -> None:
        """Apply new settings to the readings, existing ones included.

        Args:
            interval: seconds between two readings.
            window: seconds for which readings are kept.
        """
        self._interval = interval
        self._kept = min(int(window / interval) + 1, _MOST)
        self._readings = {
            signal: deque(kept, self._kept) for signal, kept in self._readings.items()
        }

    def note(self, now: float, readings: Mapping[Signal, float]) -> None:
        """Record readings of one moment, by a monotonic clock."""
        for signal, value in readings.items():
            kept = self._readings.setdefault(signal, deque(maxlen=self._kept))
            kept.append((now, value))

    def family(self) -> list[Series]:
        """List the series of all signals, to be examined together."""
        life = Life(starts=[self._started])
        return [
            Series(signal, OURSELVES, Samples.of(*zip(*kept, strict=True)), life, self._interval)
            for signal, kept in self._readings.items()
        ]


def readings() -> dict[Signal, float]:
    """Read memory, open files and threads of this process; empty where there is no /proc."""
    try:
        resident = int((_PROC / "statm").read_text().split()[1])
        return {
            Signal.RSS: float(resident * os.sysconf("SC_PAGE_SIZE")),
            Signal.OPEN_FILES: float(len(os.listdir(_PROC / "fd"))),  # noqa: PTH208 - a count needs no paths
            Signal.THREADS: float(len(os.listdir(_PROC / "task"))),  # noqa: PTH208 - likewise
        }
    except OSError:
        return {}
