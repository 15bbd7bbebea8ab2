"""Leak detector: series in, verdicts out.

Pure: it reads no clock, queries nothing and sets no gauge.

    findings = detect_leaks([SignalSeries(signal, "agent-sre-0", samples, life)], now=now)

A trend test alone takes a warm-up, a high-water mark and a daily rhythm for leaks. So the detector
tests the baseline of each process life instead of its samples. A trend is only the first of several
criteria: the growth must also be large enough, be sustained, and be large enough per event.
"""
