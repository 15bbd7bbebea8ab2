"""Tells a leak from everything that looks like one.

Pure: series in, verdicts out. Nothing here reads a clock, asks Prometheus or sets a gauge.

    findings = judge([Series(Signal.RSS, "agent-sre-0", Samples.of(times, values), life)], at=now)

A trend test alone takes a warm-up, a high-water mark and the daily rhythm for leaks. So the
floor of each process life is tested, not its samples, and a trend is only the first of several
gates: it must be large enough, go on, and cost enough for each event.
"""

from exporter.leaks.findings import Finding, Findings, Measured
from exporter.leaks.growth import Growth
from exporter.leaks.judge import judge
from exporter.leaks.reasons import Reason
from exporter.leaks.series import Life, Samples, Series
from exporter.leaks.signals import Kind, Signal
from exporter.leaks.trend import Trend

__all__ = [
    "Finding",
    "Findings",
    "Growth",
    "Kind",
    "Life",
    "Measured",
    "Reason",
    "Samples",
    "Series",
    "Signal",
    "Trend",
    "judge",
]
