"""Six hours of counters in shapes on which rule engines differ, with the events that happened."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from tests.benchmarks.counters import ERRORS, TOTAL, ProcessRun, SyntheticCounter
from tests.benchmarks.traffic import MINUTE, SCRAPE, SECOND, START

MINUTES = 360
# Nothing happens first and last, so that every event lies in a complete step.
_BUSY = range(15, 335)
_RENAMED = 150
_WHOLE = (ProcessRun(0, MINUTES * MINUTE),)


@dataclass(frozen=True, slots=True)
class ProcessStart:
    """The series `process_start_time_seconds` of an instance."""

    labels: dict[str, str]
    run: ProcessRun
    phase: int
    metric: str = "process_start_time_seconds"

    def generate_samples(self) -> Iterator[tuple[int, float]]:
        """Generate the scraped samples."""
        first = -(-(max(self.run.start, self.run.exposed_from) - self.phase) // SCRAPE)
        for scrape in range(max(first, 0), -(-(self.run.end - self.phase) // SCRAPE)):
            yield START + self.phase + scrape * SCRAPE, (START + self.run.start) / SECOND


@dataclass(frozen=True, slots=True)
class EngineShape:
    """Series of one shape; they have its name as the label `shape`."""

    name: str
    description: str
    counters: Sequence[SyntheticCounter]
    starts: Sequence[ProcessStart] = ()

    def list_series(self) -> list[SyntheticCounter | ProcessStart]:
        """List all series."""
        return [*self.counters, *self.starts]

    def count_events(self, metric: str) -> int:
        """Count what really happened, but for what was counted before anything was scraped."""
        return sum(c.counts[MINUTES] - c.counts[1] for c in self.counters if c.metric == metric)


@dataclass(frozen=True, slots=True)
class _Instance:
    """Counters of one instance.

    Attributes:
        events: in a minute.
        runs: of its process.
        missed: scrapes that fail.
        before: events of the process before anything was scraped.
    """

    shape: str
    number: int
    events: Callable[[int], int] = lambda _: 60
    runs: tuple[ProcessRun, ...] = _WHOLE
    missed: frozenset[int] = frozenset()
    before: int = 0

    @property
    def labels(self) -> dict[str, str]:
        return {"job": "shop", "shape": self.shape, "instance": f"{self.shape}-{self.number}"}

    @property
    def phase(self) -> int:
        return self.number * 7 % 30 * SECOND

    def count(
        self, metric: str, events: Callable[[int], int], *, before: int = 0, **labels: str
    ) -> SyntheticCounter:
        """Build a counter. In the last minute of a process nothing happens, so nothing is lost."""
        counts = [0, before]
        for minute in range(1, MINUTES):
            at = minute * MINUTE
            alive = any(run.start <= at < run.end - MINUTE for run in self.runs)
            counts.append(counts[-1] + (events(minute) if alive and minute in _BUSY else 0))
        labels = {**self.labels, **labels}
        return SyntheticCounter(metric, labels, counts, self.runs, self.phase, missed=self.missed)

    def count_both(
        self, errors: Callable[[int], int] = lambda _: 2, *, errors_before: int = 0
    ) -> list[SyntheticCounter]:
        return [
            self.count(TOTAL, self.events, before=self.before),
            self.count(ERRORS, errors, before=errors_before, code="500"),
        ]


def _share_errors(minute: int) -> int:
    return 12 if minute in range(180, 210) else 2


def _wave(minute: int) -> int:
    return 60 + minute % 7 * 20


def _build_runs(*minutes: int) -> tuple[ProcessRun, ...]:
    """Runs of a process that is down for a minute at each of some minutes."""
    starts = [0, *(minute + 1 for minute in minutes)]
    ends = [*minutes, MINUTES]
    return tuple(ProcessRun(a * MINUTE, b * MINUTE) for a, b in zip(starts, ends, strict=True))


def _list_scrapes(*minutes: range) -> frozenset[int]:
    """Scrapes of some spans of minutes."""
    per_minute = MINUTE // SCRAPE
    return frozenset(
        scrape
        for span in minutes
        for scrape in range(span.start * per_minute, span.stop * per_minute)
    )


def _expose_from(counter: SyntheticCounter, minute: int) -> SyntheticCounter:
    run = replace(counter.runs[0], exposed_from=minute * MINUTE)
    return replace(counter, runs=(run,))


def _build_steady() -> EngineShape:
    name = "steady"
    counters = [c for n in range(3) for c in _Instance(name, n, _wave).count_both(_share_errors)]
    return EngineShape(name, "three instances, half an hour with six times the errors", counters)


def _build_without_errors() -> EngineShape:
    name = "no error series"
    counters = [_Instance(name, n).count(TOTAL, _wave) for n in range(2)]
    return EngineShape(name, "no series of errors at all", counters)


def _build_restarts() -> EngineShape:
    name = "restarts"
    instances = [
        _Instance(name, 0, _wave),
        _Instance(name, 1, _wave, _build_runs(100, 143, 217)),
        _Instance(name, 2, _wave, _build_runs(76, 186, 247, 313)),
    ]
    counters = [c for each in instances for c in each.count_both(_share_errors)]
    return EngineShape(name, "two of three instances restart seven times", counters)


def _fail_in(minutes: range, each: int) -> Callable[[int], int]:
    return lambda minute: each if minute in minutes else 0


def _build_first_errors() -> EngineShape:
    name = "first errors"
    one = _Instance(name, 0)
    counters = one.count_both(lambda minute: int(minute % 10 == 0))
    # Coarse steps end three and a half minutes before they are recorded: at 65 s before that.
    for code, minute, length, each in ((501, 65, 10, 60), (502, 128, 1, 3), (503, 200, 120, 1)):
        errors = one.count(ERRORS, _fail_in(range(minute, minute + length), each), code=str(code))
        counters.append(_expose_from(errors, minute + 1))
    return EngineShape(name, "three counters of errors appear with their first error", counters)


def _build_replaced() -> EngineShape:
    name = "replaced pods"
    counters, starts = [], []
    for place in range(2):
        for number, start in enumerate(range(place * 15, MINUTES, 30)):
            run = ProcessRun(start * MINUTE, min(start + 31, MINUTES) * MINUTE)
            one = _Instance(name, place * 100 + number, _wave, (run,))
            counters += one.count_both()
            starts.append(ProcessStart(one.labels, run, one.phase))
    return EngineShape(name, "two pods, each replaced every half-hour", counters, starts)


def _find_at(counter: SyntheticCounter, minute: int) -> SyntheticCounter:
    """The same counter, first scraped at a minute; earlier events happened in its first minute."""
    first = counter.counts[minute]
    rest = (counter.counts[each] for each in range(minute, MINUTES + 1))
    counts = [0, *[first] * (minute - 1), *rest]
    return replace(_expose_from(counter, minute), counts=counts)


def _build_found() -> EngineShape:
    name = "old process found"
    others = [_Instance(name, n).count_both(lambda m: int(m % 5 == 0)) for n in range(2)]
    old = _Instance(name, 2, before=50_000)
    found = [_find_at(c, 120) for c in old.count_both(lambda _: 0, errors_before=3)]
    start = ProcessStart(old.labels, replace(_WHOLE[0], exposed_from=120 * MINUTE), old.phase)
    description = "a process with 50,000 events and 3 errors is first scraped after two hours"
    return EngineShape(name, description, [*others[0], *others[1], *found], [start])


def _build_relabelled() -> EngineShape:
    name, counters = "relabelled", []
    for counter in (c for n in range(2) for c in _Instance(name, n).count_both()):
        counts = [counter.counts[min(minute, _RENAMED)] for minute in range(MINUTES + 1)]
        run = ProcessRun(0, _RENAMED * MINUTE)
        renamed = _find_at(counter, _RENAMED)
        counters += [
            replace(counter, counts=counts, runs=(run,)),
            replace(renamed, labels={**counter.labels, "pod": "p"}),
        ]
    return EngineShape(name, "all series get another label after two and a half hours", counters)


def _build_gaps() -> EngineShape:
    name = "gaps"
    missed = _list_scrapes(range(68, 72), range(180, 220), range(290, 298))
    instances = [_Instance(name, n, _wave, missed=missed) for n in range(2)]
    counters = [c for each in instances for c in each.count_both(_share_errors)]
    return EngineShape(name, "nothing is scraped for 4, 40 and 8 minutes", counters)


def _build_missed() -> EngineShape:
    name = "missed scrapes"
    random = Random(name)
    missed = frozenset(n for n in range(MINUTES * MINUTE // SCRAPE) if random.random() < 0.05)
    counters = [
        c
        for n in range(3)
        for c in _Instance(name, n, _wave, missed=missed).count_both(_share_errors)
    ]
    return EngineShape(name, "one scrape in twenty fails", counters)


def build_shapes() -> tuple[EngineShape, ...]:
    """Build all shapes."""
    return (
        _build_steady(),
        _build_without_errors(),
        _build_restarts(),
        _build_missed(),
        _build_gaps(),
        _build_first_errors(),
        _build_replaced(),
        _build_found(),
        _build_relabelled(),
    )
