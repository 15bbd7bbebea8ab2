"""Leak detection: split series into epochs, measure each under both policies, check criteria."""

from collections.abc import Iterable
from dataclasses import replace

from exporter.leaks.epochs import Epoch, cut
from exporter.leaks.findings import Finding, Findings, Measured
from exporter.leaks.floors import floor
from exporter.leaks.gates import Evidence, closed_gate
from exporter.leaks.growth import growth, load
from exporter.leaks.holm import adjusted
from exporter.leaks.reasons import Reason
from exporter.leaks.series import Series
from exporter.leaks.tiers import FAST, LEVEL, SLOW, Tier
from exporter.leaks.trend import trend
from slos.schema.contract import LeakVerdict

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
