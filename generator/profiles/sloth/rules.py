"""SLI, metadata and alert rules."""

from collections.abc import Iterator

from generator import names
from generator.model import AlertingRule, RecordingRule, Severity, Window
from generator.profiles.sloth.model import SlothSLO, burn_factor, hours
from generator.text import go
from slos.schema.promql import parse, render
from slos.schema.sli_signal import EventQueries
from slos.schema.units import Duration

_VERSION = "slo-rules"


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


def metadata_rules(slo: SlothSLO) -> Iterator[RecordingRule]:
    """Build the seven rules, in Sloth's order."""
    labels = {**slo.identity, **slo.labels}
    objective = go.number(slo.objective / 100)
    budget, burned = slo.series(names.ERROR_BUDGET), slo.series(names.PERIOD_BURN_RATE)
    per_budget = f"\n/ on(sloth_id, sloth_slo, sloth_service) group_left\n{budget}\n"
    for record, expr in (
        (names.OBJECTIVE, f"vector({objective})"),
        (names.ERROR_BUDGET, f"vector(1-{objective})"),
        (names.PERIOD_DAYS, f"vector({go.number(hours(slo.period) / 24)})"),
        (names.CURRENT_BURN_RATE, slo.error_ratio(slo.shortest) + per_budget),
        (names.PERIOD_BURN_RATE, slo.error_ratio(slo.period) + per_budget),
        (names.BUDGET_REMAINING, f"1 - {burned}"),
    ):
        yield RecordingRule(record, expr, labels)
    about = {
        "sloth_version": _VERSION,
        "sloth_mode": slo.mode,
        "sloth_spec": slo.dialect,
        "sloth_objective": go.shortest(slo.objective),
    }
    yield RecordingRule(names.INFO, "vector(1)", {**labels, **about})


def alert_rules(slo: SlothSLO) -> Iterator[AlertingRule]:
    """Build the rules of the alerts that are not disabled, page first."""
    for alert in slo.alerts:
        pair = slo.windows.page if alert.severity is Severity.PAGE else slo.windows.ticket
        either = "or\n".join(_burning(slo, window) for window in pair)
        yield AlertingRule(alert.name, either, alert.labels, alert.annotations)


def _burning(slo: SlothSLO, window: Window) -> str:
    factor = go.number(burn_factor(window, slo.period))
    limit = f"({factor} * {go.number((100 - slo.objective) / 100)})"

    def above(length: Duration) -> str:
        return f"    max({slo.error_ratio(length)} > {limit}) without ({names.WINDOW})\n"

    return f"(\n{above(window.short)}    and\n{above(window.long)})\n"
