"""Errors in new series, counted for budgets, for pages and by `increase` over all raw samples."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import counters, prometheus, recording, tsdb
from tests.benchmarks.methods import BenchmarkTarget, ours
from tests.benchmarks.traffic import HOUR, MINUTE, START, InstanceLife, Restart, TrafficShape

_HOURS = 8
_MINUTES = _HOURS * HOUR // MINUTE
_INSTANCES = 3
_SHARE = 5e-3
_COARSE_ERRORS, _FINE_ERRORS = "slo:sli_errors:sum10m", "slo:sli_errors:sum1m"
_COUNTS = ("slo:sli_total:sum10m", "slo:sli_total:sum1m", _COARSE_ERRORS, _FINE_ERRORS)
# Minute of the hour.
_SINGLE_ERRORS = 40


def _compute_traffic(minute: int) -> float:
    """Nothing happens first and last, so that every event is in a step of each tier."""
    return 50 if minute in range(15, _MINUTES - 30) else 0


def _build_births(codes: int) -> InstanceLife:
    return InstanceLife(
        errors_on_demand=True, error_codes=codes, code_minutes=_MINUTES // codes, shows_start=True
    )


def _build_replaced(number: int) -> InstanceLife:
    restarts = range(30 + number * 10, _MINUTES - 30, 30)
    return InstanceLife(
        restarts=tuple(Restart(minute, is_down=False) for minute in restarts),
        errors_on_demand=True,
        is_replaced=True,
        shows_start=True,
    )


def _build_shape(
    description: str,
    build_life: Callable[[int], InstanceLife],
    compute_share: Callable[[int], float] = lambda _: _SHARE,
) -> TrafficShape:
    return TrafficShape(
        description,
        description,
        traffic=_compute_traffic,
        share=compute_share,
        life=lambda number, _: build_life(number),
        minutes=_MINUTES,
    )


_SHAPES = (
    _build_shape("a counter for another error code every hour", lambda _: _build_births(_HOURS)),
    _build_shape(
        "20 % errors for ten minutes, all in new counters",
        lambda _: _build_births(1),
        lambda minute: 0.2 if minute in range(200, 210) else 0,
    ),
    _build_shape(
        "single errors, each the first of its counter",
        lambda _: _build_births(_HOURS),
        lambda minute: 1e-3 if minute % 60 == _SINGLE_ERRORS else 0,
    ),
    _build_shape("pods are replaced every half-hour", _build_replaced),
)


@dataclass(frozen=True, slots=True)
class NewSeriesCount:
    """Relative errors of the counts of one shape, of what samples tell.

    Attributes:
        coarse: of the counts of which budgets are made.
        fine: of the counts of which the windows of pages are made.
        raw: of `increase` over all raw samples.
    """

    description: str
    coarse: float
    fine: float
    raw: float


def count_new_series() -> list[NewSeriesCount]:
    """Count the errors of each shape."""
    return [_count_shape(shape) for shape in _SHAPES]


def _count_shape(shape: TrafficShape) -> NewSeriesCount:
    history = counters.build_service_counters(shape, _INSTANCES)
    length, end = shape.minutes * MINUTE, START + shape.minutes * MINUTE
    errors = sum(c.count_visible(0, length) for c in history if c.metric == counters.ERRORS)
    tasks = [
        task
        for task in recording.build_full_tasks(
            ours.build_method(BenchmarkTarget()), recording.compute_phase
        )
        if task.rule.record in _COUNTS
    ]
    with TemporaryDirectory(prefix="bench-rules-") as temporary:
        folder = Path(temporary)
        tsdb.write_counters(history, folder)
        recording.record_series(tasks, folder, end=end)
        with prometheus.run_prometheus(folder) as server:
            coarse, fine, raw = (
                server.evaluate(f"sum({query}[{_HOURS}h]))", end).value / errors - 1
                for query in (
                    f"sum_over_time({_COARSE_ERRORS}",
                    f"sum_over_time({_FINE_ERRORS}",
                    f"increase({counters.ERRORS}",
                )
            )
    return NewSeriesCount(shape.description, coarse, fine, raw)
