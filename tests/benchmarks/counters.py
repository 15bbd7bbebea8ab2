"""Counters with known truth: what instances count, and what a scraper sees of it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.benchmarks.shapes import MINUTES, Life, Shape
from tests.benchmarks.timeline import MINUTE, SCRAPE, START

# A prime, so that over many steps every place within a step is as likely as any other.
_STRIDE = 36_529
TOTAL, ERRORS = "http_requests_total", "http_request_errors_total"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a process: it counts from zero at `start`, and is gone from `end` on.

    Attributes:
        shown: when the counter is first exposed, if later than the start.
    """

    start: int
    end: int
    shown: int = 0


@dataclass(frozen=True, slots=True)
class Counter:
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
    runs: tuple[Run, ...]
    phase: int
    step: int = MINUTE
    missed: frozenset[int] = field(default_factory=frozenset)

    def count_at(self, at: int) -> int:
        """The true number of events up to a moment, counted from the start."""
        index, rest = divmod(at, self.step)
        count = self.counts[index]
        if not rest:
            return count
        place = index * _STRIDE % self.step
        return count + ((self.counts[index + 1] - count) * rest + place) // self.step

    def samples(self) -> Iterator[tuple[int, int]]:
        """What is scraped: times in milliseconds, and values."""
        for run in self.runs:
            base = self.count_at(run.start)
            first = -(-(max(run.start, run.shown) - self.phase) // SCRAPE)
            for scrape in range(max(first, 0), -(-(run.end - self.phase) // SCRAPE)):
                if scrape not in self.missed:
                    at = self.phase + scrape * SCRAPE
                    yield START + at, self.count_at(at) - base


def service(shape: Shape, instances: int, minutes: int = MINUTES) -> list[Counter]:
    """All counters of a service; the same for the same shape and number, always."""
    rates = [shape.traffic(minute) * 60 / instances for minute in range(minutes)]
    shares = [shape.share(minute) for minute in range(minutes)]
    made = []
    for number in range(instances):
        random = Random(f"{shape.name} {instances} {number}")
        life = shape.life(number, random)
        total, errors = _histories(rates, shares, life, random)
        phase = random.randrange(SCRAPE)
        labels = {"job": "shop", "instance": f"shop-{number}"}
        runs = _runs(life, minutes)
        made.append(Counter(TOTAL, labels, total, runs, phase, missed=life.missed))
        if life.errors_on_demand:
            runs = _from_first(errors, runs)
        made.append(Counter(ERRORS, labels, errors, runs, phase, missed=life.missed))
    return made


def truth(counters: Sequence[Counter], start: int, end: int) -> float:
    """The exact share of errors in a span of time, not of samples."""
    errors, total = (
        sum(c.count_at(end - START) - c.count_at(start - START) for c in counters if c.metric == m)
        for m in (ERRORS, TOTAL)
    )
    return errors / total if total else math.nan


def _histories(
    rates: Sequence[float], shares: Sequence[float], life: Life, random: Random
) -> tuple[list[int], list[int]]:
    """Cumulative counts of all events and of errors, minute by minute, from zero."""
    down = {restart.minute for restart in life.restarts if restart.down}
    troubled = {minute: share for minutes, share in life.troubles for minute in minutes}
    total, errors = [0], [0]
    for minute, rate in enumerate(rates):
        events = bad = 0
        if rate and minute >= life.born and minute not in down:
            events = max(0, int(random.gauss(rate, math.sqrt(rate)) + random.random()))
            share = troubled.get(minute, shares[minute])
            bad = min(events, int(events * share + random.random()))
        total.append(total[-1] + events)
        errors.append(errors[-1] + bad)
    return total, errors


def _runs(life: Life, minutes: int) -> tuple[Run, ...]:
    runs, start = [], life.born
    for restart in life.restarts:
        if restart.minute < minutes - 1:
            runs.append(Run(start * MINUTE, restart.minute * MINUTE))
            start = restart.minute + restart.down
    runs.append(Run(start * MINUTE, minutes * MINUTE))
    return tuple(runs)


def _from_first(errors: Sequence[int], runs: Sequence[Run]) -> tuple[Run, ...]:
    """The series exists only once something was counted; it starts with that, not with zero."""
    (only,) = runs
    minute = next(index for index, count in enumerate(errors) if count) - 1
    first = (MINUTE - minute * _STRIDE % MINUTE) // errors[minute + 1]
    return (Run(only.start, only.end, shown=minute * MINUTE + first),)
