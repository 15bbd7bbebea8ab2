"""Explanation of a leak verdict in words: its numbers, and what would change it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.leakdetection.policy import (
    CONFIRMED_CRITERIA,
    FAST_POLICY,
    HOUR,
    MIN_BYTES_PER_EVENT,
    MIN_RISE,
    SIGNIFICANCE_LEVEL,
    SLOW_POLICY,
    STEEP_CRITERIA,
    SUSPECT_CRITERIA,
    LeakReason,
    LeakSignal,
    PolicyName,
    SignalUnit,
)
from slos.schema.contract import LeakVerdict

if TYPE_CHECKING:  # it imports NumPy
    from exporter.leakdetection.detector import LeakFinding, Measurement

_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class LeakExplanation:
    """Verdict on one signal of one replica, in words.

    Attributes:
        signal: the signal.
        replica: the replica.
        verdict: the verdict.
        growth: measured growth per hour with its bounds; empty where nothing was measured.
        reason: why this is the verdict.
        change: what would change it.
    """

    signal: LeakSignal
    replica: str
    verdict: LeakVerdict
    growth: str
    reason: str
    change: str


@dataclass(frozen=True, slots=True)
class LeakJudgement:
    """Verdicts on all signals of a workload at one time.

    Attributes:
        at: wall clock seconds.
        explanations: the verdicts, the worst first.
        note: why there are none, or which signals were not observed; empty without a gap.
    """

    at: float
    explanations: Sequence[LeakExplanation] = ()
    note: str = ""


def explain_findings(findings: Iterable["LeakFinding"]) -> list[LeakExplanation]:
    """Explain findings, the worst first."""
    explanations = map(_explain_finding, findings)
    return sorted(explanations, key=lambda each: (-each.verdict, each.replica, each.signal))


def _explain_finding(finding: "LeakFinding") -> LeakExplanation:
    measurement = finding.measurement
    growth, reason = "", _NOT_MEASURED.get(finding.reason, "")
    if measurement is not None:
        growth = _describe_growth(finding.signal.unit, measurement)
        reason = _explain_measurement(finding, measurement)
    change = _CHANGES.get(finding.reason, "")
    if finding.verdict is LeakVerdict.LEAK:
        change = (
            "The verdict ends when the growth stops or the replica restarts. A single leak creates "
            "a ticket. A second one, of another signal, replica or restart, creates a page."
        )
    elif finding.verdict is LeakVerdict.SUSPECT:
        change = f"The verdict becomes leak if the growth continues. {change}"
    return LeakExplanation(
        finding.signal, finding.instance, finding.verdict, growth, reason, change
    )


def _describe_growth(unit: SignalUnit, measurement: "Measurement") -> str:
    trend = measurement.trend
    return (
        f"{_format_amount(unit, trend.slope)} per hour "
        f"({_format_amount(unit, trend.low)} to {_format_amount(unit, trend.high)})"
    )


def _format_amount(unit: SignalUnit, value: float) -> str:
    if unit is SignalUnit.BYTES:
        return f"{value / _MEGABYTE:+.3g} MB"
    return f"{value:+.3g}"


def _explain_measurement(finding: "LeakFinding", measurement: "Measurement") -> str:
    """Explain what was measured, and the criterion that decided."""
    trend = measurement.trend
    hours = finding.age / HOUR
    facts = [
        f"{trend.n} baseline values, a process {hours:.1f} h old",
        f"{measurement.relative:+.2%} of the baseline per hour",
        f"probability of such a rise by chance {measurement.p:.2g}",
    ]
    if measurement.per_event is not None:
        unit = " bytes" if finding.signal.unit is SignalUnit.BYTES else ""
        facts.append(f"{measurement.per_event:+.3g}{unit} per event")
    if measurement.growth is not None:
        facts.append(_CAUSES.get(measurement.growth.value, measurement.growth.value))
    text = _MEASURED.get(finding.reason, "")
    if measurement.policy is PolicyName.FAST:
        text = f"{text} in the last {FAST_POLICY.window / HOUR:.0f} hours"
    return f"{text}: {', '.join(facts)}."


_CAUSES: Mapping[str, str] = {
    "per_event": "it grows with each event",
    "time": "it grows with time, not with events",
    "queue": "work is queueing",
    "undetermined": "events and time cannot be told apart",
}
"""Causes of growth, by `GrowthCause`."""

_NOT_MEASURED: Mapping[LeakReason, str] = {
    LeakReason.NO_SAMPLES: "There is no sample since the process started.",
    LeakReason.STALE: "The last sample is too old.",
    LeakReason.WARMING_UP: "The process is still warming up.",
    LeakReason.TOO_FEW_BUCKETS: "The process is warm, but not for long enough.",
    LeakReason.SCRAPE_GAPS: "Too many samples are missing.",
}

_MEASURED: Mapping[LeakReason, str] = {
    LeakReason.NO_TREND: "It does not rise beyond chance",
    LeakReason.TOO_SLOW: "It rises, but slowly",
    LeakReason.TOO_LITTLE_PER_EVENT: "It rises, but by little for each event",
    LeakReason.TOO_SMALL_RISE: "It rises, but by few items",
    LeakReason.SLOWED_DOWN: "It rose, and has slowed down",
    LeakReason.ALL_CRITERIA_MET: "It rises steadily",
    LeakReason.STEEP_GROWTH: "It rises steeply",
}

_CHANGES: Mapping[LeakReason, str] = {
    LeakReason.NO_SAMPLES: "A sample, once Prometheus or the prober has read one.",
    LeakReason.STALE: "A new sample.",
    LeakReason.WARMING_UP: (
        f"A verdict needs {SLOW_POLICY.warm_up / HOUR:.0f} hours and, where events are counted, "
        f"{SLOW_POLICY.warm_up_events:,.0f} of them, and then {SLOW_POLICY.min_buckets} values of "
        f"{SLOW_POLICY.bucket / 60:.0f} minutes."
    ),
    LeakReason.TOO_FEW_BUCKETS: (
        f"A verdict needs {SLOW_POLICY.min_buckets} values of "
        f"{SLOW_POLICY.bucket / 60:.0f} minutes after the warm-up."
    ),
    LeakReason.SCRAPE_GAPS: "Fewer gaps: three quarters of the values must have enough samples.",
    LeakReason.NO_TREND: (
        f"A rise with a probability by chance below {SIGNIFICANCE_LEVEL:.0%} over all signals, "
        "and a lower bound above zero."
    ),
    LeakReason.TOO_SLOW: (
        f"Growth of {SUSPECT_CRITERIA.min_growth:.2%} of the baseline per hour is suspect, "
        f"{CONFIRMED_CRITERIA.min_growth:.2%} may be a leak, "
        f"{STEEP_CRITERIA.min_growth:.0%} within hours is one."
    ),
    LeakReason.TOO_LITTLE_PER_EVENT: f"More than {MIN_BYTES_PER_EVENT} bytes for each event.",
    LeakReason.TOO_SMALL_RISE: f"A rise by {MIN_RISE} items from the first third to the last.",
    LeakReason.SLOWED_DOWN: (
        f"The last part must rise at least {SUSPECT_CRITERIA.min_slope_ratio:.0%} as fast as the "
        f"first to be suspect, {CONFIRMED_CRITERIA.min_slope_ratio:.0%} to be a leak."
    ),
}
