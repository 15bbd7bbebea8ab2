"""Series of signals: of the target's replicas from Prometheus, of this process from /proc."""

import os
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.leakdetection import series
from exporter.leakdetection.policy import LeakSignal
from exporter.leakdetection.series import ProcessLife, Samples, SignalSeries
from exporter.processes import read_process
from exporter.prometheus import PrometheusClient, SampleStream

SELF_REPLICA = "slo-probe"
"""Value of the label `replica` for the prober itself."""
_MAX_READINGS = 20_000
"""Maximum number of readings of a signal, independent of the settings: 320 kB."""
_MAX_REPLICAS = 50
"""Replicas that are examined, the last seen first; a target that scales to zero leaves many."""
_ALL_REPLICAS = ""
_EVENTS_WINDOW = 7 * 24 * 3600.0
_EVENTS_STEP = 300.0
"""Seconds: a replica with few events takes days to warm up, longer than the window."""


@dataclass(frozen=True, slots=True)
class LeakQueries:
    """PromQL queries of the leak probe.

    Attributes:
        signals: a query for each signal.
        start_times: a query for the start times of replicas; empty queries nothing.
        restart_counts: a query for restart counts; empty queries nothing.
        events: a query for a counter of events; empty queries nothing.
        replica_label: the label that identifies a replica; series without it stand for all
            replicas.
        window: seconds to look back.
        step: seconds between two samples.
    """

    signals: Mapping[LeakSignal, str]
    start_times: str
    restart_counts: str
    events: str
    replica_label: str
    window: float
    step: float


async def fetch_series(
    prometheus: PrometheusClient, queries: LeakQueries, *, now: float
) -> list[SignalSeries]:
    """Fetch the series of every signal of every replica seen in the window.

    Raises:
        RequestError: a query has no result.
    """

    async def query_by_replica(
        query: str, window: float = queries.window, step: float = queries.step
    ) -> dict[str, SampleStream]:
        if not query:
            return {}
        found = await prometheus.query_range(query, start=now - window, end=now, step=step)
        return _index_by_replica(found, queries.replica_label)

    start_times, restart_counts = (
        await query_by_replica(queries.start_times),
        await query_by_replica(queries.restart_counts),
    )
    events = await query_by_replica(
        queries.events, max(queries.window, _EVENTS_WINDOW), _EVENTS_STEP
    )
    signals = {signal: await query_by_replica(query) for signal, query in queries.signals.items()}
    return [
        SignalSeries(
            signal,
            replica,
            Samples.from_readings(series.times, series.values),
            _build_life(
                start_times.get(replica),
                restart_counts.get(replica),
                _select_events(events, replica),
            ),
            queries.step,
        )
        for signal, replicas in signals.items()
        for replica, series in _sort_by_last_seen(replicas)
    ]


def _index_by_replica(result: Iterable[SampleStream], label: str) -> dict[str, SampleStream]:
    return {series.labels.get(label, _ALL_REPLICAS): series for series in result if series.times}


def _sort_by_last_seen(replicas: Mapping[str, SampleStream]) -> list[tuple[str, SampleStream]]:
    named = [(replica, series) for replica, series in replicas.items() if replica != _ALL_REPLICAS]
    return sorted(named, key=lambda each: (-each[1].times[-1], each[0]))[:_MAX_REPLICAS]


def _select_events(events: Mapping[str, SampleStream], replica: str) -> SampleStream | None:
    return events.get(replica) or events.get(_ALL_REPLICAS)


def _build_life(
    start_times: SampleStream | None,
    restart_counts: SampleStream | None,
    events: SampleStream | None,
) -> ProcessLife:
    """Build the known facts of a replica's process: its starts and its events."""
    starts_at = (
        series.list_start_times(Samples.from_readings(start_times.times, start_times.values))
        if start_times
        else []
    )
    if restart_counts:
        starts_at += series.find_change_times(restart_counts.times, restart_counts.values)
    return ProcessLife(
        starts=starts_at,
        events=Samples.from_readings(events.times, events.values) if events else None,
    )


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
