"""SLIs without events to count: each slice of time has a share of errors, weighted by time."""

from slos.schema.grouping import labels_of
from slos.schema.promql import selectors
from slos.schema.signal import Signal, Weight


def of_ratio(ratio: str, *, read_from: str, why: str = "") -> Signal:
    """Each slice is as bad as a ratio says.

    Args:
        ratio: a template that gives the share of errors, 0 to 1.
        read_from: the query whose labels and series are those of the SLO.
        why: the reason, and after a semicolon what would help, where events were asked for.
    """
    # The comparison drops NaN, which a ratio without traffic gives. Two rates apart may differ
    # by a hair more than they should, so the ratio is held between 0 and 1.
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
