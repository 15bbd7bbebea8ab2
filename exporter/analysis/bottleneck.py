"""Bottlenecks of the target, each with its evidence and a confidence. Pure.

Every check reads measurements, and returns a finding with its numbers or nothing. A check without
enough data returns a gap, which is a finding too. The confidence is high if all signs that were
measured agree and there are enough events, and medium if a sign was not measured.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from exporter.analysis.breakdown import Part, break_down
from exporter.analysis.measurements import RunMeasurements, Step
from exporter.analysis.memory import measure_growth
from exporter.analysis.queueing import (
    FLOOR,
    Growth,
    find_clearest_waves,
    find_growth,
    find_light_step,
    is_sent_late,
)
from exporter.analysis.resources import find_busiest

_BUSY = 0.6
"""Share of the time in which a process is busy from which it counts as the limit."""
_BLOCKED = 0.25
"""Delay of the health page, as a share of the growth, from which the event loop is blocked."""
_DOMINANT = 0.5
_MISSING = 0.15
_RARELY_MISSING = 0.05
_FEWEST_EVENTS = 8
_ENOUGH_EVENTS = 20
_SLOW_FACTOR = 3.0
_SHARE_TOLERANCE = 0.12
_LOST = 0.05


class Kind(StrEnum):
    """Kind of a bottleneck."""

    CPU = "cpu"
    EVENT_LOOP = "event_loop"
    LOCK = "lock"
    POOL = "pool"
    QUEUE = "queue"
    SLOW_LINEAR = "slow_linear"
    LINEAR_LIMIT = "linear_limit"
    SLOW_SELECTION = "slow_selection"
    SLOW_FUNCTION = "slow_function"
    SLOW_REPLICA = "slow_replica"
    MEMORY_LEAK = "memory_leak"
    LOSS = "loss"


class Confidence(StrEnum):
    """Confidence in a finding."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Measured number of a finding."""

    name: str
    value: float
    unit: str
    says: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Bottleneck with its evidence.

    Attributes:
        kind: the kind.
        title: the bottleneck in a sentence.
        confidence: confidence in it.
        evidence: the numbers.
        step: title of the step that shows it most clearly.
        severity: seconds, or the share of the end-to-end target, that it costs.
        numbers: numbers for the model of the plan.
    """

    kind: Kind
    title: str
    confidence: Confidence
    evidence: tuple[Evidence, ...]
    step: str
    severity: float
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gap:
    """Question that the data do not answer, and what is missing."""

    question: str
    missing: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Bottlenecks, the worst first, and the questions without enough data."""

    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...]

    @property
    def bottleneck(self) -> Finding | None:
        """The worst bottleneck."""
        return self.findings[0] if self.findings else None


def diagnose(runs: Sequence[RunMeasurements]) -> Diagnosis:
    """Find the bottlenecks that the runs show."""
    findings = [finding for check in _CHECKS for finding in check(runs)]
    findings.sort(key=lambda finding: -finding.severity)
    return Diagnosis(tuple(findings), tuple(_list_gaps(runs)))


def _find_slow_parts(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
    """Find a part that takes most of the time even of a single event."""
    light = find_light_step(runs)
    if light is None:
        return
    limit = next(run.limit for run in runs if light in run.steps)
    for part in break_down(light):
        if part.bounds.low < FLOOR * limit or part.share.low < _DOMINANT:
            continue
        kind, name = _PARTS[part.part]
        evidence = (
            Evidence(
                "mean", part.bounds.low, "s", f"at least, of a single event; up to "
                f"{part.bounds.high:.2f} s",
            ),
            Evidence("share", part.share.low, "ratio", "of the end-to-end time, at least"),
        )  # fmt: skip
        numbers = {"seconds": part.bounds.low, "share": part.share.low}
        yield Finding(
            kind,
            f"{name} takes {part.bounds.low:.2f} s of a single event, "
            f"{part.share.low:.0%} of its end-to-end time",
            # From outside, the work of agent-sre before the issue looks like a slow Linear.
            Confidence.HIGH if part.part is Part.FUNCTION else Confidence.MEDIUM,
            evidence,
            light.title,
            part.bounds.low,
            numbers,
        )


_PARTS = {
    Part.UNTIL_ISSUE: (Kind.SLOW_LINEAR, "the time until the Linear issue"),
    Part.ISSUE_TO_CONTACT: (Kind.SLOW_SELECTION, "the time from the issue to the function"),
    Part.UNTIL_CONTACT: (Kind.SLOW_SELECTION, "the time until the function"),
    Part.FUNCTION: (Kind.SLOW_FUNCTION, "the function"),
}


def _find_queue(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
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
    grown = Evidence(
        "p95", growth.after, "s", f"at {growth.heavy.title}; {growth.before:.2f} s at "
        f"{growth.light.title}",
    )  # fmt: skip
    evidence = [grown, Evidence("rate", rate, "events/s", "completed meanwhile")]
    numbers = {"before": growth.before, "after": growth.after, "rate": rate}
    if busy is not None:
        evidence.append(
            Evidence("busy", busy, "ratio", "of the time the process used or awaited CPU")
        )
    if blocked is not None:
        evidence.append(Evidence("health", blocked, "s", "longest reply of the health page"))
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
        evidence.append(Evidence("wave", waves.size, "events", says))
    yield Finding(
        kind, text, _rate_queue(kind, busy, blocked, growth), tuple(evidence),
        growth.heavy.title, growth.after - growth.before, numbers,
    )  # fmt: skip


def _list_grown_parts(growth: Growth) -> Iterable[Evidence]:
    """List the parts of which most of the growth is certain, by the bounds of their times."""
    before = {part.part: part.bounds.high for part in break_down(growth.light)}
    for part in break_down(growth.heavy):
        grown = part.bounds.low - before.get(part.part, 0.0)
        if part.part in before and grown >= _DOMINANT * part.bounds.high:
            name = part.part.value.replace("_", " ")
            yield Evidence("growth", grown, "s", f"at least, of the mean time {name}")


def _rate_queue(
    kind: Kind, busy: float | None, blocked: float | None, growth: Growth
) -> Confidence:
    if kind is Kind.QUEUE:
        return Confidence.LOW
    is_complete = busy is not None and blocked is not None
    enough = len(growth.heavy.totals) >= _ENOUGH_EVENTS
    return Confidence.HIGH if is_complete and enough else Confidence.MEDIUM


def _measure_blocked(growth: Growth) -> float | None:
    step, series = growth.heavy, growth.run.health
    # A request that was sent just before the step meets it too.
    readings = series.select(step.begin - 0.3, step.end)
    return max(readings, default=None)


def _find_missing_issues(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
    """Find issues that are missing under load only."""
    steps = [step for run in runs for step in run.steps if step.missing_issues[1] > 0]
    light = min(steps, key=lambda step: (step.in_flight, step.load), default=None)
    if light is None or _share(light.missing_issues) > _RARELY_MISSING:
        return
    worst = max(
        (step for step in steps if step.missing_issues[1] >= _FEWEST_EVENTS),
        key=lambda step: _share(step.missing_issues),
        default=None,
    )
    if worst is None or _share(worst.missing_issues) < _MISSING:
        return
    missing, known = worst.missing_issues
    created = known - missing
    span = max(worst.completed_rate and len(worst.totals) / worst.completed_rate, 1.0)
    evidence = (
        Evidence("missing", missing / known, "ratio", f"{missing} of {known} events have no issue"),
        Evidence("created", created, "issues", "in this step; a single event has its issue"),
        Evidence("executed", 1 - worst.lost_share, "ratio", "of these events were executed"),
    )
    yield Finding(
        Kind.LINEAR_LIMIT,
        f"a rate limit of Linear: {missing} of {known} events have no issue under load",
        Confidence.HIGH if known >= _ENOUGH_EVENTS else Confidence.MEDIUM,
        evidence,
        worst.title,
        missing / known * next(run.limit for run in runs if worst in run.steps),
        {"rate": created / span, "missing": missing / known},
    )


def _share(counts: tuple[int, int]) -> float:
    return counts[0] / counts[1] if counts[1] else 0.0


def _find_slow_replica(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
    """Find steps in which as many events are slow as one of the replicas takes."""
    for run in runs:
        singles = [step for step in run.steps if step.replicas == 1]
        found = [
            (split, step)
            for step in run.steps
            if (step.replicas or 1) > 1 and (split := _split(step, run.limit)) is not None
        ]
        if not found or any(_split(step, run.limit) for step in singles):
            continue
        (fast, slow, share), step = max(found, key=lambda each: len(each[1].totals))
        evidence = (
            Evidence("slow events", share, "ratio", f"1 of {step.replicas} replicas takes "
                     f"{1 / (step.replicas or 1):.0%}"),
            Evidence("slow", slow, "s", "median of the slow events"),
            Evidence("fast", fast, "s", "median of the others"),
        )  # fmt: skip
        yield Finding(
            Kind.SLOW_REPLICA,
            f"one slow replica of {step.replicas}: {share:.0%} of the events take {slow:.2f} s, "
            f"the others {fast:.2f} s",
            Confidence.HIGH if singles and len(step.totals) >= _ENOUGH_EVENTS
            else Confidence.MEDIUM,
            evidence,
            step.title,
            slow - fast,
            {"fast": fast, "slow": slow, "share": share},
        )  # fmt: skip


def _split(step: Step, limit: float) -> tuple[float, float, float] | None:
    """Split the times at their widest gap, if as many are slow as one replica takes."""
    times = step.totals
    if len(times) < _FEWEST_EVENTS:
        return None
    gap, at = max((times[i + 1] - times[i], i + 1) for i in range(len(times) - 1))
    fast, slow = median(times[:at]), median(times[at:])
    share = (len(times) - at) / len(times)
    is_wide = gap > FLOOR * limit / 2 and slow > _SLOW_FACTOR * fast
    expected = 1 / step.replicas if step.replicas and step.replicas > 1 else share
    if not is_wide or slow - fast < FLOOR * limit or abs(share - expected) > _SHARE_TOLERANCE:
        return None
    return fast, slow, share


def _find_leaks(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
    """Find the leaks of the leak detector."""
    for run in runs:
        for leak in run.leaks:
            if not leak["is_leak"]:
                continue
            per_hour, hours = leak["per_hour"] or 0.0, leak["hours"] or 0.0
            evidence = [Evidence("growth", per_hour, "an hour", f"of {leak['signal']}, over "
                                 f"{hours:.1f} hours as planned")]  # fmt: skip
            if leak["per_event"] is not None:
                evidence.append(Evidence("growth", leak["per_event"], "an event", "of the same"))
            if leak["p"] is not None:
                evidence.append(Evidence("p", leak["p"], "", "probability by chance"))
            yield Finding(
                Kind.MEMORY_LEAK,
                f"a leak: {leak['signal']} grows by {per_hour:,.0f} an hour",
                Confidence.HIGH,
                tuple(evidence),
                f"{run.scenario}, {leak['replica']}",
                FLOOR * run.limit,
                {"per_hour": per_hour},
            )


def _find_growing_memory(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
    """Find memory that grows with the events in runs that are too short for the detector.

    Only the scenario sustained is read: under a rising load, memory grows with what is in flight.
    """
    for run in runs:
        if run.scenario != "sustained" or any(
            leak["verdict"] != "insufficient" for leak in run.leaks
        ):
            continue
        for process in run.processes:
            growth = measure_growth(process, run.sent)
            if growth is None or not growth.is_steady:
                continue
            evidence = (
                Evidence("growth", growth.per_event, "bytes an event", "of resident memory"),
                Evidence("rise", growth.rise, "ratio", "of the memory after the warm-up"),
                Evidence("parts", growth.parts, "parts", "of the run, and each is above the last"),
            )
            yield Finding(
                Kind.MEMORY_LEAK,
                f"a leak: the memory grows by {growth.per_event / 1000:,.1f} kB an event",
                # The leak detector, which sees more, takes hours.
                Confidence.MEDIUM,
                evidence,
                f"{run.scenario}, {process.name}",
                FLOOR * run.limit,
                {"per_event": growth.per_event},
            )


def _find_losses(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
    """Find events that are lost under load."""
    steps = [
        (step, run) for run in runs for step in run.steps if len(step.events) >= _FEWEST_EVENTS
    ]
    if not steps:
        return
    worst, run = max(steps, key=lambda each: each[0].lost_share)
    if worst.lost_share < _LOST:
        return
    evidence = (
        Evidence(
            "lost", worst.lost_share, "ratio", f"of {len(worst.events)} events at {worst.title}"
        ),
        Evidence("rate", worst.completed_rate, "events/s", "were executed meanwhile"),
    )
    yield Finding(
        Kind.LOSS,
        f"events are lost: {worst.lost_share:.0%} were not executed exactly once",
        Confidence.HIGH if len(worst.events) >= _ENOUGH_EVENTS else Confidence.MEDIUM,
        evidence,
        worst.title,
        worst.lost_share * run.limit / 100,
        {"lost": worst.lost_share, "rate": worst.completed_rate},
    )


_CHECKS: Sequence[Callable[[Sequence[RunMeasurements]], Iterable[Finding]]] = (
    _find_slow_parts,
    _find_queue,
    _find_missing_issues,
    _find_slow_replica,
    _find_leaks,
    _find_growing_memory,
    _find_losses,
)


def _list_gaps(runs: Sequence[RunMeasurements]) -> Iterable[Gap]:
    steps = [step for run in runs for step in run.steps]
    if not any(len(step.totals) >= _FEWEST_EVENTS and step.in_flight > 1 for step in steps):
        yield Gap(
            "Does the end-to-end time grow with the load?",
            f"no step has {_FEWEST_EVENTS} executed events or more with several in flight",
        )
    late = sum(map(is_sent_late, steps))
    if late:
        yield Gap("Are the times of all steps the target's?", f"the prober sent {late} steps late")
    if not any(step.missing_issues[1] for step in steps):
        yield Gap("Does Linear limit the rate of issues?", "issues were not observed")
    if not any((step.replicas or 1) > 1 for step in steps):
        yield Gap("Is one replica slower than the others?", "no step has several replicas")
    if not any(run.leaks for run in runs):
        yield Gap("Does the target leak?", "no sustained run with readings of the target")
    elif not any(leak["verdict"] != "insufficient" for run in runs for leak in run.leaks):
        yield Gap(
            "Does the target leak slowly?", "the sustained run was too short for the leak detector"
        )
    if not any(run.processes for run in runs):
        yield Gap(
            "Is a resource of the target exhausted?",
            "neither Prometheus nor /proc had readings of the target",
        )
