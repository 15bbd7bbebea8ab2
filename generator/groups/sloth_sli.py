"""Sloth's SLI recordings: the error ratio of every alert window, and of the period."""

from collections.abc import Iterator

from generator import names
from generator.model import RecordingRule
from generator.sloth.model import SlothSLO
from slos.schema.promql import render
from slos.schema.signal import EventQueries
from slos.schema.units import Duration

PROFILE = "sloth"
ORDER = 1


def rules(slo: SlothSLO, *, optimized: bool = True) -> Iterator[RecordingRule]:
    """Every window from raw series; the period from the shortest window, unless told not to."""
    for window in slo.lengths:
        yield recorded(slo, window, ratio(slo, window))
    yield recorded(slo, slo.period, mean_ratio(slo) if optimized else ratio(slo, slo.period))


def recorded(slo: SlothSLO, window: Duration, expr: str) -> RecordingRule:
    """The rule that records a window's error ratio; a user's label wins over ours, as in Sloth."""
    labels = {**slo.identity, names.WINDOW: str(window), **slo.labels}
    return RecordingRule(names.error_ratio(window), expr, labels)


def ratio(slo: SlothSLO, window: Duration) -> str:
    """The share of errors over a window, read from raw series."""
    if isinstance(slo.queries, EventQueries):
        errors = render(slo.queries.errors, str(window))
        return f"({errors})\n/\n({render(slo.queries.total, str(window))})\n"
    return f"({render(slo.queries.ratio, str(window))})"


def mean_ratio(slo: SlothSLO) -> str:
    """The mean of the shortest window's ratios over the period."""
    samples = f"{slo.error_ratio(slo.shortest)}[{slo.period}]"
    return f"sum_over_time({samples})\n/ ignoring (sloth_window)\ncount_over_time({samples})\n"
