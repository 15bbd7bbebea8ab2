"""Policies of the leak detector: windows, and the thresholds of the criteria. Data only.

The thresholds were found on simulated series of a process of 150 MB: white and autocorrelated
noise, a garbage collector's sawtooth, a warm-up, a high-water mark and a daily rhythm. With them,
the two sets of criteria of the slow policy keep the false positive rates that
`tests/exporter/leaks` states. A trend test alone is wrong in up to all of these cases.
"""

from dataclasses import dataclass
from enum import StrEnum

from exporter.leaks.reasons import Reason
from slos.schema.contract import LeakVerdict

HOUR = 3600.0

LEVEL = 0.01
"""Maximum probability that a series without growth passes the trend test, over all tests."""


@dataclass(frozen=True, slots=True)
class Grade:
    """Criteria of one verdict."""

    verdict: LeakVerdict
    size: float
    """Minimum growth per hour, as a share of the epoch's baseline, of the whole and of its last
    part."""
    parts: int
    """Number of equal parts; the first and the last are compared."""
    kept: float
    """Minimum slope of the last part, as a share of the first part's slope: a warm-up and a
    high-water mark slow down, a leak does not."""


class TierName(StrEnum):
    """Names of the policies; a closed set."""

    SLOW = "slow"
    FAST = "fast"


@dataclass(frozen=True, slots=True)
class Tier:
    """Policy of one detection: window, buckets and criteria."""

    name: TierName
    bucket: float
    """Length of a bucket in seconds; each bucket gives one value of the baseline."""
    warm_up: float
    """Seconds after the start that are ignored."""
    window: float
    """Seconds at the end that are examined; for the slow policy only a bound on the work."""
    grades: tuple[Grade, ...]
    """Criteria in rising order of strictness."""
    proof: Reason
    """Reason of the verdict when all criteria are met."""
    quantile: float = 0.1
    """Quantile of a bucket that is its baseline value. A minimum would follow a single low
    misreading."""
    warm_up_events: float = 6_000
    """Minimum number of events of the warm-up, where events are counted: capped lists fill by
    events."""
    buckets: int = 8
    """Minimum number of buckets with a value."""


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
"""Minimum loss of a memory leak per event in bytes, where events are counted."""
RISE = 5
"""Minimum rise of a count between the first and the last third."""
