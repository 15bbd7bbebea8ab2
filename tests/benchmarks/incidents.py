"""Ten incidents, second by second, and the times at which each is worth a page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from tests.benchmarks.counters import ERRORS, TOTAL, ProcessRun, SyntheticCounter
from tests.benchmarks.traffic import HOUR, MINUTE, SCRAPE, SECOND

STEP = 5 * SECOND
CALM_BEFORE = 7 * HOUR
"""Of calm, so that every window is full when trouble begins."""
LENGTH = 20 * HOUR
_BUDGET = 0.001
_INSTANCES = 2
_CALM_SHARE = 1e-4
# SRE Workbook: burn rate, short and long window of the two conditions of a page.
_CONDITIONS = ((14.4, 5 * MINUTE, HOUR), (6, 30 * MINUTE, 6 * HOUR))


@dataclass(frozen=True, slots=True)
class ReplayedIncident:
    """Some trouble.

    Attributes:
        rate: events a second.
        share: of errors at a time counted from the start of the trouble, while it lasts.
    """

    job: str
    description: str
    rate: float
    duration: int
    share: Callable[[int], float]


def _build_constant_share(share: float) -> Callable[[int], float]:
    return lambda _: share


def _build_flapping_share(failing: int, interval: int) -> Callable[[int], float]:
    return lambda since: 1.0 if since % interval < failing else _CALM_SHARE


INCIDENTS = (
    ReplayedIncident(
        "outage-busy", "all fails for 30 min", 200, 30 * MINUTE, _build_constant_share(1)
    ),
    ReplayedIncident(
        "outage-short", "all fails for 2 min", 200, 2 * MINUTE, _build_constant_share(1)
    ),
    ReplayedIncident(
        "outage-quiet", "all fails for 20 min", 0.1, 20 * MINUTE, _build_constant_share(1)
    ),
    ReplayedIncident(
        "partial-busy", "5 % fail for 2 h", 100, 2 * HOUR, _build_constant_share(0.05)
    ),
    ReplayedIncident("partial-quiet", "3 % fail for 3 h", 1, 3 * HOUR, _build_constant_share(0.03)),
    ReplayedIncident(
        "slow-burn", "0.9 % fail for 8 h", 100, 8 * HOUR, _build_constant_share(0.009)
    ),
    ReplayedIncident(
        "flapping",
        "all fails for 1 min of 10",
        50,
        3 * HOUR,
        _build_flapping_share(MINUTE, 10 * MINUTE),
    ),
    ReplayedIncident("blip", "all fails for 40 s", 200, 40 * SECOND, _build_constant_share(1)),
    ReplayedIncident("simmer", "0.5 % fail for 10 h", 100, 10 * HOUR, _build_constant_share(0.005)),
    ReplayedIncident(
        "blips-quiet",
        "10 s of failures every half-hour",
        2,
        8 * HOUR,
        _build_flapping_share(10 * SECOND, 30 * MINUTE),
    ),
)


def build_counters(incident: ReplayedIncident) -> list[SyntheticCounter]:
    """Its counters."""
    counters = []
    for number in range(_INSTANCES):
        random = Random(f"{incident.job} {number}")
        total, errors = _draw_events(incident, random)
        labels = {"job": incident.job, "instance": f"{incident.job}-{number}"}
        runs, phase = (ProcessRun(0, LENGTH),), random.randrange(SCRAPE)
        for metric, events in ((TOTAL, total), (ERRORS, errors)):
            counts = list(accumulate(events, initial=0))
            counters.append(SyntheticCounter(metric, labels, counts, runs, phase, step=STEP))
    return counters


def find_page_times(counters: Sequence[SyntheticCounter]) -> list[int]:
    """Every moment, in steps from the start, at which the true ratios are worth a page."""
    errors, total = (
        [sum(column) for column in zip(*(c.counts for c in counters if c.metric == m), strict=True)]
        for m in (ERRORS, TOTAL)
    )

    def is_above(at: int, window: int, limit: float) -> bool:
        since = max(at - window // STEP, 0)
        events = total[at] - total[since]
        return bool(events) and errors[at] - errors[since] > limit * events

    return [
        step * STEP
        for step in range(CALM_BEFORE // STEP, len(total))
        if any(
            is_above(step, short, factor * _BUDGET) and is_above(step, long, factor * _BUDGET)
            for factor, short, long in _CONDITIONS
        )
    ]


def _draw_events(incident: ReplayedIncident, random: Random) -> tuple[list[int], list[int]]:
    """Events and errors of one instance in every step; traffic is even, errors are drawn."""
    total, errors, due, bad_due = [], [], random.random(), random.random()
    for time in range(0, LENGTH, STEP):
        due += incident.rate * STEP / SECOND / _INSTANCES
        events, due = int(due), due % 1
        since_start = time - CALM_BEFORE
        share = incident.share(since_start) if 0 <= since_start < incident.duration else _CALM_SHARE
        bad_due += events * share
        bad = min(events, int(bad_due))
        bad_due -= bad
        total.append(events)
        errors.append(bad)
    return total, errors
