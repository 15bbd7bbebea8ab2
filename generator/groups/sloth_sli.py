"""Sloth's SLI recordings: the error ratio of every alert window, and of the period."""

from collections.abc import Iterator

from generator import names
from generator.model import RecordingRule
from generator.sloth.model import SlothSLO
from slos.schema.promql import parse, render
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
        errors, total = filled(slo.queries.errors, window), filled(slo.queries.total, window)
        return f"{errors}\n/\n{total}\n"
    return filled(slo.queries.ratio, window)


def filled(template: str, window: Duration) -> str:
    """A query over a window, in brackets, its text as it was written.

    A comment at its end would swallow the closing bracket, as it does in Sloth, whose rules do
    not load then; it alone is followed by a new line.
    """
    query = render(template, str(window))
    if "#" in query.rpartition("\n")[2]:
        try:
            parse(f"({query})")
        except ValueError:
            return f"({query}\n)"
    return f"({query})"


def mean_ratio(slo: SlothSLO) -> str:
    """The mean of the shortest window's ratios over the period."""
    samples = f"{slo.error_ratio(slo.shortest)}[{slo.period}]"
    return f"sum_over_time({samples})\n/ ignoring (sloth_window)\ncount_over_time({samples})\n"
