"""The policy: what is looked at, and what growth must show to be called a leak. Data only.

The figures were found on simulated series of a process of 150 MB: white and autocorrelated
noise, a garbage collector's sawtooth, a warm-up, a high-water mark and a daily rhythm. With
them, the two grades of the slow tier keep the false positives that `tests/exporter/leaks`
states, which a trend test alone has in up to all of its verdicts.
"""

from dataclasses import dataclass
from enum import StrEnum

from exporter.leaks.reasons import Reason
from slos.schema.contract import LeakVerdict

HOUR = 3600.0

LEVEL = 0.01
"""How likely, at most, a series without growth passes the trend test, over the whole family."""


@dataclass(frozen=True, slots=True)
class Grade:
    """One degree of certainty, and its gates."""

    verdict: LeakVerdict
    size: float
    """Growth per hour, as a share of the epoch's floor, that the whole and its last part need."""
    parts: int
    """The first and the last of so many parts are compared."""
    kept: float
    """The share of the first part's slope that the last part must still have: a warm-up and a
    high-water mark slow down, a leak does not."""


class TierName(StrEnum):
    """The tiers; a closed set."""

    SLOW = "slow"
    FAST = "fast"


@dataclass(frozen=True, slots=True)
class Tier:
    """One way to look at an epoch."""

    name: TierName
    bucket: float
    """Seconds, of which one floor is taken."""
    warm_up: float
    """Seconds from the start that prove nothing."""
    window: float
    """Seconds at the end that are looked at; for the slow tier only a bound of the work."""
    grades: tuple[Grade, ...]
    """From lax to strict; each asks more than the one before."""
    proof: Reason
    """What is said of growth that passes all of them."""
    quantile: float = 0.1
    """Which reading of a bucket is its floor. One low misreading would move the minimum."""
    warm_up_events: float = 6_000
    """Where events are counted, so many must have passed as well: capped lists fill by them."""
    buckets: int = 8
    """Floors that are needed at least."""


SUSPECT = Grade(LeakVerdict.SUSPECT, size=0.0015, parts=2, kept=0.4)
CONFIRMED = Grade(LeakVerdict.LEAK, size=0.0025, parts=3, kept=0.7)
STEEP = Grade(LeakVerdict.LEAK, size=0.02, parts=3, kept=0.7)

SLOW = Tier(
    TierName.SLOW,
    bucket=HOUR / 2,
    warm_up=2 * HOUR,
    window=7 * 24 * HOUR,
    grades=(SUSPECT, CONFIRMED),
    proof=Reason.ALL_GATES,
)
FAST = Tier(
    TierName.FAST,
    bucket=HOUR / 4,
    warm_up=HOUR,
    window=6 * HOUR,
    grades=(STEEP,),
    proof=Reason.STEEP,
)

BYTES_PER_EVENT = 64
"""A leak of memory loses more than so much with each event, where events are counted."""
RISE = 5
"""A count rises by at least so much between the first and the last third."""
