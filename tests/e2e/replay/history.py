"""Series of scrapes, in the notation of promtool's unit tests."""

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.registry import Collector

SCRAPE_INTERVAL = 30.0

_MISSING, _STALE = "_", "stale"


class History:
    """Values of series, one per scrape. A value stays until it is changed.

    Args:
        metrics: the metrics that are kept; all others are dropped, as nothing reads them.
    """

    def __init__(self, metrics: Iterable[str]) -> None:
        self._metrics = frozenset(metrics)
        self._changes: dict[str, list[tuple[int, str]]] = {}
        self._gaps: list[range] = []

    def keeps(self, metric: str) -> bool:
        """Return whether the series of a metric are kept."""
        return metric in self._metrics

    def set_value(self, number: int, series: str, value: str) -> None:
        """Set the value of a series from a scrape on."""
        changes = self._changes.setdefault(series, [])
        if not changes or changes[-1][1] != value:
            changes.append((number, value))

    def end_series(self, number: int, label: str) -> None:
        """End the series with a label, as the scrape of a target that is gone does.

        Prometheus writes a marker, which rules see at once.
        """
        for series, changes in self._changes.items():
            if label in series and changes[-1][1] != _MISSING:
                changes += [(number, _STALE), (number + 1, _MISSING)]

    def leave_out(self, scrapes: range) -> None:
        """Leave out some scrapes of all targets, as Prometheus does while it is down."""
        self._gaps.append(scrapes)

    def render(self, scrapes: range) -> list[dict[str, str]]:
        """Render the series as `input_series` of a test that begins with the first scrape."""
        rendered = []
        for series, changes in self._changes.items():
            words = list(self._list_words(changes, scrapes))
            if not all(word.startswith(_MISSING) for word in words):
                rendered.append({"series": series, "values": " ".join(words)})
        return rendered

    def _list_words(self, changes: list[tuple[int, str]], scrapes: range) -> Iterator[str]:
        ends = [number for number, _ in changes[1:]] + [scrapes.stop]
        spans = [(0, changes[0][0], _MISSING)]
        spans += [(start, end, value) for (start, value), end in zip(changes, ends, strict=True)]
        for start, end, value in spans:
            for first, last, is_gap in self._split_at_gaps(max(start, scrapes.start), end):
                if last > first:
                    yield _format_words(_MISSING if is_gap else value, last - first)

    def _split_at_gaps(self, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        for gap in self._gaps:
            first, last = max(gap.start, start), min(gap.stop, end)
            if last > first:
                yield start, first, False
                yield first, last, True
                start = last
        yield start, end, False


def _format_words(value: str, count: int) -> str:
    if value == _STALE:
        return " ".join([_STALE] * count)
    if value == _MISSING:
        return f"_x{count}"
    return f"{value}x{count - 1}"


class Scraper:
    """Reader of the series of a registry that changed since the last scrape.

    Args:
        registry: the registry.
        history: the history that gets the series.
        target: labels that Prometheus gives to the target.
    """

    def __init__(self, registry: CollectorRegistry, history: History, target: str) -> None:
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
        self._history.set_value(number, f"up{{{self._target}}}", "1")
        for collector in self._collectors:
            for name, labels, value in self._list_samples(collector):
                if self._history.keeps(name):
                    own = "".join(f'{label}="{text}",' for label, text in labels.items())
                    series = f"{name}{{{own}{self._target}}}"
                    self._history.set_value(number, series, f"{value:.12g}")

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
