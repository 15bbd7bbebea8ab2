"""Sloth's SLI rules: the error ratio of every alert window and of the period."""

from collections.abc import Iterator

from generator import names
from generator.model import RecordingRule
from generator.sloth.model import SlothSLO
from slos.schema.promql import parse, render
from slos.schema.signal import EventQueries
from slos.schema.units import Duration


def sli_rules(slo: SlothSLO, *, optimized: bool = True) -> Iterator[RecordingRule]:
    """Build the rules of every window, and of the period from the shortest window.

    Without `optimized`, the period is read from raw series as well.
    """
    for window in slo.lengths:
        yield recorded(slo, window, ratio(slo, window))
    yield recorded(slo, slo.period, mean_ratio(slo) if optimized else ratio(slo, slo.period))


def recorded(slo: SlothSLO, window: Duration, expr: str) -> RecordingRule:
    """Recording rule of a window's error ratio; labels of the user win, as in Sloth."""
    labels = {**slo.identity, names.WINDOW: str(window), **slo.labels}
    return RecordingRule(names.error_ratio(window), expr, labels)


def ratio(slo: SlothSLO, window: Duration) -> str:
    """Expression of the error ratio over a window, from raw series."""
    if isinstance(slo.queries, EventQueries):
        errors, total = filled(slo.queries.errors, window), filled(slo.queries.total, window)
        return f"{errors}\n/\n{total}\n"
    return filled(slo.queries.ratio, window)


def filled(template: str, window: Duration) -> str:
    """Query over a window, in parentheses, with its text unchanged.

    A comment at its end would include the closing parenthesis. Sloth's rules do not load then;
    here a newline follows such a comment.
    """
    query = render(template, str(window))
    if "#" in query.rpartition("\n")[2]:
        try:
            parse(f"({query})")
        except ValueError:
            return f"({query}\n)"
    return f"({query})"


def mean_ratio(slo: SlothSLO) -> str:
    """Expression of the mean over the period of the shortest window's error ratio."""
    samples = f"{slo.error_ratio(slo.shortest)}[{slo.period}]"
    return f"sum_over_time({samples})\n/ ignoring (sloth_window)\ncount_over_time({samples})\n"
