"""Findings of the leak detector: one for each epoch, and all of them together."""

from dataclasses import dataclass

from exporter.leaks.growth import Growth
from exporter.leaks.reasons import Reason
from exporter.leaks.signals import Signal
from exporter.leaks.tiers import TierName
from exporter.leaks.trend import Trend
from slos.schema.contract import LeakVerdict


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
