"""Memory, open files and threads of this process, read from /proc and kept in memory."""

import os
from collections import deque
from collections.abc import Mapping

from exporter.leakdetection.policy import LeakSignal
from exporter.leakdetection.series import ProcessLife, Samples, SignalSeries
from exporter.processes import read_process

SELF_REPLICA = "slo-probe"
"""Value of the label `replica` for the prober itself."""
_MAX_READINGS = 20_000
"""Maximum number of readings of a signal, independent of the settings: 320 kB."""


class SelfUsage:
    """Last readings of this process; they outlive a reload of the probe.

    Args:
        started: monotonic seconds of the process start, as far as it is known.
    """

    def __init__(self, *, started: float) -> None:
        self._started = started
        self._interval = 60.0
        self._capacity = _MAX_READINGS
        self._readings: dict[LeakSignal, deque[tuple[float, float]]] = {}

    def configure(self, *, interval: float, window: float) -> None:
        """Apply new settings to the readings, existing ones included.

        Args:
            interval: seconds between two readings.
            window: seconds for which readings are kept.
        """
        self._interval = interval
        self._capacity = min(int(window / interval) + 1, _MAX_READINGS)
        self._readings = {
            signal: deque(samples, self._capacity) for signal, samples in self._readings.items()
        }

    def record(self, now: float, readings: Mapping[LeakSignal, float]) -> None:
        """Record readings of one moment, by a monotonic clock."""
        for signal, value in readings.items():
            samples = self._readings.setdefault(signal, deque(maxlen=self._capacity))
            samples.append((now, value))

    def list_series(self) -> list[SignalSeries]:
        """List the series of all signals, to be examined together."""
        life = ProcessLife(starts=[self._started])
        return [
            SignalSeries(
                signal,
                SELF_REPLICA,
                Samples.from_readings(*zip(*samples, strict=True)),
                life,
                self._interval,
            )
            for signal, samples in self._readings.items()
        ]


def read_usage() -> dict[LeakSignal, float]:
    """Read memory, open files and threads of this process; empty where there is no /proc."""
    usage = read_process(os.getpid())
    if usage is None or usage.open_files is None:
        return {}
    return {
        LeakSignal.RSS: float(usage.rss),
        LeakSignal.OPEN_FILES: float(usage.open_files),
        LeakSignal.THREADS: float(usage.threads),
    }
