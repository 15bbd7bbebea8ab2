"""Which gate decided; a closed set, fit for a label."""

from enum import StrEnum


class Reason(StrEnum):
    """The gate that decided: why there is no verdict, why not a worse one, or how it was proved."""

    NO_SAMPLES = "no_samples"
    """Nothing was read since the process started."""
    STALE = "stale"
    """The last sample is older than a bucket."""
    WARMING_UP = "warming_up"
    """Not enough time, or not enough events, since the start."""
    TOO_FEW_BUCKETS = "too_few_buckets"
    """Warm, but not for long enough."""
    SCRAPE_GAPS = "scrape_gaps"
    """Long enough, but with too many samples missing."""

    NO_TREND = "no_trend"
    """No rise that chance does not explain, the size of the family considered."""
    TOO_SLOW = "too_slow"
    """Rises, but by too small a share of the floor in an hour."""
    TOO_LITTLE_PER_EVENT = "too_little_per_event"
    """Rises, but by too few bytes for the events there were."""
    TOO_FEW_MORE = "too_few_more"
    """A count that rises by too few whole things."""
    SLOWED_DOWN = "slowed_down"
    """Rises, but the last part has lost the pace of the first, or stands still: a warm-up, a
    high-water mark or a step."""

    ALL_GATES = "all_gates"
    """Nothing speaks against a leak."""
    STEEP = "steep"
    """Nothing in the last hours speaks against a leak, and it is a fast one."""
