"""Thresholds, signals, reasons: data only."""

from dataclasses import dataclass
from enum import StrEnum

from slos.schema.contract import LeakVerdict

HOUR = 3600.0

LEVEL = 0.01
"""Maximum probability that a series without growth passes the trend test, over all tests."""

BYTES_PER_EVENT = 64
"""Minimum loss of a memory leak per event in bytes, where events are counted."""
RISE = 5
"""Minimum rise of a count between the first and the last third."""


class Reason(StrEnum):
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
    TOO_FEW_MORE = "too_few_more"
    """Count that rises by too few items."""
    SLOWED_DOWN = "slowed_down"
    """Rises, but the last part is slower than the first, or flat: a warm-up, a high-water mark or a
    step."""

    ALL_GATES = "all_gates"
    """All criteria of a leak are met."""
    STEEP = "steep"
    """Steep growth within the last hours meets all criteria of the fast policy."""


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


class Kind(StrEnum):
    """Units of a signal."""

    BYTES = "bytes"
    COUNT = "count"
    """Whole items: ties are common, and a rise by one or two is no evidence."""


class Signal(StrEnum):
    """Resources that a process holds and should release."""

    WORKING_SET = "working_set"
    RSS = "rss"
    OPEN_FILES = "open_files"
    THREADS = "threads"
    CLOSE_WAIT = "close_wait"
    QUEUE_DEPTH = "queue_depth"
    OPEN_TICKETS = "open_tickets"

    @property
    def kind(self) -> Kind:
        """Unit of the signal."""
        return Kind.BYTES if self in _BYTES else Kind.COUNT


_BYTES = frozenset({Signal.WORKING_SET, Signal.RSS})
