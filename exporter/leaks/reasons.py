"""Reasons of leak verdicts; a closed set, used as label values."""

from enum import StrEnum


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
