"""Estimate of a backfill: samples and time, from the last hour of each query."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from generator.backfill.expressions import split_expression
from generator.backfill.tasks import RuleTask
from generator.clients.range_queries import RangeReader

_HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Estimate for the rules of an SLO.

    Attributes:
        slo: id of the SLO; the name of the group for rules of none.
        start: time of the first evaluation.
        end: time of the last evaluation.
        samples: samples that are computed.
        seconds: time in which the server evaluates its part.
        has_data: whether the server has raw series of the last hour; true where none are read.
    """

    slo: str
    start: int
    end: int
    samples: int
    seconds: float
    has_data: bool


def estimate_tasks(
    tasks: Iterable[RuleTask], reader: RangeReader, metrics: AbstractSet[str]
) -> Iterator[Estimate]:
    """Estimate the tasks of each SLO that has something to compute.

    Raises:
        APIError: a request fails.
    """
    by_slo: dict[str, list[RuleTask]] = {}
    for task in tasks:
        if task.times:
            by_slo.setdefault(task.slo, []).append(task)
    for slo, group in by_slo.items():
        yield _estimate_slo(slo, group, reader, metrics)


def _estimate_slo(
    slo: str, tasks: Sequence[RuleTask], reader: RangeReader, metrics: AbstractSet[str]
) -> Estimate:
    seconds = 0.0
    series: dict[int, int] = {}
    for number, task in enumerate(tasks):
        parts = split_expression(task.rule.expr, metrics, lambda part: f"part{part}").parts
        if parts:
            series[number], spent = _evaluate_last_hour(task, parts, reader)
            seconds += spent
    per_slo = max(series.values(), default=1)
    return Estimate(
        slo,
        min(task.times[0] for task in tasks),
        max(task.times[-1] for task in tasks),
        sum(
            len(task.times) * series.get(number, per_slo if task.reads else 1)
            for number, task in enumerate(tasks)
        ),
        seconds,
        per_slo > 0,
    )


def _evaluate_last_hour(
    task: RuleTask, parts: Mapping[str, str], reader: RangeReader
) -> tuple[int, float]:
    """Evaluate the last hour of the parts of a task; return series, and seconds of all times."""
    times = task.times[-(_HOUR // task.interval or 1) :]
    began = time.monotonic()
    found = [len(reader.evaluate_range(query, times)) for query in parts.values()]
    return max(found), (time.monotonic() - began) * len(task.times) / len(times)
