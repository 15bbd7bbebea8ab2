"""Counters with known values: the counts of instances, and their scraped samples."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.benchmarks.traffic import MINUTE, MINUTES, SCRAPE, START, InstanceLife, TrafficShape

# A prime, so that over many steps every place within a step is as likely as any other.
_STRIDE = 36_529
TOTAL, ERRORS = "http_requests_total", "http_request_errors_total"


@dataclass(frozen=True, slots=True)
class ProcessRun:
    """One run of a process: it counts from zero at `start`, and is gone from `end` on.

    Attributes:
        exposed_from: when the counter is first exposed, if later than the start.
    """

    start: int
    end: int
    exposed_from: int = 0


@dataclass(frozen=True, slots=True)
class SyntheticCounter:
    """One series.

    Attributes:
        counts: events since the start, whatever restarts, at every `step`; between two steps
            they are spread evenly, from a place on that differs from step to step.
        runs: of the process that exposes it; times count from the start.
        phase: of its scrapes.
        missed: scrapes that fail.
    """

    metric: str
    labels: dict[str, str]
    counts: Sequence[int]
    runs: tuple[ProcessRun, ...]
    phase: int
    step: int = MINUTE
    missed: frozenset[int] = field(default_factory=frozenset)

    def count_until(self, time: int) -> int:
        """The true number of events up to a moment, counted from the start."""
        index, remainder = divmod(time, self.step)
        count = self.counts[index]
        if not remainder:
            return count
        offset = index * _STRIDE % self.step
        return count + ((self.counts[index + 1] - count) * remainder + offset) // self.step

    def generate_samples(self) -> Iterator[tuple[int, int]]:
        """Generate the scraped samples: times in milliseconds, and values."""
        for run in self.runs:
            base = self.count_until(run.start)
            first = -(-(max(run.start, run.exposed_from) - self.phase) // SCRAPE)
            for scrape in range(max(first, 0), -(-(run.end - self.phase) // SCRAPE)):
                if scrape not in self.missed:
                    time = self.phase + scrape * SCRAPE
                    yield START + time, self.count_until(time) - base


def build_service_counters(
    shape: TrafficShape, instances: int, minutes: int = MINUTES
) -> list[SyntheticCounter]:
    """All counters of a service; the same for the same shape and number, always."""
    rates = [shape.traffic(minute) * 60 / instances for minute in range(minutes)]
    shares = [shape.share(minute) for minute in range(minutes)]
    counters = []
    for number in range(instances):
        random = Random(f"{shape.name} {instances} {number}")
        life = shape.life(number, random)
        total, errors = _draw_histories(rates, shares, life, random)
        phase = random.randrange(SCRAPE)
        labels = {"job": "shop", "instance": f"shop-{number}"}
        runs = _build_runs(life, minutes)
        counters.append(SyntheticCounter(TOTAL, labels, total, runs, phase, missed=life.missed))
        if life.errors_on_demand:
            runs = _start_at_first_error(errors, runs)
        counters.append(SyntheticCounter(ERRORS, labels, errors, runs, phase, missed=life.missed))
    return counters


def compute_error_ratio(counters: Sequence[SyntheticCounter], start: int, end: int) -> float:
    """The exact share of errors in a span of time, not of samples."""
    errors, total = (
        sum(
            c.count_until(end - START) - c.count_until(start - START)
            for c in counters
            if c.metric == m
        )
        for m in (ERRORS, TOTAL)
    )
    return errors / total if total else math.nan


def _draw_histories(
    rates: Sequence[float], shares: Sequence[float], life: InstanceLife, random: Random
) -> tuple[list[int], list[int]]:
    """Cumulative counts of all events and of errors, minute by minute, from zero."""
    down = {restart.minute for restart in life.restarts if restart.is_down}
    troubled = {minute: share for minutes, share in life.troubles for minute in minutes}
    total, errors = [0], [0]
    for minute, rate in enumerate(rates):
        events = bad = 0
        if rate and minute >= life.first_minute and minute not in down:
            events = max(0, int(random.gauss(rate, math.sqrt(rate)) + random.random()))
            share = troubled.get(minute, shares[minute])
            bad = min(events, int(events * share + random.random()))
        total.append(total[-1] + events)
        errors.append(errors[-1] + bad)
    return total, errors


def _build_runs(life: InstanceLife, minutes: int) -> tuple[ProcessRun, ...]:
    runs, start = [], life.first_minute
    for restart in life.restarts:
        if restart.minute < minutes - 1:
            runs.append(ProcessRun(start * MINUTE, restart.minute * MINUTE))
            start = restart.minute + restart.is_down
    runs.append(ProcessRun(start * MINUTE, minutes * MINUTE))
    return tuple(runs)


def _start_at_first_error(
    errors: Sequence[int], runs: Sequence[ProcessRun]
) -> tuple[ProcessRun, ...]:
    """The series exists only once something was counted; it starts with that, not with zero."""
    (only,) = runs
    minute = next(index for index, count in enumerate(errors) if count) - 1
    first = (MINUTE - minute * _STRIDE % MINUTE) // errors[minute + 1]
    return (ProcessRun(only.start, only.end, exposed_from=minute * MINUTE + first),)
