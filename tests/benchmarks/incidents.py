"""Ten incidents, second by second, and when the truth says that they are worth a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from tests.benchmarks.counters import ERRORS, TOTAL, Counter, Run
from tests.benchmarks.timeline import HOUR, MINUTE, SCRAPE, SECOND

STEP = 5 * SECOND
BEFORE = 7 * HOUR
"""Of calm, so that every window is full when trouble begins."""
LENGTH = 20 * HOUR
_BUDGET = 0.001
_INSTANCES = 2
_CALM = 1e-4
# SRE Workbook: burn rate, short and long window of the two conditions of a page.
_CONDITIONS = ((14.4, 5 * MINUTE, HOUR), (6, 30 * MINUTE, 6 * HOUR))


@dataclass(frozen=True, slots=True)
class Incident:
    """Some trouble.

    Attributes:
        rate: events a second.
        share: of errors at a time counted from the start of the trouble, while it lasts.
    """

    job: str
    says: str
    rate: float
    lasts: int
    share: Callable[[int], float]


def _always(share: float) -> Callable[[int], float]:
    return lambda _: share


def _flapping(on: int, every: int) -> Callable[[int], float]:
    return lambda since: 1.0 if since % every < on else _CALM


INCIDENTS = (
    Incident("outage-busy", "all fails for 30 min", 200, 30 * MINUTE, _always(1)),
    Incident("outage-short", "all fails for 2 min", 200, 2 * MINUTE, _always(1)),
    Incident("outage-quiet", "all fails for 20 min", 0.1, 20 * MINUTE, _always(1)),
    Incident("partial-busy", "5 % fail for 2 h", 100, 2 * HOUR, _always(0.05)),
    Incident("partial-quiet", "3 % fail for 3 h", 1, 3 * HOUR, _always(0.03)),
    Incident("slow-burn", "0.9 % fail for 8 h", 100, 8 * HOUR, _always(0.009)),
    Incident("flapping", "all fails for 1 min of 10", 50, 3 * HOUR, _flapping(MINUTE, 10 * MINUTE)),
    Incident("blip", "all fails for 40 s", 200, 40 * SECOND, _always(1)),
    Incident("simmer", "0.5 % fail for 10 h", 100, 10 * HOUR, _always(0.005)),
    Incident(
        "blips-quiet",
        "10 s of failures every half-hour",
        2,
        8 * HOUR,
        _flapping(10 * SECOND, 30 * MINUTE),
    ),
)


def counters_of(incident: Incident) -> list[Counter]:
    """Its counters."""
    made = []
    for number in range(_INSTANCES):
        random = Random(f"{incident.job} {number}")
        total, errors = _events(incident, random)
        labels = {"job": incident.job, "instance": f"{incident.job}-{number}"}
        runs, phase = (Run(0, LENGTH),), random.randrange(SCRAPE)
        for metric, events in ((TOTAL, total), (ERRORS, errors)):
            counts = list(accumulate(events, initial=0))
            made.append(Counter(metric, labels, counts, runs, phase, step=STEP))
    return made


def deserved(counters: Sequence[Counter]) -> list[int]:
    """Every moment, in steps from the start, at which the true ratios are worth a page."""
    errors, total = (
        [sum(column) for column in zip(*(c.counts for c in counters if c.metric == m), strict=True)]
        for m in (ERRORS, TOTAL)
    )

    def above(at: int, window: int, limit: float) -> bool:
        since = max(at - window // STEP, 0)
        events = total[at] - total[since]
        return bool(events) and errors[at] - errors[since] > limit * events

    return [
        at * STEP
        for at in range(BEFORE // STEP, len(total))
        if any(
            above(at, short, factor * _BUDGET) and above(at, long, factor * _BUDGET)
            for factor, short, long in _CONDITIONS
        )
    ]


def _events(incident: Incident, random: Random) -> tuple[list[int], list[int]]:
    """Events and errors of one instance in every step; traffic is even, errors are drawn."""
    total, errors, due, bad_due = [], [], random.random(), random.random()
    for at in range(0, LENGTH, STEP):
        due += incident.rate * STEP / SECOND / _INSTANCES
        events, due = int(due), due % 1
        since = at - BEFORE
        share = incident.share(since) if 0 <= since < incident.lasts else _CALM
        bad_due += events * share
        bad = min(events, int(bad_due))
        bad_due -= bad
        total.append(events)
        errors.append(bad)
    return total, errors
