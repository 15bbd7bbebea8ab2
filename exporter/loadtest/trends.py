"""Trends over a long run: degradation of latencies, and leaks of the target's processes. Pure.

It needs the extra `leak`, so it is imported where it is used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import median
from typing import Any

from exporter.leakdetection.detector import LeakFinding, detect_leaks
from exporter.leakdetection.policy import HOUR, SIGNIFICANCE_LEVEL, LeakSignal
from exporter.leakdetection.series import ProcessLife, Samples, SignalSeries
from exporter.leakdetection.statistics import fit_trend
from exporter.loadtest.monitor import Columns
from exporter.loadtest.result import LoadStep
from slos.schema.contract import LeakVerdict, Stage

MIN_STEPS = 8
"""Fewest steps whose trend is tested."""
_SIGNALS = {
    LeakSignal.RSS: "rss",
    LeakSignal.OPEN_FILES: "open_files",
    LeakSignal.THREADS: "threads",
}


@dataclass(frozen=True, slots=True)
class LatencyTrend:
    """Trend of the latency over a run.

    Attributes:
        rise: rise from the start to the end, as a share of the median.
        low: lower bound of the rise.
        high: upper bound of the rise.
        p: one-sided p-value of a rise.
        steps: number of steps.
    """

    rise: float
    low: float
    high: float
    p: float
    steps: int

    def is_degraded(self, effect: float) -> bool:
        """Return whether the rise is significant, and above an effect."""
        return self.p < SIGNIFICANCE_LEVEL and self.low > 0 and self.rise > effect


def measure_degradation(
    steps: Sequence[tuple[float, LoadStep]], *, quantile: str
) -> LatencyTrend | None:
    """Test whether the latency rose over a run; None with too few steps.

    Steps of one phase are compared with each other only: each value is a share of the median of its
    phase. The test is that of Mann and Kendall, with the variance of Hamed and Rao.

    Args:
        steps: the steps, each with its hour.
        quantile: name of the quantile.
    """
    values = [
        (hour, step.phase, estimate.value)
        for hour, step in steps
        if (estimate := step.quantiles.get(Stage.END_TO_END.value, {}).get(quantile))
        and estimate.value
    ]
    if len(values) < MIN_STEPS:
        return None
    by_phase = groupby(sorted(values, key=lambda each: each[1]), key=lambda each: each[1])
    typical = {phase: median(value for *_, value in found) for phase, found in by_phase}
    shares = Samples.from_readings(
        [hour for hour, *_ in values], [value / typical[phase] for _, phase, value in values]
    )
    trend = fit_trend(shares.times, shares.values, level=SIGNIFICANCE_LEVEL)
    span = values[-1][0] - values[0][0]
    return LatencyTrend(
        trend.slope * span, trend.low * span, trend.high * span, trend.p, len(values)
    )


def find_leaks(
    processes: Sequence[Mapping[str, Any]],
    events: tuple[Sequence[float], Sequence[float]],
    *,
    interval: float,
    compress: float,
) -> list[dict[str, Any]]:
    """Judge the resources of processes; a compressed run counts as one of its planned length.

    Args:
        processes: readings, as in the result file.
        events: times and counts of the events.
        interval: seconds between two readings.
        compress: factor by which the run was shortened.
    """
    times, counts = events
    life = ProcessLife(
        starts=(), events=Samples.from_readings([t * compress for t in times], counts)
    )
    family = [
        SignalSeries(
            signal,
            str(process["replica"]),
            _read_samples(process["columns"], column, compress),
            life,
            interval * compress,
        )
        for process in processes
        for signal, column in _SIGNALS.items()
    ]
    return [_describe_finding(finding) for finding in detect_leaks(family).current]


def _read_samples(columns: Columns, column: str, compress: float) -> Samples:
    pairs = [
        (t * compress, value)
        for t, value in zip(columns["t"], columns[column], strict=True)
        if t is not None and value is not None
    ]
    return Samples.from_readings([t for t, _ in pairs], [value for _, value in pairs])


def _describe_finding(finding: LeakFinding) -> dict[str, Any]:
    measured = finding.measurement
    return {
        "signal": finding.signal.value,
        "replica": finding.instance,
        "verdict": finding.verdict.name.lower(),
        "reason": finding.reason.value,
        "hours": round(finding.age / HOUR, 3),
        "per_hour": measured and measured.trend.slope,
        "per_event": measured and measured.per_event,
        "cause": measured.growth.value if measured and measured.growth else None,
        "p": measured and measured.p,
        "is_leak": finding.verdict is LeakVerdict.LEAK,
    }


def describe_trend(trend: LatencyTrend | None) -> dict[str, Any] | None:
    """Describe a trend for the result file."""
    return asdict(trend) if trend else None
