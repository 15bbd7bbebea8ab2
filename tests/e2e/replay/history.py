"""Series of scrapes."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.registry import Collector

from tests.benchmarks.traffic import START

SCRAPE_INTERVAL = 30.0
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""Value by which Prometheus marks the end of a series."""

Labels = tuple[tuple[str, str], ...]


def to_time(scrape: int) -> int:
    """Return the time of a scrape in milliseconds."""
    return START + round(scrape * SCRAPE_INTERVAL * 1000)


class History:
    """Values of series, one per scrape. A value stays until it is changed.

    Args:
        metrics: the metrics that are kept; all others are dropped, as nothing reads them.
    """

    def __init__(self, metrics: Iterable[str]) -> None:
        self._metrics = frozenset(metrics)
        self._changes: dict[Labels, list[tuple[int, float | None]]] = {}
        self._gaps: list[range] = []

    def keeps(self, metric: str) -> bool:
        """Return whether the series of a metric are kept."""
        return metric in self._metrics

    def set_value(self, number: int, metric: str, labels: Mapping[str, str], value: float) -> None:
        """Set the value of a series from a scrape on."""
        present = {name: each for name, each in labels.items() if each}
        series = tuple(sorted({**present, "__name__": metric}.items()))
        changes = self._changes.setdefault(series, [])
        if not changes or changes[-1][1] != value:
            changes.append((number, value))

    def end_series(self, number: int, label: tuple[str, str]) -> None:
        """End the series with a label, as the scrape of a target that is gone does.

        Prometheus writes a marker, which rules see at once.
        """
        for series, changes in self._changes.items():
            if label in series and changes[-1][1] is not None:
                changes += [(number, STALE), (number + 1, None)]

    def leave_out(self, scrapes: range) -> None:
        """Leave out some scrapes of all targets, as Prometheus does while it is down."""
        self._gaps.append(scrapes)

    def list_samples(self, scrapes: range) -> Iterator[tuple[Labels, list[tuple[int, float]]]]:
        """List every series with its samples, in milliseconds from the first of the scrapes."""
        left_out = {number for gap in self._gaps for number in gap}
        for series, changes in self._changes.items():
            samples: list[tuple[int, float]] = []
            ends = [number for number, _ in changes[1:]] + [scrapes.stop]
            for (start, value), end in zip(changes, ends, strict=True):
                if value is not None:
                    samples += [
                        (to_time(number - scrapes.start), value)
                        for number in range(max(start, scrapes.start), min(end, scrapes.stop))
                        if number not in left_out
                    ]
            if samples:
                yield series, samples


class Scraper:
    """Reader of the series of a registry that changed since the last scrape.

    Args:
        registry: the registry.
        history: the history that gets the series.
        target: labels that Prometheus gives to the target.
    """

    def __init__(
        self, registry: CollectorRegistry, history: History, target: Mapping[str, str]
    ) -> None:
        self._collectors = [
            each
            for each, names in registry._collector_to_names.items()
            if any(map(history.keeps, names))
        ]
        self._history = history
        self._target = target
        self._sums: dict[int, float] = {}

    def scrape(self, number: int) -> None:
        """Add a scrape."""
        self._history.set_value(number, "up", self._target, 1)
        for collector in self._collectors:
            for name, labels, value in self._list_samples(collector):
                if self._history.keeps(name):
                    self._history.set_value(number, name, {**labels, **self._target}, value)

    def _list_samples(self, collector: Collector) -> Iterator[tuple[str, dict[str, str], float]]:
        if isinstance(collector, Histogram):
            yield from self._list_changed_buckets(collector)
            return
        for metric in collector.collect():
            yield from ((each.name, each.labels, each.value) for each in metric.samples)

    def _list_changed_buckets(
        self, histogram: Histogram
    ) -> Iterator[tuple[str, dict[str, str], float]]:
        """List the samples of the children that have changed.

        To render all of them at each scrape takes most of a replay, and the library has no public
        way to tell which have changed.
        """
        children: dict[tuple[str, ...], Any] = histogram._metrics  # type: ignore[assignment]
        for values, child in children.items():
            total = child._sum.get()
            if self._sums.get(id(child)) != total:
                self._sums[id(child)] = total
                labels = dict(zip(histogram._labelnames, values, strict=True))
                for sample in child._child_samples():
                    name = f"{histogram._name}{sample.name}"
                    yield name, labels | sample.labels, sample.value
