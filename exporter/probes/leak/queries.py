"""Series of the target's replicas, queried from Prometheus."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.probes.leak import series
from exporter.probes.leak.policy import Signal
from exporter.probes.leak.series import Life, Samples, Series
from exporter.prometheus import Prometheus, SeriesOf

_MOST = 50
"""Replicas that are examined, the last seen first; a target that scales to zero leaves many."""
_EVERYONE = ""
_EVENTS_SINCE = 7 * 24 * 3600.0
_EVENTS_STEP = 300.0
"""Seconds: a replica with few events takes days to warm up, longer than the window."""


@dataclass(frozen=True, slots=True)
class Queries:
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

    signals: Mapping[Signal, str]
    started: str
    restarts: str
    events: str
    label: str
    window: float
    step: float


async def read_family(prometheus: Prometheus, queries: Queries, *, now: float) -> list[Series]:
    """Fetch the series of every signal of every replica seen in the window.

    Raises:
        RequestError: a query has no result.
    """

    async def asked(
        query: str, window: float = queries.window, step: float = queries.step
    ) -> dict[str, SeriesOf]:
        if not query:
            return {}
        found = await prometheus.range(query, start=now - window, end=now, step=step)
        return _by_replica(found, queries.label)

    begun, restarted = await asked(queries.started), await asked(queries.restarts)
    events = await asked(queries.events, max(queries.window, _EVENTS_SINCE), _EVENTS_STEP)
    signals = {signal: await asked(query) for signal, query in queries.signals.items()}
    return [
        Series(
            signal,
            replica,
            Samples.of(one.times, one.values),
            _life(begun.get(replica), restarted.get(replica), _own_or_common(events, replica)),
            queries.step,
        )
        for signal, replicas in signals.items()
        for replica, one in _last_seen(replicas)
    ]


def _by_replica(found: Iterable[SeriesOf], label: str) -> dict[str, SeriesOf]:
    return {one.labels.get(label, _EVERYONE): one for one in found if one.times}


def _last_seen(replicas: Mapping[str, SeriesOf]) -> list[tuple[str, SeriesOf]]:
    named = [(replica, one) for replica, one in replicas.items() if replica != _EVERYONE]
    return sorted(named, key=lambda each: (-each[1].times[-1], each[0]))[:_MOST]


def _own_or_common(events: Mapping[str, SeriesOf], replica: str) -> SeriesOf | None:
    return events.get(replica) or events.get(_EVERYONE)


def _life(begun: SeriesOf | None, restarted: SeriesOf | None, events: SeriesOf | None) -> Life:
    """Build the known facts of a replica's process: its starts and its events."""
    known = series.of_start_times(Samples.of(begun.times, begun.values)) if begun else []
    if restarted:
        known += series.of_changes(restarted.times, restarted.values)
    return Life(starts=known, events=Samples.of(events.times, events.values) if events else None)
