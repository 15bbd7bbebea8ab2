"""Statistics of a load step: shares and rates. Pure.

Events that failed because of the prober itself count on neither side, and neither does a time whose
bounds are on both sides of the target. A rate is the number of
events completed in time, divided by the time from the first event to the last completion, and at
least by the time in which the step was sent. So a backlog that is worked off afterwards is no
throughput.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, log
from statistics import linear_regression

from exporter.loadtest.quantiles import QuantileEstimate, estimate_quantiles
from exporter.loadtest.result import LoadStep
from exporter.model.run import Run
from slos.schema.contract import IssueCount, Stage, Verdict
from slos.schema.units import Duration

_EXECUTED_ONCE = frozenset({Verdict.OK, Verdict.LATE})
"""Executed exactly once, with the right parameters."""

_ACCEPTED_ONLY = frozenset({Verdict.LOST, Verdict.DUPLICATED, Verdict.CORRUPTED})
"""Accepted by agent-sre, and not executed exactly once as sent."""


@dataclass(frozen=True, slots=True)
class SentEvents:
    """Events of a step, with the offset of each from the first."""

    load: float
    offsets: Sequence[float]
    runs: Sequence[Run]
    duration: float
    """Seconds in which they were sent."""
    phase: str = ""
    """Part of the load that they belong to."""


def get_completion_time(run: Run, stage: Stage, limit: float) -> float | None:
    """Return the seconds from the intended send to the end of a stage; None if late.

    A reply alone proves nothing. So for the stages of agent-sre only events count that were
    executed exactly once. An issue counts by itself. Of a time that is known within bounds, the
    upper one counts.
    """
    if stage is not Stage.LINEAR_ISSUE_CREATION and run.verdict not in _EXECUTED_ONCE:
        return None
    stages = run.stages
    if stage not in stages or not stages[stage].is_within(limit):
        return None
    # The function starts at the first contact, not at the send.
    ends_with = Stage.END_TO_END if stage is Stage.LAMBDA_EXECUTION else stage
    return stages.get(ends_with, stages[stage]).high


def is_decided(run: Run, stage: Stage, limit: float) -> bool:
    """Return whether it is known if an event completed a stage in time."""
    time = run.stages.get(stage)
    return run.verdict is not Verdict.UNKNOWN and (
        time is None or time.is_within(limit) is not None
    )


def measure_step(sent: SentEvents, limits: Mapping[Stage, float]) -> LoadStep:
    """Measure the shares and rates of some stages, each with its limit in seconds."""
    shares, rates = {}, {}
    for stage, limit in limits.items():
        known = [
            (offset, run)
            for offset, run in zip(sent.offsets, sent.runs, strict=True)
            if is_decided(run, stage, limit)
        ]
        ends = [
            offset + took
            for offset, run in known
            if (took := get_completion_time(run, stage, limit)) is not None
        ]
        shares[stage.value] = len(ends) / len(known) if known else 0.0
        duration = max([sent.duration, *ends])
        rates[stage.value] = len(ends) / duration if duration > 0 else 0.0
    verdicts = Counter(run.verdict.value for run in sent.runs)
    return LoadStep(
        sent.load,
        len(sent.runs),
        dict(verdicts),
        shares,
        rates,
        phase=sent.phase,
        quantiles=estimate_latencies(sent.runs),
    )


def estimate_latencies(runs: Iterable[Run]) -> dict[str, dict[str, QuantileEstimate]]:
    """Estimate the latency quantiles of each stage that was observed."""
    observed = [run.stages for run in runs]
    return {
        stage.value: estimate_quantiles([each[stage] for each in observed if stage in each])
        for stage in Stage
        if any(stage in each for each in observed)
    }


def count_flow(step: LoadStep) -> dict[str, float | int | str | None]:
    """Count how far the events of a step came; issues are None where they are not observed."""
    verdicts = Counter(step.verdicts)
    executed = sum(verdicts[verdict] for verdict in _EXECUTED_ONCE)
    return {
        "load": step.load,
        "phase": step.phase,
        "sent": step.sent,
        "accepted": executed + sum(verdicts[verdict] for verdict in _ACCEPTED_ONLY),
        "executed_once": executed,
        "lost": verdicts[Verdict.LOST],
        "with_issue": (
            step.issues.get(IssueCount.ONE, 0) + step.issues.get(IssueCount.SEVERAL, 0)
            if step.issues
            else None
        ),
        "unknown": verdicts[Verdict.UNKNOWN],
    }


def find_highest_rate(steps: Iterable[LoadStep], stage: Stage, *, share: float) -> float:
    """Find the highest rate of the steps at which enough events completed; 0 when there is none."""
    rates = (step.rates[stage.value] for step in steps if step.shares[stage.value] >= share)
    return max(rates, default=0.0)


def is_issue_known(run: Run, issues: IssueCount | None) -> bool:
    """Return whether the time of an event's issue is known, or that there is none."""
    return issues is IssueCount.NONE or Stage.LINEAR_ISSUE_CREATION in run.stages


def list_limits(targets: Mapping[Stage, Duration], stages: Iterable[Stage]) -> dict[Stage, float]:
    """List the limit of each stage in seconds; infinite where no spec has a target."""
    return {stage: float(targets[stage].seconds) if stage in targets else inf for stage in stages}


def fit_growth_exponent(points: Iterable[tuple[float, float | None]]) -> float | None:
    """Fit the exponent by which a time grows with the size of a burst; None without two sizes."""
    found = [(log(size), log(time)) for size, time in points if time]
    if len({size for size, _ in found}) < 2:  # noqa: PLR2004 - a line
        return None
    return linear_regression(*zip(*found, strict=True)).slope
