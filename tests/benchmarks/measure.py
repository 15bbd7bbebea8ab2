"""One service under one shape of traffic: every method's period ratio, and what it costs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from generator.model import RecordingRule, Rule, RuleGroup
from tests.benchmarks import counters, prometheus, recording, tsdb
from tests.benchmarks.methods import Method, Target, ours, pyrra, sloth
from tests.benchmarks.shapes import MINUTES, Shape
from tests.benchmarks.timeline import END, HOUR, PERIOD, START, beat

# A cold cache or a busy neighbour is no property of a rule: the best of some runs counts.
_RUNS = 3


@dataclass(frozen=True, slots=True)
class RuleCost:
    """What one rule costs.

    Attributes:
        samples: read by one evaluation.
        seconds: that it takes.
    """

    name: str
    group: str
    samples: int
    an_hour: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """One method under one shape with a number of instances.

    Attributes:
        ratio: of the period, as the method has it at its end; NaN when it has none.
        truth: what really happened in the period.
        samples: read by one evaluation of the period's rules.
        seconds: that this takes.
        samples_an_hour: read by all rules of the SLO.
        costs: the rules one by one.
        tolerance: the relative error that a right method may show; None where none is promised.
    """

    shape: str
    instances: int
    method: str
    ratio: float
    truth: float
    samples: int
    seconds: float
    samples_an_hour: float
    costs: tuple[RuleCost, ...]
    tolerance: float | None

    @property
    def error(self) -> float:
        """Relative to the truth; infinite when there is no value."""
        return math.inf if math.isnan(self.ratio) else self.ratio / self.truth - 1


def methods(target: Target) -> list[Method]:
    """All that are compared, ours first."""
    return [
        ours.method(target),
        sloth.default(target),
        sloth.raw(target),
        pyrra.default(target),
        pyrra.performance(target),
    ]


def measure(
    shape: Shape,
    instances: int,
    *,
    minutes: int = MINUTES,
    end: int = END,
    compared: Sequence[Method] | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """Build the data, run the rules over it, and evaluate each once more at the end."""
    compared = methods(Target()) if compared is None else compared
    with TemporaryDirectory(prefix="bench-rules-") as temporary:
        folder = Path(temporary)
        say("building the counters")
        history = counters.service(shape, instances, minutes)
        tsdb.write_counters(history, folder)
        tasks = [task for method in compared for task in recording.tasks_of(method, end)]
        recording.record(tasks, folder, end=end, say=say)
        truth = counters.truth(history, max(end - PERIOD, START), end)
        del history
        say("evaluating the rules")
        with prometheus.running(folder) as server:
            rows = [
                _row(shape, instances, method, truth, server=server, end=end) for method in compared
            ]
    say("done")
    return rows


def _row(
    shape: Shape,
    instances: int,
    method: Method,
    truth: float,
    *,
    server: prometheus.Prometheus,
    end: int,
) -> Row:
    costs = tuple(
        _cost(rule, group, server, end) for group in method.groups for rule in group.rules
    )
    names = {name for record in method.period for name in recording.together_with(record, method)}
    period = [cost for cost in costs if cost.name in names]
    return Row(
        shape=shape.name,
        instances=instances,
        method=method.name,
        ratio=server.at(method.ratio, end).value,
        truth=truth,
        samples=sum(cost.samples for cost in period),
        seconds=sum(cost.seconds for cost in period),
        samples_an_hour=sum(cost.an_hour for cost in costs),
        costs=costs,
        tolerance=shape.tolerance,
    )


def _cost(rule: Rule, group: RuleGroup, server: prometheus.Prometheus, end: int) -> RuleCost:
    at = beat(recording.phase_of(group), recording.interval_of(group), until=end)
    answers = [server.at(rule.expr, at) for _ in range(_RUNS)]
    samples = answers[0].samples
    return RuleCost(
        name=rule.record if isinstance(rule, RecordingRule) else rule.alert,
        group=group.name,
        samples=samples,
        an_hour=samples * HOUR / recording.interval_of(group),
        seconds=min(answer.seconds for answer in answers),
    )
