"""When everything happens: one fixed month, in milliseconds.

Fixed, so that the benchmark says the same on every machine and every day.
"""

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

SCRAPE = 30 * SECOND
PERIOD = 30 * DAY
LEAD = 2 * HOUR
"""Data before the period starts, so that a method that looks too far back is seen."""

# Prometheus' largest block, 1458 h, starts here (2024-11-20 12:00 UTC). All data lies in one
# block, and promtool, which reads its whole input once for each block, reads it once.
BLOCK = 1_458 * HOUR
START = 330 * BLOCK
END = START + LEAD + PERIOD


def find_evaluation(phase: int, interval: int, *, end: int) -> int:
    """The last evaluation of a group at or before a moment."""
    return end - (end - phase) % interval


def get_hour_of_day(minute: int) -> float:
    """Hours since midnight, UTC, of a minute counted from the start."""
    return (START // HOUR + minute / 60) % 24
