"""One service under one shape of traffic: every method's period ratio, and what it costs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from generator.model import RecordingRule, Rule, RuleGroup
from tests.benchmarks import counters, prometheus, recording, tsdb
from tests.benchmarks.counters import SyntheticCounter
from tests.benchmarks.methods import BenchmarkTarget, Method, ours, pyrra, sloth
from tests.benchmarks.traffic import (
    HOUR,
    MINUTE,
    PERIOD,
    START,
    TrafficShape,
    find_evaluation,
)

# A cold cache or a busy neighbour is no property of a rule: the best of some runs counts.
_RUNS = 3


@dataclass(frozen=True, slots=True)
class RuleCost:
    """Cost of one rule.

    Attributes:
        samples: read by one evaluation.
        seconds: that it takes.
    """

    name: str
    group: str
    samples: int
    samples_per_hour: float
    seconds: float


@dataclass(frozen=True, slots=True)
class PeriodTruth:
    """True ratio of a period.

    Attributes:
        ratio: of all events.
        visible: of the events that samples tell of; in a history that is shorter than the period,
            until the end of the newest count of the method.
        is_whole: whether the history is as long as the period.
    """

    ratio: float
    visible: float
    is_whole: bool


@dataclass(frozen=True, slots=True)
class MethodMeasurement:
    """One method under one shape with a number of instances.

    Attributes:
        ratio: of the period, as the method has it at its end; NaN when it has none.
        truth: what really happened in the period.
        visible: what its samples tell of it at best, see `PeriodTruth`.
        samples: read by one evaluation of the period's rules.
        seconds: that this takes.
        samples_per_hour: read by all rules of the SLO.
        costs: the rules one by one.
        tolerance: the relative error that a right method may show; None where none is promised.
        has_new_series: whether counters appear with their first events.
        is_whole: whether the history is as long as the period.
    """

    shape: str
    instances: int
    method: str
    ratio: float
    truth: float
    visible: float
    samples: int
    seconds: float
    samples_per_hour: float
    costs: tuple[RuleCost, ...]
    tolerance: float | None
    has_new_series: bool = False
    is_whole: bool = True

    @property
    def error(self) -> float:
        """Relative to the truth; infinite when there is no value."""
        return self._compute_error(self.truth)

    @property
    def visible_error(self) -> float:
        """Relative to what the samples tell."""
        return self._compute_error(self.visible)

    def _compute_error(self, truth: float) -> float:
        return math.inf if math.isnan(self.ratio) else self.ratio / truth - 1


def list_methods(target: BenchmarkTarget) -> list[Method]:
    """All that are compared, ours first."""
    return [
        ours.build_method(target),
        sloth.build_default(target),
        sloth.build_raw(target),
        pyrra.build_default(target),
        pyrra.build_performance(target),
    ]


def measure_methods(
    shape: TrafficShape,
    instances: int,
    *,
    end: int | None = None,
    compared_methods: Sequence[Method] | None = None,
    print_line: Callable[[str], None] = lambda _: None,
) -> list[MethodMeasurement]:
    """Build the data, run the rules over it, and evaluate each once more at the end."""
    end = START + shape.minutes * MINUTE if end is None else end
    compared_methods = (
        list_methods(BenchmarkTarget(has_missing_term=shape.has_missing_term))
        if compared_methods is None
        else compared_methods
    )
    with TemporaryDirectory(prefix="bench-rules-") as temporary:
        folder = Path(temporary)
        print_line("building the counters")
        history = counters.build_service_counters(shape, instances)
        tsdb.write_counters(history, folder)
        tasks = [task for method in compared_methods for task in recording.build_tasks(method, end)]
        recording.record_series(tasks, folder, end=end, print_line=print_line)
        truths = [_measure_truth(history, method, end) for method in compared_methods]
        del history
        print_line("evaluating the rules")
        with prometheus.run_prometheus(folder) as server:
            rows = [
                _measure_method(shape, instances, method, truth, server=server, end=end)
                for method, truth in zip(compared_methods, truths, strict=True)
            ]
    print_line("done")
    return rows


def _measure_truth(history: Sequence[SyntheticCounter], method: Method, end: int) -> PeriodTruth:
    is_whole = end - START >= PERIOD
    start = end - PERIOD if is_whole else START
    counted_end = end if is_whole else _find_counted_end(method, end)
    return PeriodTruth(
        counters.compute_error_ratio(history, start, end),
        counters.compute_visible_ratio(history, start, counted_end),
        is_whole=is_whole,
    )


def _find_counted_end(method: Method, end: int) -> int:
    """Find the end of the newest count; methods without counts read up to the evaluation."""
    for group in method.groups:
        if any(isinstance(r, RecordingRule) and r.record == method.counts for r in group.rules):
            phase, interval = recording.compute_phase(group), recording.get_interval(group)
            return find_evaluation(phase, interval, end=end) - method.delay
    return end


def _measure_method(
    shape: TrafficShape,
    instances: int,
    method: Method,
    truth: PeriodTruth,
    *,
    server: prometheus.BenchmarkPrometheus,
    end: int,
) -> MethodMeasurement:
    costs = tuple(
        _measure_rule(rule, group, server, end) for group in method.groups for rule in group.rules
    )
    names = {
        name for record in method.period for name in recording.find_instant_inputs(record, method)
    }
    period = [cost for cost in costs if cost.name in names]
    return MethodMeasurement(
        shape=shape.name,
        instances=instances,
        method=method.name,
        ratio=server.evaluate(method.ratio, end).value,
        truth=truth.ratio,
        visible=truth.visible,
        samples=sum(cost.samples for cost in period),
        seconds=sum(cost.seconds for cost in period),
        samples_per_hour=sum(cost.samples_per_hour for cost in costs),
        costs=costs,
        tolerance=shape.tolerance,
        has_new_series=shape.has_new_series,
        is_whole=truth.is_whole,
    )


def _measure_rule(
    rule: Rule, group: RuleGroup, server: prometheus.BenchmarkPrometheus, end: int
) -> RuleCost:
    time = find_evaluation(recording.compute_phase(group), recording.get_interval(group), end=end)
    answers = [server.evaluate(rule.expr, time) for _ in range(_RUNS)]
    samples = answers[0].samples
    return RuleCost(
        name=rule.record if isinstance(rule, RecordingRule) else rule.alert,
        group=group.name,
        samples=samples,
        samples_per_hour=samples * HOUR / recording.get_interval(group),
        seconds=min(answer.seconds for answer in answers),
    )
