"""Leak detector: series in, verdicts out.

Pure: it reads no clock, queries nothing and sets no gauge.

    findings = detect_leaks([SignalSeries(signal, "agent-sre-0", samples, life)], now=now)

A trend test alone takes a warm-up, a high-water mark and a daily rhythm for leaks. So the detector
tests the baseline of each process life instead of its samples. A trend is only the first of several
criteria: the growth must also be large enough, be sustained, and be large enough per event.
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
