"""Counters with known values: the counts of instances, and their scraped samples."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random
from typing import Protocol

from tests.benchmarks.traffic import (
    MINUTE,
    MINUTES,
    SCRAPE,
    SECOND,
    START,
    InstanceLife,
    TrafficShape,
)

# A prime, so that over many steps every place within a step is as likely as any other.
_STRIDE = 36_529
TOTAL, ERRORS = "http_requests_total", "http_request_errors_total"
OTHER_ERRORS = "http_gateway_errors_total"
PROCESS_START = "process_start_time_seconds"
_NO_EVENTS = bytes(MINUTES + 1)


class Counts(Protocol):
    """Cumulative counts by number of the step."""

    def __getitem__(self, step: int, /) -> int:
        """Return the number of events before a step."""
        ...


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
        offset: added to every value.
    """

    metric: str
    labels: dict[str, str]
    counts: Counts
    runs: tuple[ProcessRun, ...]
    phase: int
    step: int = MINUTE
    missed: frozenset[int] = field(default_factory=frozenset)
    offset: int = 0

    def count_until(self, time: int) -> int:
        """The true number of events up to a moment, counted from the start."""
        index, remainder = divmod(time, self.step)
        count = self.counts[index]
        if not remainder:
            return count
        offset = index * _STRIDE % self.step
        return count + ((self.counts[index + 1] - count) * remainder + offset) // self.step

    def count_visible(self, start: int, end: int) -> int:
        """Count the events of a span that samples can tell of, first values included.

        Events after the last scrape of a run are in no sample, nor those between the last one
        under old labels and the first one under new labels. A counter that has passed its old
        value when it is scraped after a reset hides as many events as it had.
        """
        seen = before = 0
        for run in self.runs:
            scrapes = self._find_scrapes(run)
            if not scrapes:
                continue
            first, last = scrapes
            since = first if self.offset else run.start
            counted = self.count_until(first) - self.count_until(run.start)
            hidden = before if start <= since and counted >= before else 0
            upper = end if run.end >= end else last
            lower = max(since, start)
            if lower < upper:
                seen += self.count_until(upper) - self.count_until(lower) - hidden
            before = self.count_until(last) - self.count_until(run.start)
        return seen

    def _find_scrapes(self, run: ProcessRun) -> tuple[int, int] | None:
        """Find the times of the first and the last successful scrape of a run."""
        scrapes = self._list_scrapes(run)
        first = next((each for each in scrapes if each not in self.missed), None)
        last = next((each for each in reversed(scrapes) if each not in self.missed), None)
        if first is None or last is None:
            return None
        return self.phase + first * SCRAPE, self.phase + last * SCRAPE

    def _list_scrapes(self, run: ProcessRun) -> range:
        first = -(-(max(run.start, run.exposed_from) - self.phase) // SCRAPE)
        return range(max(first, 0), -(-(run.end - self.phase) // SCRAPE))

    def generate_samples(self) -> Iterator[tuple[int, int]]:
        """Generate the scraped samples: times in milliseconds, and values."""
        for run in self.runs:
            base = self.count_until(run.start) - self.offset
            for scrape in self._list_scrapes(run):
                if scrape not in self.missed:
                    time = self.phase + scrape * SCRAPE
                    yield START + time, self.count_until(time) - base


class _PartOfCounts:
    """Counts of a span of minutes, without copying them: none before it, no more after it."""

    def __init__(self, counts: Counts, minutes: range) -> None:
        self._counts = counts
        self._low, self._high = counts[minutes.start], counts[minutes.stop]

    def __getitem__(self, minute: int, /) -> int:
        return min(max(self._counts[minute], self._low), self._high) - self._low


@dataclass(frozen=True, slots=True)
class _Segment:
    """Minutes in which an instance has one name.

    Attributes:
        is_continued: whether counters go on from the segment before.
    """

    instance: str
    minutes: range
    runs: tuple[ProcessRun, ...]
    is_continued: bool = False


def build_service_counters(shape: TrafficShape, instances: int) -> list[SyntheticCounter]:
    """All counters of a service; the same for the same shape and number, always."""
    minutes = shape.minutes
    rates = [shape.traffic(minute) * 60 / instances for minute in range(minutes)]
    shares = [shape.share(minute) for minute in range(minutes)]
    counters: list[SyntheticCounter] = []
    for number in range(instances):
        random = Random(f"{shape.name} {instances} {number}")
        life = shape.life(number, random)
        total, errors = _draw_histories(rates, shares, life, random)
        phase = random.randrange(SCRAPE)
        codes = _split_by_code(errors, life)
        for segment in _list_segments(f"shop-{number}", life, minutes):
            counters.extend(_build_segment_counters(segment, life, total, codes, phase))
    return counters


def _build_segment_counters(
    segment: _Segment,
    life: InstanceLife,
    total: Sequence[int],
    codes: Sequence[tuple[dict[str, str], Sequence[int]]],
    phase: int,
) -> Iterator[SyntheticCounter]:
    labels = {"job": "shop", "instance": segment.instance}
    histories = [(TOTAL, labels, total), *((ERRORS, labels | code, n) for code, n in codes)]
    for metric, all_labels, history in histories:
        is_whole = len(segment.minutes) == len(history) - 1
        counts = history if is_whole else _PartOfCounts(history, segment.minutes)
        runs = segment.runs
        if life.errors_on_demand and metric == ERRORS:
            runs = _start_at_first_event(counts, runs)
        offset = history[segment.minutes.start] if segment.is_continued else 0
        yield SyntheticCounter(
            metric, all_labels, counts, runs, phase, missed=life.missed, offset=offset
        )
    for run in segment.runs if life.shows_start else ():
        started = (START + (0 if segment.is_continued else run.start)) // SECOND
        yield SyntheticCounter(PROCESS_START, labels, _NO_EVENTS, (run,), phase, offset=started)


def compute_error_ratio(counters: Sequence[SyntheticCounter], start: int, end: int) -> float:
    """The exact share of errors in a span of time, not of samples."""
    return _divide_counts(
        counters, lambda c: c.count_until(end - START) - c.count_until(start - START)
    )


def compute_visible_ratio(counters: Sequence[SyntheticCounter], start: int, end: int) -> float:
    """Compute the share of errors in a span that all samples tell of."""
    return _divide_counts(counters, lambda c: c.count_visible(start - START, end - START))


def _divide_counts(
    counters: Sequence[SyntheticCounter], count_events: Callable[[SyntheticCounter], int]
) -> float:
    errors, total = (
        sum(count_events(each) for each in counters if each.metric == metric)
        for metric in (ERRORS, TOTAL)
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


def _split_by_code(
    errors: Sequence[int], life: InstanceLife
) -> list[tuple[dict[str, str], Sequence[int]]]:
    """Cumulative counts of each error code; one code after the other has all errors."""
    if life.error_codes == 1:
        return [({}, errors)]
    codes = [[0] for _ in range(life.error_codes)]
    for minute in range(len(errors) - 1):
        current = minute // life.code_minutes % life.error_codes
        for number, counts in enumerate(codes):
            new = errors[minute + 1] - errors[minute] if number == current else 0
            counts.append(counts[-1] + new)
    return [({"code": str(500 + number)}, counts) for number, counts in enumerate(codes)]


def _list_segments(name: str, life: InstanceLife, minutes: int) -> Iterator[_Segment]:
    runs = _build_runs(life, minutes)
    if life.is_replaced:
        for number, run in enumerate(runs):
            span = range(run.start // MINUTE, run.end // MINUTE)
            yield _Segment(f"{name}-{number}", span, (run,))
        return
    if not life.renamed_at:
        yield _Segment(name, range(minutes), runs)
        return
    for number, (start, end) in enumerate(pairwise((0, *life.renamed_at, minutes))):
        run = ProcessRun(start * MINUTE, end * MINUTE)
        yield _Segment(f"{name}-{number}", range(start, end), (run,), is_continued=True)


def _build_runs(life: InstanceLife, minutes: int) -> tuple[ProcessRun, ...]:
    runs, start = [], life.first_minute
    for restart in life.restarts:
        if restart.minute < minutes - 1:
            runs.append(ProcessRun(start * MINUTE, restart.minute * MINUTE))
            start = restart.minute + restart.is_down
    runs.append(ProcessRun(start * MINUTE, minutes * MINUTE))
    return tuple(runs)


def _start_at_first_event(counts: Counts, runs: Sequence[ProcessRun]) -> tuple[ProcessRun, ...]:
    """The series exists only once something was counted; it starts with that, not with zero."""
    return tuple(_expose_from_first_event(counts, run) for run in runs)


def _expose_from_first_event(counts: Counts, run: ProcessRun) -> ProcessRun:
    before = counts[run.start // MINUTE]
    for minute in range(run.start // MINUTE, run.end // MINUTE):
        if new := counts[minute + 1] - before:
            first = -(-(MINUTE - minute * _STRIDE % MINUTE) // new)
            return replace(run, exposed_from=minute * MINUTE + first)
    return replace(run, exposed_from=run.end)
