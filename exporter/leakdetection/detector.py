"""Leak detector: criteria applied in order to the series of one family."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from exporter.leakdetection.baseline import Baseline, compute_baseline
from exporter.leakdetection.multiple_tests import adjust_p_values
from exporter.leakdetection.policy import (
    FAST_POLICY,
    MIN_BYTES_PER_EVENT,
    MIN_RISE,
    SIGNIFICANCE_LEVEL,
    SLOW_POLICY,
    LeakCriteria,
    LeakPolicy,
    LeakReason,
    LeakSignal,
    PolicyName,
    SignalUnit,
)
from exporter.leakdetection.series import Epoch, SignalSeries, split_epochs
from exporter.leakdetection.statistics import (
    GrowthCause,
    Trend,
    attribute_growth,
    compute_slope,
    fit_trend,
    measure_event_load,
)
from slos.schema.contract import LeakVerdict


@dataclass(frozen=True, slots=True, eq=False)
class GrowthEvidence:
    """Growth of an epoch, as the criteria read it."""

    series: SignalSeries
    baseline: Baseline
    trend: Trend
    p: float
    """p-value of the trend, adjusted for the number of tests."""
    per_event: float | None
    """Growth per event; None when there were no events or they were not counted."""

    @property
    def relative(self) -> float:
        """Growth per hour, as a share of the epoch's baseline."""
        return self.trend.slope / self.baseline.lowest


def find_failed_criterion(evidence: GrowthEvidence, criteria: LeakCriteria) -> LeakReason | None:
    """Find the first criterion that the growth does not meet; None when it meets all."""
    unit = evidence.series.signal.unit
    if evidence.p >= SIGNIFICANCE_LEVEL or evidence.trend.low <= 0:
        return LeakReason.NO_TREND
    if evidence.relative < criteria.min_growth:
        return LeakReason.TOO_SLOW
    if unit is SignalUnit.COUNT and evidence.baseline.compute_rise() < MIN_RISE:
        return LeakReason.TOO_SMALL_RISE
    if unit is SignalUnit.BYTES and _is_little(evidence.per_event):
        return LeakReason.TOO_LITTLE_PER_EVENT
    return None if _is_sustained(evidence.baseline, criteria) else LeakReason.SLOWED_DOWN


def _is_little(per_event: float | None) -> bool:
    return per_event is not None and per_event <= MIN_BYTES_PER_EVENT


def _is_sustained(baseline: Baseline, criteria: LeakCriteria) -> bool:
    """Return True if the last part grows like the first.

    If the first part is flat, any growth is enough by comparison. So the last part must also be
    large enough by itself, or a step between two plateaus could pass by chance.
    """
    first, last = (
        compute_slope(baseline.hours[part], baseline.values[part])
        for part in baseline.split(criteria.parts)
    )
    return last >= max(criteria.min_slope_ratio * first, criteria.min_growth * baseline.lowest)


@dataclass(frozen=True, slots=True)
class Measurement:
    """Measured growth that a verdict is based on."""

    policy: PolicyName
    trend: Trend
    p: float
    """p-value of the trend, adjusted for the number of tests."""
    relative: float
    """Growth per hour, as a share of the epoch's baseline."""
    per_event: float | None
    """Growth per event; None when there were no events or they were not counted."""
    growth: GrowthCause | None
    """Cause of the growth; None where there is no significant growth."""


@dataclass(frozen=True, slots=True)
class LeakFinding:
    """Verdict on one epoch of one signal."""

    signal: LeakSignal
    instance: str
    started: float
    """Start of the epoch."""
    age: float
    """Seconds from the start to the last sample."""
    current: bool
    """True for the epoch of the running process."""
    verdict: LeakVerdict
    reason: LeakReason
    measurement: Measurement | None
    """None when there was not enough data to measure."""


@dataclass(frozen=True, slots=True)
class LeakFindings:
    """Findings of all signals and instances of one workload."""

    all: tuple[LeakFinding, ...]
    """In the order of the series, then of time."""

    @property
    def current(self) -> tuple[LeakFinding, ...]:
        """Findings of the current epochs, one for each series."""
        return tuple(finding for finding in self.all if finding.current)

    @property
    def needs_page(self) -> bool:
        """True if a signal leaks now and a second, independent leak confirms it.

        The confirmation is another signal that leaks now, or another epoch (an earlier life, or
        another instance) in which the same signal leaked. One leak alone is a ticket.
        """
        leaks = [finding for finding in self.all if finding.verdict is LeakVerdict.LEAK]
        current_signals = {finding.signal for finding in leaks if finding.current}
        return bool(current_signals) and (
            len(current_signals) > 1 or sum(leak.signal in current_signals for leak in leaks) > 1
        )


_Assessment = GrowthEvidence | LeakReason
"""Epoch under one policy: its evidence, or the reason why there is none."""


def detect_leaks(
    family: Iterable[SignalSeries],
    *,
    now: float | None = None,
    slow_policy: LeakPolicy = SLOW_POLICY,
    fast_policy: LeakPolicy = FAST_POLICY,
) -> LeakFindings:
    """Find leaks in every epoch of every series.

    Args:
        family: all signals and instances of one workload, tested together; the more there are, the
            clearer each trend has to be.
        now: current time on the clock of the samples, to detect a series that has ended. None:
            every series is taken to go on.
        slow_policy: policy that decides between pass, suspect and leak.
        fast_policy: policy that may report a leak earlier, and nothing else.
    """
    epochs = [epoch for series in family for epoch in split_epochs(series)]
    assessments = [
        _assess(epoch, policy, now=now) for epoch in epochs for policy in (slow_policy, fast_policy)
    ]
    p_values = iter(
        adjust_p_values(
            [assessment.p for assessment in assessments if isinstance(assessment, GrowthEvidence)]
        )
    )
    assessments = [
        replace(assessment, p=next(p_values))
        if isinstance(assessment, GrowthEvidence)
        else assessment
        for assessment in assessments
    ]
    return LeakFindings(
        tuple(
            _select_finding(
                _build_finding(epoch, slow_policy, slow_assessment),
                _build_finding(epoch, fast_policy, fast_assessment),
            )
            for epoch, slow_assessment, fast_assessment in zip(
                epochs, assessments[::2], assessments[1::2], strict=True
            )
        )
    )


def _assess(epoch: Epoch, policy: LeakPolicy, *, now: float | None) -> _Assessment:
    baseline = compute_baseline(epoch, policy)
    if isinstance(baseline, LeakReason):
        return baseline
    if now is not None and epoch.current and now - epoch.samples.times[-1] > policy.bucket:
        return LeakReason.STALE
    baseline_trend = fit_trend(baseline.hours, baseline.values, level=SIGNIFICANCE_LEVEL)
    event_load = measure_event_load(baseline, epoch.series)
    per_event = (
        baseline_trend.slope / event_load.per_hour if event_load and event_load.per_hour else None
    )
    return GrowthEvidence(
        epoch.series, baseline, baseline_trend, p=baseline_trend.p, per_event=per_event
    )


def _build_finding(epoch: Epoch, policy: LeakPolicy, assessment: _Assessment) -> LeakFinding:
    verdict, reason = _decide_verdict(policy, assessment)
    return LeakFinding(
        signal=epoch.series.signal,
        instance=epoch.series.instance,
        started=epoch.started,
        age=epoch.age,
        current=epoch.current,
        verdict=verdict,
        reason=reason,
        measurement=_build_measurement(policy, assessment, verdict)
        if isinstance(assessment, GrowthEvidence)
        else None,
    )


def _decide_verdict(policy: LeakPolicy, assessment: _Assessment) -> tuple[LeakVerdict, LeakReason]:
    """Return the verdict of the strictest criteria that are met, and the next failed criterion."""
    if isinstance(assessment, LeakReason):
        return LeakVerdict.INSUFFICIENT, assessment
    verdict = LeakVerdict.PASS
    for criteria in policy.criteria:
        failed = find_failed_criterion(assessment, criteria)
        if failed:
            return verdict, failed
        verdict = criteria.verdict
    return verdict, policy.leak_reason


def _build_measurement(
    policy: LeakPolicy, evidence: GrowthEvidence, verdict: LeakVerdict
) -> Measurement:
    return Measurement(
        policy=policy.name,
        trend=evidence.trend,
        p=evidence.p,
        relative=evidence.relative,
        per_event=evidence.per_event,
        growth=attribute_growth(evidence.baseline, evidence.series)
        if verdict > LeakVerdict.PASS
        else None,
    )


def _select_finding(slow: LeakFinding, fast: LeakFinding) -> LeakFinding:
    """Select the slow policy's finding, unless only the fast policy finds a leak."""
    if fast.verdict is LeakVerdict.LEAK and slow.verdict is not LeakVerdict.LEAK:
        return fast
    return slow
