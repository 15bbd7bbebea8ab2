"""Computation of recorded series: each rule over the past, after those whose series it reads.

The server evaluates what reads raw series. A temporary Prometheus evaluates the rest over the
results and over what is recorded already, so that every function is that of Prometheus.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from generator.backfill.expressions import split_expression
from generator.backfill.samples import SeriesByLabels, mark_ends, pair_samples, relabel_series
from generator.backfill.tasks import RuleTask
from generator.clients.range_queries import RangeReader
from generator.clients.temporary_prometheus import TemporaryPrometheus
from slos.schema.promql import compute_lookback_ms

_PART = "backfill:part"


@dataclass(frozen=True, slots=True)
class Computation:
    """Computation of the series of some tasks.

    Attributes:
        raw: reader of the server, which may answer what an interrupted run has read.
        recorded: reader of the server without such answers.
        store: Prometheus that has what was computed.
        metrics: metrics that the rules record.
        end: time of the end of the backfill.
    """

    raw: RangeReader
    recorded: RangeReader
    store: TemporaryPrometheus
    metrics: AbstractSet[str]
    end: int

    def compute_task(self, number: int, task: RuleTask) -> None:
        """Compute the series of a task and write them to the store.

        Raises:
            APIError: a request fails.
        """
        split = split_expression(
            task.rule.expr, self.metrics, lambda part: f"{_PART}{number}:{part}"
        )
        if split.parts.keys() == {split.text}:
            computed = _evaluate(self.raw, split.parts[split.text], task)
        else:
            for metric, query in split.parts.items():
                part = _evaluate(self.raw, query, task)
                self._write(relabel_series(part, metric, {}), task)
            computed = _evaluate(self.store.reader, split.text, task)
        self._write(relabel_series(computed, task.rule.record, task.rule.labels), task)

    def copy_recorded(self, task: RuleTask, tasks: Sequence[RuleTask]) -> None:
        """Copy what is recorded of a task to the store, as far as other tasks read it.

        Raises:
            APIError: a request fails.
        """
        readers = [each for each in tasks if each.times and task.rule.record in each.reads]
        if task.first_sample is None or not readers:
            return
        lookback = max(compute_lookback_ms(each.rule.expr) for each in readers)
        start = min(each.times[0] for each in readers) - lookback - task.interval
        if task.times:
            start = max(start, task.first_sample)
        series = self.recorded.read_samples(task.selector, start - 1, self.end)
        self._write(pair_samples(series), task)

    def _write(self, series: SeriesByLabels, task: RuleTask) -> None:
        """Write series to the store, with a marker where one ends, as rules do."""
        first = task.times.stop if task.times else self.end
        self.store.write_series(
            (
                dict(labels),
                mark_ends(
                    samples,
                    task.interval,
                    self.end if samples[-1][0] >= first or task.first_sample is None else first,
                ),
            )
            for labels, samples in series.items()
            if samples
        )


def read_computed(
    store: TemporaryPrometheus, task: RuleTask, start: int, end: int
) -> SeriesByLabels:
    """Read what was computed of a task from one time up to before another.

    Raises:
        APIError: a request fails.
    """
    start, end = max(start, task.times.start), min(end, task.times.stop)
    if start >= end:
        return {}
    return pair_samples(store.reader.read_samples(task.series, start - 1, end - 1))


def _evaluate(reader: RangeReader, query: str, task: RuleTask) -> SeriesByLabels:
    return pair_samples(reader.evaluate_range(query, task.times))
