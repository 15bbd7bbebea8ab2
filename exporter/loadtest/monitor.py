"""Monitor of a scenario run: counts, progress and series of readings over time."""

import asyncio
import os
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exporter.loadtest.quantiles import estimate_quantile
from exporter.model.run import Run
from exporter.processes import read_process
from exporter.schedule.clock import Clock
from slos.schema.contract import Stage

SAMPLE_INTERVAL = 1.0
"""Seconds between two readings of a short run."""
_MAX_READINGS = 5_000
"""Readings of a long run: 24 hours give one in 17 seconds."""
_RECENT = 200
"""Events whose latency and rate are shown as progress."""
_COLUMNS = ("t", "sent", "judged", "in_flight", "prober_cpu", "prober_rss")
_PROCESS_COLUMNS = ("t", "cpu", "rss", "open_files", "threads", "run_delay")
_PLACES = 3

Columns = dict[str, list[float | None]]


@dataclass
class _WatchedProcess:
    """Process that is read, with its last reading of the CPU time."""

    pid: int
    name: str
    replica: str
    columns: Columns = field(
        default_factory=lambda: {name: [] for name in _PROCESS_COLUMNS},
    )
    last: tuple[float, float] | None = None
    last_delay: tuple[float, float] | None = None

    def read(self, now: float) -> None:
        """Add a reading, unless the process has ended."""
        usage = read_process(self.pid)
        if usage is None:
            return
        cpu = _measure_rate(self.last, (now, usage.cpu_seconds))
        self.last = (now, usage.cpu_seconds)
        delay = None
        if usage.run_delay is not None:
            delay = _measure_rate(self.last_delay, (now, usage.run_delay))
            self.last_delay = (now, usage.run_delay)
        readings = (now, cpu, usage.rss, usage.open_files, usage.threads, delay)
        for name, value in zip(_PROCESS_COLUMNS, readings, strict=True):
            self.columns[name].append(value if value is None else round(value, _PLACES))


class RunMonitor:
    """Monitor of one run. Its times count from the start of the run.

    Args:
        clock: clock of the readings.
        elapsed: seconds since the start of a run that is resumed.
        expected: seconds that the run should take, for the interval of the readings.
        compress: factor by which the run is shortened; the readings come that much closer.
    """

    def __init__(
        self, clock: Clock, *, elapsed: float = 0.0, expected: float = 0.0, compress: float = 1.0
    ) -> None:
        self._clock = clock
        self._started = clock.now() - elapsed
        self.interval = max(SAMPLE_INTERVAL / max(1.0, compress / 60), expected / _MAX_READINGS)
        self.verdicts: Counter[str] = Counter()
        self.sent = self.in_flight = self._peak = 0
        self._recent: deque[tuple[float, Run]] = deque(maxlen=_RECENT)
        self._columns: Columns = {name: [] for name in _COLUMNS}
        self._own = _WatchedProcess(os.getpid(), "slo-probe", "")
        self._processes: dict[int, _WatchedProcess] = {}
        self._marks: list[dict[str, Any]] = []
        self._replicas: Columns = {"t": [], "ready": []}
        self.health: Columns = {"t": [], "seconds": []}

    @property
    def now(self) -> float:
        """Seconds since the start of the run."""
        return self._clock.now() - self._started

    @property
    def judged(self) -> int:
        """Number of events that have their verdict."""
        return self.verdicts.total()

    def note_sent(self) -> None:
        """Note that an event is in flight."""
        self.sent += 1
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def note_judged(self, run: Run) -> None:
        """Note that an event has its verdict."""
        self.in_flight -= 1
        self.verdicts[run.verdict.value] += 1
        self._recent.append((self.now, run))

    def take_peak(self) -> int:
        """Return the most events in flight since the last call."""
        peak, self._peak = self._peak, self.in_flight
        return peak

    def watch_process(self, pid: int, *, name: str, replica: str = "") -> None:
        """Read a process of this machine from now on."""
        self._processes.setdefault(pid, _WatchedProcess(pid, name, replica or name))

    def add_mark(self, text: str) -> None:
        """Note what was done to the target, such as a scaling."""
        self._marks.append({"t": round(self.now, _PLACES), "text": text})

    def note_replicas(self, ready: int) -> None:
        """Note the number of ready replicas."""
        self._replicas["t"].append(round(self.now, _PLACES))
        self._replicas["ready"].append(ready)

    async def watch(self) -> None:
        """Take readings until cancelled."""
        while True:
            self.read()
            await asyncio.sleep(self.interval)

    def read(self) -> None:
        """Take one reading of everything."""
        now = self.now
        self._own.read(now)
        for process in self._processes.values():
            process.read(now)
        own = self._own.columns
        cpu, rss = (column[-1] if column else None for column in (own["cpu"], own["rss"]))
        readings = (round(now, _PLACES), self.sent, self.judged, self.in_flight, cpu, rss)
        for name, value in zip(_COLUMNS, readings, strict=True):
            self._columns[name].append(value)

    def measure_own_cpu(self, begin: float, end: float) -> float | None:
        """Measure the mean CPU use of the prober in a time; None without a reading in it."""
        found = [
            cpu
            for t, cpu in zip(self._columns["t"], self._columns["prober_cpu"], strict=True)
            if t is not None and cpu is not None and begin < t <= end
        ]
        return round(sum(found) / len(found), _PLACES) if found else None

    def describe_progress(self) -> dict[str, Any]:
        """Describe the progress: counts, rate and p95 of the last events."""
        recent = list(self._recent)
        stages = [run.stages for _, run in recent]
        times = [each[Stage.END_TO_END] for each in stages if Stage.END_TO_END in each]
        span = recent[-1][0] - recent[0][0] if recent else 0.0
        return {
            "elapsed": round(self.now, 1),
            "sent": self.sent,
            "in_flight": self.in_flight,
            "verdicts": dict(self.verdicts),
            "rate": round((len(recent) - 1) / span, 2) if span > 0 else None,
            "p95": estimate_quantile(times, 0.95).value,
        }

    def to_series(self) -> Mapping[str, Any]:
        """Return the readings of the prober."""
        return {"interval": self.interval, "columns": self._columns}

    def list_processes(self) -> list[Mapping[str, Any]]:
        """List the readings of the processes of the target."""
        return [
            {
                "name": process.name,
                "replica": process.replica,
                "source": "/proc",
                "columns": process.columns,
            }
            for process in self._processes.values()
        ]

    @property
    def marks(self) -> list[dict[str, Any]]:
        """The marks so far."""
        return self._marks

    @property
    def replicas(self) -> Columns | None:
        """The numbers of ready replicas; None where they were not read."""
        return self._replicas if self._replicas["t"] else None


def _measure_rate(last: tuple[float, float] | None, current: tuple[float, float]) -> float | None:
    if last is None or current[0] <= last[0]:
        return None
    return (current[1] - last[1]) / (current[0] - last[0])
