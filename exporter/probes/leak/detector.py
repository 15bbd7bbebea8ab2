"""Series to verdicts: criteria in order, findings."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from exporter.probes.leak.baseline import Floor, floor
from exporter.probes.leak.policy import (
    BYTES_PER_EVENT,
    FAST,
    LEVEL,
    RISE,
    SLOW,
    Grade,
    Kind,
    Reason,
    Signal,
    Tier,
    TierName,
)
from exporter.probes.leak.series import Epoch, Series, cut
from exporter.probes.leak.statistics import Growth, Trend, adjusted, growth, load, slope, trend
from slos.schema.contract import LeakVerdict


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Growth of an epoch, as the criteria read it."""

    series: Series
    floor: Floor
    trend: Trend
    p: float
    """p-value of the trend, adjusted for the number of tests."""
    per_event: float | None
    """Growth per event; None when there were no events or they were not counted."""

    @property
    def relative(self) -> float:
        """Growth per hour, as a share of the epoch's baseline."""
        return self.trend.slope / self.floor.lowest


def closed_gate(evidence: Evidence, grade: Grade) -> Reason | None:
    """Find the first criterion that the growth does not meet; None when it meets all."""
    kind = evidence.series.signal.kind
    if evidence.p >= LEVEL or evidence.trend.low <= 0:
        return Reason.NO_TREND
    if evidence.relative < grade.size:
        return Reason.TOO_SLOW
    if kind is Kind.COUNT and evidence.floor.rise() < RISE:
        return Reason.TOO_FEW_MORE
    if kind is Kind.BYTES and _is_little(evidence.per_event):
        return Reason.TOO_LITTLE_PER_EVENT
    return None if _goes_on(evidence.floor, grade) else Reason.SLOWED_DOWN


def _is_little(per_event: float | None) -> bool:
    return per_event is not None and per_event <= BYTES_PER_EVENT


def _goes_on(floor: Floor, grade: Grade) -> bool:
    """Return True if the last part grows like the first.

    If the first part is flat, any growth is enough by comparison. So the last part must also be
    large enough by itself, or a step between two plateaus could pass by chance.
    """
    first, last = (
        slope(floor.hours[part], floor.values[part]) for part in floor.parts(grade.parts)
    )
    return last >= max(grade.kept * first, grade.size * floor.lowest)


@dataclass(frozen=True, slots=True)
class Measured:
    """Measured growth that a verdict is based on."""

    tier: TierName
    trend: Trend
    p: float
    """p-value of the trend, adjusted for the number of tests."""
    relative: float
    """Growth per hour, as a share of the epoch's baseline."""
    per_event: float | None
    """Growth per event; None when there were no events or they were not counted."""
    growth: Growth | None
    """Cause of the growth; None where there is no significant growth."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Verdict on one epoch of one signal."""

    signal: Signal
    instance: str
    started: float
    """Start of the epoch."""
    age: float
    """Seconds from the start to the last sample."""
    current: bool
    """True for the epoch of the running process."""
    verdict: LeakVerdict
    reason: Reason
    measured: Measured | None
    """None when there was not enough data to measure."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Findings of all signals and instances of one workload."""

    all: tuple[Finding, ...]
    """In the order of the series, then of time."""

    @property
    def current(self) -> tuple[Finding, ...]:
        """Findings of the current epochs, one for each series."""
        return tuple(finding for finding in self.all if finding.current)

    @property
    def pages(self) -> bool:
        """True if a signal leaks now and a second, independent leak confirms it.

        The confirmation is another signal that leaks now, or another epoch (an earlier life, or
        another instance) in which the same signal leaked. One leak alone is a ticket.
        """
        leaks = [finding for finding in self.all if finding.verdict is LeakVerdict.LEAK]
        now = {finding.signal for finding in leaks if finding.current}
        return bool(now) and (len(now) > 1 or sum(leak.signal in now for leak in leaks) > 1)


_Look = Evidence | Reason
"""Epoch under one policy: its evidence, or the reason why there is none."""


def judge(
    family: Iterable[Series], *, at: float | None = None, slow: Tier = SLOW, fast: Tier = FAST
) -> Findings:
    """Find leaks in every epoch of every series.

    Args:
        family: all signals and instances of one workload, tested together; the more there are, the
            clearer each trend has to be.
        now: current time on the clock of the samples, to detect a series that has ended. None:
            every series is taken to go on.
        slow_policy: policy that decides between pass, suspect and leak.
        fast_policy: policy that may report a leak earlier, and nothing else.
    """
    epochs = [epoch for series in family for epoch in cut(series)]
    looks = [_look(epoch, tier, at=at) for epoch in epochs for tier in (slow, fast)]
    fair = iter(adjusted([look.p for look in looks if isinstance(look, Evidence)]))
    looks = [replace(look, p=next(fair)) if isinstance(look, Evidence) else look for look in looks]
    return Findings(
        tuple(
            _of_two(_finding(epoch, slow, calm), _finding(epoch, fast, hasty))
            for epoch, calm, hasty in zip(epochs, looks[::2], looks[1::2], strict=True)
        )
    )


def _look(epoch: Epoch, tier: Tier, *, at: float | None) -> _Look:
    floors = floor(epoch, tier)
    if isinstance(floors, Reason):
        return floors
    if at is not None and epoch.current and at - epoch.samples.times[-1] > tier.bucket:
        return Reason.STALE
    found = trend(floors.hours, floors.values, level=LEVEL)
    seen = load(floors, epoch.series)
    per_event = found.slope / seen.per_hour if seen and seen.per_hour else None
    return Evidence(epoch.series, floors, found, p=found.p, per_event=per_event)


def _finding(epoch: Epoch, tier: Tier, look: _Look) -> Finding:
    verdict, reason = _judged(tier, look)
    return Finding(
        signal=epoch.series.signal,
        instance=epoch.series.instance,
        started=epoch.started,
        age=epoch.age,
        current=epoch.current,
        verdict=verdict,
        reason=reason,
        measured=_measured(tier, look, verdict) if isinstance(look, Evidence) else None,
    )


def _judged(tier: Tier, look: _Look) -> tuple[LeakVerdict, Reason]:
    """Return the verdict of the strictest criteria that are met, and the next failed criterion."""
    if isinstance(look, Reason):
        return LeakVerdict.INSUFFICIENT, look
    verdict = LeakVerdict.PASS
    for grade in tier.grades:
        closed = closed_gate(look, grade)
        if closed:
            return verdict, closed
        verdict = grade.verdict
    return verdict, tier.proof


def _measured(tier: Tier, look: Evidence, verdict: LeakVerdict) -> Measured:
    return Measured(
        tier=tier.name,
        trend=look.trend,
        p=look.p,
        relative=look.relative,
        per_event=look.per_event,
        growth=growth(look.floor, look.series) if verdict > LeakVerdict.PASS else None,
    )


def _of_two(slow: Finding, fast: Finding) -> Finding:
    """Select the slow policy's finding, unless only the fast policy finds a leak."""
    if fast.verdict is LeakVerdict.LEAK and slow.verdict is not LeakVerdict.LEAK:
        return fast
    return slow
