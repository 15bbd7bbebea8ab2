"""Growth of the end-to-end time with the load, and the queue that explains it. Pure.

A queue shows in what is busy meanwhile, and in the waves in which a burst completes.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from exporter.analysis.breakdown import break_down
from exporter.analysis.finding import (
    ENOUGH_EVENTS,
    FLOOR,
    Confidence,
    Finding,
    Kind,
    MeasuredNumber,
)
from exporter.analysis.measurements import RunMeasurements, Step
from exporter.analysis.resources import find_busiest

_BUSY = 0.6
"""Share of the time in which a process is busy from which it counts as the limit."""
_BLOCKED = 0.25
"""Delay of the health page, as a share of the growth, from which the event loop is blocked."""
_DOMINANT = 0.5
_FACTOR = 2.0
_FEWEST_EVENTS = 8
_FEWEST_WAVES = 3
_RATE_FACTOR = 1.5
_LATE = 0.25
"""Send lag, as a share of the p95, above which a step does not show the target's own time."""
_REGULAR = 0.6
"""Share of the waves that must have the usual size."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth of the p95 from the lightest to the heaviest step.

    Attributes:
        light: the lightest step.
        heavy: the step with the longest p95.
        run: the run of the heavy step.
    """

    light: Step
    heavy: Step
    run: RunMeasurements

    @property
    def before(self) -> float:
        """Seconds of the p95 of the lightest step."""
        return self.light.find_total(0.95) or 0.0

    @property
    def after(self) -> float:
        """Seconds of the p95 of the heaviest step."""
        return self.heavy.find_total(0.95) or 0.0


@dataclass(frozen=True, slots=True)
class Waves:
    """Waves in which the events of a burst complete.

    Attributes:
        size: usual number of events of a wave.
        regular: share of the waves that have that size.
        interval: seconds between two waves.
        count: number of waves.
        rate: events a second from the first completion to the last.
    """

    size: int
    regular: float
    interval: float
    count: int
    rate: float

    @property
    def is_regular(self) -> bool:
        """Return whether most waves have the same size, and their rate is that of the burst."""
        if self.count < _FEWEST_WAVES or self.regular < _REGULAR or self.interval <= 0:
            return False
        ratio = self.size / self.interval / self.rate if self.rate else 0.0
        return 1 / _RATE_FACTOR <= ratio <= _RATE_FACTOR


def find_queue(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
    """Find the reason why the end-to-end time grows with the load."""
    comparable = [run for run in runs if not any((step.replicas or 1) > 1 for step in run.steps)]
    growth = find_growth(comparable)
    if growth is None:
        return
    busiest = find_busiest(growth.run, growth.heavy)
    busy = busiest.busy if busiest else None
    blocked = _measure_blocked(growth)
    waves = find_clearest_waves(comparable)
    rate = growth.heavy.completed_rate
    grown = MeasuredNumber(
        "p95", growth.after, "s", f"at {growth.heavy.title}; {growth.before:.2f} s at "
        f"{growth.light.title}",
    )  # fmt: skip
    evidence = [grown, MeasuredNumber("rate", rate, "events/s", "completed meanwhile")]
    numbers = {"before": growth.before, "after": growth.after, "rate": rate}
    if busy is not None:
        evidence.append(
            MeasuredNumber("busy", busy, "ratio", "of the time the process used or awaited CPU")
        )
    if blocked is not None:
        evidence.append(MeasuredNumber("health", blocked, "s", "longest reply of the health page"))
    if busy is not None and busy >= _BUSY:
        kind, text = Kind.CPU, f"the processor: busy {busy:.0%} of the time"
        numbers["demand"] = busy / rate if rate else 0.0
    elif blocked is not None and blocked >= _BLOCKED * (growth.after - growth.before):
        kind, text = Kind.EVENT_LOOP, f"a blocked event loop: /health took {blocked:.2f} s"
    elif waves is not None and waves.is_regular and waves.size == 1:
        kind = Kind.LOCK
        text = f"a lock or a single worker: one event each {waves.interval:.3f} s, processor idle"
        numbers["demand"] = waves.interval
    elif waves is not None and waves.is_regular:
        kind = Kind.POOL
        text = f"a pool of {waves.size}: events complete in waves of {waves.size}"
        numbers |= {"size": waves.size, "demand": waves.interval}
    else:
        kind, text = Kind.QUEUE, f"a queue of unknown place: {rate:.1f} events a second complete"
    evidence += _list_grown_parts(growth)
    if waves is not None and kind in {Kind.LOCK, Kind.POOL}:
        says = f"complete together in {waves.regular:.0%} of {waves.count} waves"
        evidence.append(MeasuredNumber("wave", waves.size, "events", says))
    yield Finding(
        kind, text, _choose_confidence(kind, busy, blocked, growth), tuple(evidence),
        growth.heavy.title, growth.after - growth.before, numbers,
    )  # fmt: skip


def _list_grown_parts(growth: Growth) -> Iterable[MeasuredNumber]:
    """List the parts of which most of the growth is certain, by the bounds of their times."""
    before = {part.part: part.bounds.high for part in break_down(growth.light)}
    for part in break_down(growth.heavy):
        grown = part.bounds.low - before.get(part.part, 0.0)
        if part.part in before and grown >= _DOMINANT * part.bounds.high:
            name = part.part.value.replace("_", " ")
            yield MeasuredNumber("growth", grown, "s", f"at least, of the mean time {name}")


def _choose_confidence(
    kind: Kind, busy: float | None, blocked: float | None, growth: Growth
) -> Confidence:
    if kind is Kind.QUEUE:
        return Confidence.LOW
    is_complete = busy is not None and blocked is not None
    enough = len(growth.heavy.totals) >= ENOUGH_EVENTS
    return Confidence.HIGH if is_complete and enough else Confidence.MEDIUM


def _measure_blocked(growth: Growth) -> float | None:
    step, series = growth.heavy, growth.run.health
    # A request that was sent just before the step meets it too.
    readings = series.select(step.begin - 0.3, step.end)
    return max(readings, default=None)


def find_light_step(runs: Sequence[RunMeasurements]) -> Step | None:
    """Find the step with the fewest events in flight that has any executed events."""
    steps = [step for run in runs for step in run.steps if step.totals]
    return min(
        steps, key=lambda step: (step.in_flight, step.load, step.find_total(0.95)), default=None
    )


def find_growth(runs: Sequence[RunMeasurements]) -> Growth | None:
    """Find the growth of the end-to-end time, if it is worth a finding.

    Of several steps of the same load the one in the middle counts, or the lower one of two: a
    growth that does not come again was a disturbance. Compressed runs are left out, since their
    load is not that of the plan, and so are steps that the prober sent late.
    """
    light = find_light_step(runs)
    groups: dict[tuple[str, float, bool], list[tuple[float, int, Step, RunMeasurements]]] = {}
    for run in runs:
        for number, step in enumerate(run.steps if run.compress == 1 else ()):
            if len(step.totals) >= _FEWEST_EVENTS and not is_sent_late(step):
                key = (step.scenario, step.load, step.is_burst)
                entry = (step.find_total(0.95) or 0.0, number, step, run)
                groups.setdefault(key, []).append(entry)
    if light is None or not groups:
        return None
    middles = [sorted(group, key=_get_order)[(len(group) - 1) // 2] for group in groups.values()]
    *_, heavy, run = max(middles, key=_get_order)
    growth = Growth(light, heavy, run)
    if growth.after - growth.before < FLOOR * run.limit or growth.after < _FACTOR * growth.before:
        return None
    return growth


def is_sent_late(step: Step) -> bool:
    """Return whether the prober sent so late that the times of the step may be its own."""
    return step.lag > _LATE * (step.find_total(0.95) or 0.0)


def _get_order(entry: tuple[float, int, Step, RunMeasurements]) -> tuple[float, int]:
    return entry[:2]


def find_clearest_waves(runs: Sequence[RunMeasurements]) -> Waves | None:
    """Find the most regular waves of the large bursts of which no event was lost."""
    bursts = [step for run in runs for step in run.steps if step.is_burst and step.lost_share == 0]
    largest = max((len(step.events) for step in bursts), default=0)
    found = [
        waves
        for step in bursts
        if len(step.events) == largest and (waves := find_waves(step)) is not None
    ]
    return max(found, key=lambda waves: (waves.is_regular, waves.regular), default=None)


def find_waves(step: Step) -> Waves | None:
    """Find the waves of a burst; None where the events were not sent at once, or are too few."""
    times = step.totals
    if not step.is_burst or len(times) < _FEWEST_EVENTS:
        return None
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    threshold = sorted(gaps)[-max(1, len(gaps) // 10) - 1] / 2
    starts = [0, *(number + 1 for number, gap in enumerate(gaps) if gap > threshold)]
    sizes = [later - earlier for earlier, later in itertools.pairwise(starts)]
    if not sizes or times[-1] <= times[0]:
        return None
    usual = round(median(sizes))
    firsts = [times[start] for start in starts]
    between = [later - earlier for earlier, later in itertools.pairwise(firsts)]
    regular = sizes.count(usual) / len(sizes)
    # From the first completion on: what comes before is no part of the waves.
    rate = (len(times) - 1) / (times[-1] - times[0])
    return Waves(usual, regular, median(between), len(starts), rate)
