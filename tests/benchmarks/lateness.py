"""Counts of samples that arrive late.

Samples are sent by remote write when they arrive, and each rule is evaluated at its times on what
is there. Its result is written before the next rule is evaluated.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

from generator.model import RecordingRule
from slos.schema.units import Duration
from tests.benchmarks import counters, recording
from tests.benchmarks.methods import BenchmarkTarget, ours
from tests.benchmarks.prometheus import BenchmarkPrometheus
from tests.benchmarks.traffic import MINUTE, START, TrafficShape
from tests.benchmarks.tsdb import find_tool
from tests.e2e.remote_write import FloatSample, Series, run_receiver, write_series

_OUTAGE = range(60, 90)
_SHAPE = TrafficShape(
    "late samples",
    "50 events a second; 20 % errors for half an hour, and none before and after",
    traffic=lambda _: 50,
    share=lambda minute: 0.2 if minute in _OUTAGE else 0,
    minutes=150,
)
_INSTANCES = 3
_COARSE_ERRORS, _FINE_ERRORS = "slo:sli_errors:sum10m", "slo:sli_errors:sum1m"
_COUNTS = ("slo:sli_total:sum10m", "slo:sli_total:sum1m", _COARSE_ERRORS, _FINE_ERRORS)
# Lateness of the samples, and the delay of the spec, in seconds.
_CASES = ((0, 0), (20, 0), (20, 20), (120, 0), (120, 120), (300, 0), (300, 300))


@dataclass(frozen=True, slots=True)
class LateCount:
    """Errors counted of late samples.

    Attributes:
        late: time by which samples arrive late.
        delay: delay of the spec.
        coarse: relative error of the count of which budgets are made.
        fine: relative error of the count of which windows of pages are made.
    """

    late: Duration
    delay: Duration
    coarse: float
    fine: float

    @property
    def is_read_in_time(self) -> bool:
        """Tell whether all samples have arrived when they are read."""
        return self.delay >= self.late


class _LateService:
    """A service whose samples arrive late, and the rules that count them."""

    def __init__(self, number: int, late: Duration, delay: Duration) -> None:
        target = BenchmarkTarget(f"late-{number}")
        self.late, self.delay = late, delay
        self.rules = [
            (rule, recording.get_interval(group))
            for group in ours.build_method(target, delay=str(delay)).groups
            for rule in group.rules
            if isinstance(rule, RecordingRule) and rule.record in _COUNTS
        ]
        history = counters.build_service_counters(_SHAPE, _INSTANCES)
        self.errors = sum(
            each.count_until(_SHAPE.minutes * MINUTE)
            for each in history
            if each.metric == counters.ERRORS
        )
        self._arriving = [
            (
                {"__name__": each.metric, **each.labels, "job": target.job},
                list(each.generate_samples()),
            )
            for each in history
        ]
        self.counted = dict.fromkeys(_COUNTS, 0.0)

    def take_arrived(self, now: int) -> Iterator[Series]:
        """Take the samples that have arrived since the last call."""
        for labels, samples in self._arriving:
            count = next(
                (n for n, (time, _) in enumerate(samples) if time > now - self.late.ms),
                len(samples),
            )
            if count:
                yield labels, [FloatSample(time, value) for time, value in samples[:count]]
                del samples[:count]

    def evaluate_rules(self, server: BenchmarkPrometheus, now: int) -> None:
        """Evaluate the rules that are due."""
        for rule, interval in self.rules:
            if (now - START) % interval:
                continue
            result = server.evaluate(rule.expr, now)
            if not math.isnan(result.value):
                self.counted[rule.record] += result.value
                labels = {"__name__": rule.record, **rule.labels}
                write_series(server.url, [(labels, [FloatSample(now, result.value)])])

    def summarize_counts(self) -> LateCount:
        coarse, fine = (
            self.counted[each] / self.errors - 1 for each in (_COARSE_ERRORS, _FINE_ERRORS)
        )
        return LateCount(self.late, self.delay, coarse, fine)


def count_late_samples() -> list[LateCount]:
    """Count the errors of an outage, for each lateness and delay."""
    services = [
        _LateService(number, Duration.from_parts(seconds=late), Duration.from_parts(seconds=delay))
        for number, (late, delay) in enumerate(_CASES)
    ]
    with (
        TemporaryDirectory(prefix="bench-rules-") as temporary,
        run_receiver(find_tool("prometheus"), Path(temporary)) as url,
        requests.Session() as session,
    ):
        server = BenchmarkPrometheus(url, session)
        for now in range(START, START + _SHAPE.minutes * MINUTE, MINUTE):
            write_series(url, [each for service in services for each in service.take_arrived(now)])
            for service in services:
                service.evaluate_rules(server, now)
    return [service.summarize_counts() for service in services]
