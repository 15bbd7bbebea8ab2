"""Signal of a ratio: each slice of time has a ratio of errors and the same weight."""

from slos.schema.grouping import labels_of
from slos.schema.promql import selectors
from slos.schema.signal import Signal, Weight


def of_ratio(ratio: str, *, read_from: str, why: str = "") -> Signal:
    """Build a signal in which a ratio gives the errors of each slice of time.

    Args:
        ratio: a query template that gives the ratio of errors, 0 to 1.
        read_from: the query whose labels and series are those of the SLO.
        why: the reason why events are not counted and, after a semicolon, the remedy.
    """
    # The comparison drops NaN, which a ratio without traffic gives. Separate rates may differ
    # slightly more than they should, so the ratio is clamped to 0 and 1.
    measured = f"({ratio} >= -Inf)"
    return Signal(
        errors=f"clamp({measured}, 0, 1)",
        total=f"{measured} ^ 0",
        counting=None,
        weight=Weight.TIME,
        errors_may_be_absent=False,
        by=labels_of(read_from),
        sources=selectors(read_from),
        note=f"the budget is weighted by time, not by events: {why}" if why else "",
    )
