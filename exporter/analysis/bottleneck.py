"""Bottlenecks of the target, each with its evidence and a confidence. Pure.

Every check reads measurements, and returns a finding with its numbers or nothing. A check without
enough data returns a gap, which is a finding too. The confidence is high if all signs that were
measured agree and there are enough events, and medium if a sign was not measured.
"""

from collections.abc import Callable, Iterable, Sequence
from statistics import median

from exporter.analysis.breakdown import Part, break_down
from exporter.analysis.finding import (
    ENOUGH_EVENTS,
    FLOOR,
    Confidence,
    Diagnosis,
    Finding,
    Gap,
    Kind,
    MeasuredNumber,
)
from exporter.analysis.leaks import find_growing_memory, find_leaks
from exporter.analysis.measurements import RunMeasurements, Step
from exporter.analysis.queueing import find_light_step, find_queue, is_sent_late

_DOMINANT = 0.5
_MISSING = 0.15
_RARELY_MISSING = 0.05
_FEWEST_EVENTS = 8
_SLOW_FACTOR = 3.0
_SHARE_TOLERANCE = 0.12
_LOST = 0.05


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
            MeasuredNumber(
                "mean", part.bounds.low, "s", f"at least, of a single event; up to "
                f"{part.bounds.high:.2f} s",
            ),
            MeasuredNumber("share", part.share.low, "ratio", "of the end-to-end time, at least"),
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


def _find_missing_issues(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
    """Find issues that are missing under load only."""
    steps = [step for run in runs for step in run.steps if step.missing_issues[1] > 0]
    light = min(steps, key=lambda step: (step.in_flight, step.load), default=None)
    if light is None or _compute_share(light.missing_issues) > _RARELY_MISSING:
        return
    worst = max(
        (step for step in steps if step.missing_issues[1] >= _FEWEST_EVENTS),
        key=lambda step: _compute_share(step.missing_issues),
        default=None,
    )
    if worst is None or _compute_share(worst.missing_issues) < _MISSING:
        return
    missing, known = worst.missing_issues
    created = known - missing
    span = max(worst.completed_rate and len(worst.totals) / worst.completed_rate, 1.0)
    evidence = (
        MeasuredNumber(
            "missing", missing / known, "ratio", f"{missing} of {known} events have no issue"
        ),
        MeasuredNumber("created", created, "issues", "in this step; a single event has its issue"),
        MeasuredNumber("executed", 1 - worst.lost_share, "ratio", "of these events were executed"),
    )
    yield Finding(
        Kind.LINEAR_LIMIT,
        f"a rate limit of Linear: {missing} of {known} events have no issue under load",
        Confidence.HIGH if known >= ENOUGH_EVENTS else Confidence.MEDIUM,
        evidence,
        worst.title,
        missing / known * next(run.limit for run in runs if worst in run.steps),
        {"rate": created / span, "missing": missing / known},
    )


def _compute_share(counts: tuple[int, int]) -> float:
    return counts[0] / counts[1] if counts[1] else 0.0


def _find_slow_replica(runs: Sequence[RunMeasurements]) -> Iterable[Finding]:
    """Find steps in which as many events are slow as one of the replicas takes."""
    for run in runs:
        singles = [step for step in run.steps if step.replicas == 1]
        found = [
            (split, step)
            for step in run.steps
            if (step.replicas or 1) > 1 and (split := _split_times(step, run.limit)) is not None
        ]
        if not found or any(_split_times(step, run.limit) for step in singles):
            continue
        (fast, slow, share), step = max(found, key=lambda each: len(each[1].totals))
        evidence = (
            MeasuredNumber("slow events", share, "ratio", f"1 of {step.replicas} replicas takes "
                     f"{1 / (step.replicas or 1):.0%}"),
            MeasuredNumber("slow", slow, "s", "median of the slow events"),
            MeasuredNumber("fast", fast, "s", "median of the others"),
        )  # fmt: skip
        yield Finding(
            Kind.SLOW_REPLICA,
            f"one slow replica of {step.replicas}: {share:.0%} of the events take {slow:.2f} s, "
            f"the others {fast:.2f} s",
            Confidence.HIGH if singles and len(step.totals) >= ENOUGH_EVENTS
            else Confidence.MEDIUM,
            evidence,
            step.title,
            slow - fast,
            {"fast": fast, "slow": slow, "share": share},
        )  # fmt: skip


def _split_times(step: Step, limit: float) -> tuple[float, float, float] | None:
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
        MeasuredNumber(
            "lost", worst.lost_share, "ratio", f"of {len(worst.events)} events at {worst.title}"
        ),
        MeasuredNumber("rate", worst.completed_rate, "events/s", "were executed meanwhile"),
    )
    yield Finding(
        Kind.LOSS,
        f"events are lost: {worst.lost_share:.0%} were not executed exactly once",
        Confidence.HIGH if len(worst.events) >= ENOUGH_EVENTS else Confidence.MEDIUM,
        evidence,
        worst.title,
        worst.lost_share * run.limit / 100,
        {"lost": worst.lost_share, "rate": worst.completed_rate},
    )


_CHECKS: Sequence[Callable[[Sequence[RunMeasurements]], Iterable[Finding]]] = (
    _find_slow_parts,
    find_queue,
    _find_missing_issues,
    _find_slow_replica,
    find_leaks,
    find_growing_memory,
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
