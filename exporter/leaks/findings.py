"""What is said of each epoch, and of all together."""

from dataclasses import dataclass

from exporter.leaks.growth import Growth
from exporter.leaks.reasons import Reason
from exporter.leaks.signals import Signal
from exporter.leaks.tiers import TierName
from exporter.leaks.trend import Trend
from slos.schema.contract import LeakVerdict


@dataclass(frozen=True, slots=True)
class Measured:
    """The growth that a verdict rests on."""

    tier: TierName
    trend: Trend
    p: float
    """That of the trend, adjusted to the size of the family."""
    relative: float
    """Growth per hour, as a share of the epoch's floor."""
    per_event: float | None
    """Growth for each event; None when there were none or nobody counted."""
    growth: Growth | None
    """What it follows; None where there is no growth to speak of."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict on one epoch of one signal."""

    signal: Signal
    instance: str
    started: float
    """When the epoch began."""
    age: float
    """Seconds from there to the last sample."""
    current: bool
    """It is the epoch that the process lives in now."""
    verdict: LeakVerdict
    reason: Reason
    measured: Measured | None
    """None when there was not enough to measure."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The verdicts on a family of signals and instances."""

    all: tuple[Finding, ...]
    """In the order of the series, and of time."""

    @property
    def current(self) -> tuple[Finding, ...]:
        """One for each series: what is to be said of it now."""
        return tuple(finding for finding in self.all if finding.current)

    @property
    def pages(self) -> bool:
        """Whether to wake someone: something leaks now, and a second witness says so too.

        The witness is another signal that leaks now, or another epoch (an earlier life, or
        another instance) in which the same signal leaked. One alone is a ticket.
        """
        leaks = [finding for finding in self.all if finding.verdict is LeakVerdict.LEAK]
        now = {finding.signal for finding in leaks if finding.current}
        return bool(now) and (len(now) > 1 or sum(leak.signal in now for leak in leaks) > 1)
