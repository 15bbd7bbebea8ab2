"""Policy of the leak detector: signals, thresholds and reasons. Data only."""

from dataclasses import dataclass
from enum import StrEnum

from slos.schema.contract import LeakVerdict

HOUR = 3600.0

SIGNIFICANCE_LEVEL = 0.01
"""Maximum probability that a series without growth passes the trend test, over all tests."""

MIN_BYTES_PER_EVENT = 64
"""Minimum loss of a memory leak per event in bytes, where events are counted."""
MIN_RISE = 5
"""Minimum rise of a count between the first and the last third."""


class LeakReason(StrEnum):
    """Reason of a leak verdict: missing data, the criterion that failed, or the proof of a leak."""

    NO_SAMPLES = "no_samples"
    """No sample since the process started."""
    STALE = "stale"
    """The last sample is older than a bucket."""
    WARMING_UP = "warming_up"
    """Not enough time, or not enough events, since the start."""
    TOO_FEW_BUCKETS = "too_few_buckets"
    """Warm, but not for long enough."""
    SCRAPE_GAPS = "scrape_gaps"
    """Long enough, but with too many missing samples."""

    NO_TREND = "no_trend"
    """No rise beyond chance, after the correction for multiple tests."""
    TOO_SLOW = "too_slow"
    """Rises by too small a share of the baseline per hour."""
    TOO_LITTLE_PER_EVENT = "too_little_per_event"
    """Rises by too few bytes per event."""
    TOO_SMALL_RISE = "too_few_more"
    """Count that rises by too few items."""
    SLOWED_DOWN = "slowed_down"
    """Rises, but the last part is slower than the first, or flat: a warm-up, a high-water mark or a
    step."""

    ALL_CRITERIA_MET = "all_gates"
    """All criteria of a leak are met."""
    STEEP_GROWTH = "steep"
    """Steep growth within the last hours meets all criteria of the fast policy."""


@dataclass(frozen=True, slots=True)
class LeakCriteria:
    """Criteria of one verdict."""

    verdict: LeakVerdict
    min_growth: float
    """Minimum growth per hour, as a share of the epoch's baseline, of the whole and of its last
    part."""
    parts: int
    """Number of equal parts; the first and the last are compared."""
    min_slope_ratio: float
    """Minimum slope of the last part, as a share of the first part's slope: a warm-up and a
    high-water mark slow down, a leak does not."""


class PolicyName(StrEnum):
    """Names of the policies; a closed set."""

    SLOW = "slow"
    FAST = "fast"


@dataclass(frozen=True, slots=True)
class LeakPolicy:
    """Policy of one detection: window, buckets and criteria."""

    name: PolicyName
    bucket: float
    """Length of a bucket in seconds; each bucket gives one value of the baseline."""
    warm_up: float
    """Seconds after the start that are ignored."""
    window: float
    """Seconds at the end that are examined; for the slow policy only a bound on the work."""
    criteria: tuple[LeakCriteria, ...]
    """Criteria in rising order of strictness."""
    leak_reason: LeakReason
    """Reason of the verdict when all criteria are met."""
    quantile: float = 0.1
    """Quantile of a bucket that is its baseline value. A minimum would follow a single low
    misreading."""
    warm_up_events: float = 6_000
    """Minimum number of events of the warm-up, where events are counted: capped lists fill by
    events."""
    min_buckets: int = 8
    """Minimum number of buckets with a value."""


SUSPECT_CRITERIA = LeakCriteria(
    LeakVerdict.SUSPECT, min_growth=0.0015, parts=2, min_slope_ratio=0.4
)
CONFIRMED_CRITERIA = LeakCriteria(LeakVerdict.LEAK, min_growth=0.0025, parts=3, min_slope_ratio=0.7)
STEEP_CRITERIA = LeakCriteria(LeakVerdict.LEAK, min_growth=0.02, parts=3, min_slope_ratio=0.7)

SLOW_POLICY = LeakPolicy(
    PolicyName.SLOW,
    bucket=HOUR / 2,
    warm_up=2 * HOUR,
    window=7 * 24 * HOUR,
    criteria=(SUSPECT_CRITERIA, CONFIRMED_CRITERIA),
    leak_reason=LeakReason.ALL_CRITERIA_MET,
)
FAST_POLICY = LeakPolicy(
    PolicyName.FAST,
    bucket=HOUR / 4,
    warm_up=HOUR,
    window=6 * HOUR,
    criteria=(STEEP_CRITERIA,),
    leak_reason=LeakReason.STEEP_GROWTH,
)


class SignalUnit(StrEnum):
    """Units of a signal."""

    BYTES = "bytes"
    COUNT = "count"
    """Whole items: ties are common, and a rise by one or two is no evidence."""


class LeakSignal(StrEnum):
    """Resources that a process holds and should release."""

    WORKING_SET = "working_set"
    RSS = "rss"
    OPEN_FILES = "open_files"
    THREADS = "threads"
    CLOSE_WAIT = "close_wait"
    QUEUE_DEPTH = "queue_depth"
    OPEN_TICKETS = "open_tickets"

    @property
    def unit(self) -> SignalUnit:
        """Unit of the signal."""
        return SignalUnit.BYTES if self in _BYTES else SignalUnit.COUNT


_BYTES = frozenset({LeakSignal.WORKING_SET, LeakSignal.RSS})
