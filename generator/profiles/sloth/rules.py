"""Rules of the sloth profile: SLI recordings, metadata recordings, alerts."""

from collections.abc import Iterator

from generator import names
from generator.model import AlertingRule, AlertSeverity, RecordingRule, Window
from generator.profiles.sloth.model import SlothSLO, compute_sloth_burn_factor, to_hours
from generator.text import go
from slos.schema.promql import parse_query, render_template
from slos.schema.sli_signal import EventQueries
from slos.schema.units import Duration

_VERSION = "slo-rules"


def build_sli_rules(slo: SlothSLO, *, optimized: bool = True) -> Iterator[RecordingRule]:
    """Build the rules of every window, and of the period from the shortest window.

    Without `optimized`, the period is read from raw series as well.
    """
    for window in slo.window_lengths:
        yield build_sli_rule(slo, window, render_ratio(slo, window))
    yield from build_period_rule(slo, optimized=optimized)


def build_period_rule(slo: SlothSLO, *, optimized: bool) -> Iterator[RecordingRule]:
    """Build the rule of the period, unless a window is as long: two rules of one series clash."""
    if slo.period not in slo.window_lengths:
        expr = render_mean_ratio(slo) if optimized else render_ratio(slo, slo.period)
        yield build_sli_rule(slo, slo.period, expr)


def build_sli_rule(slo: SlothSLO, window: Duration, expr: str) -> RecordingRule:
    """Recording rule of a window's error ratio; labels of the user win, as in Sloth."""
    labels = {**slo.identity, names.WINDOW: str(window), **slo.labels}
    return RecordingRule(names.name_error_ratio(window), expr, labels)


def render_ratio(slo: SlothSLO, window: Duration) -> str:
    """Expression of the error ratio over a window, from raw series."""
    if isinstance(slo.queries, EventQueries):
        errors, total = (
            render_query(slo.queries.errors, window),
            render_query(slo.queries.total, window),
        )
        return f"{errors}\n/\n{total}\n"
    return render_query(slo.queries.ratio, window)


def render_query(template: str, window: Duration) -> str:
    """Query over a window, in parentheses, with its text unchanged.

    A comment at its end would include the closing parenthesis. Sloth's rules do not load then;
    here a newline follows such a comment.
    """
    query = render_template(template, str(window))
    if "#" in query.rpartition("\n")[2]:
        try:
            parse_query(f"({query})")
        except ValueError:
            return f"({query}\n)"
    return f"({query})"


def render_mean_ratio(slo: SlothSLO) -> str:
    """Expression of the mean over the period of the shortest window's error ratio."""
    samples = f"{slo.select_error_ratio(slo.shortest_window)}[{slo.period}]"
    return f"sum_over_time({samples})\n/ ignoring (sloth_window)\ncount_over_time({samples})\n"


def build_metadata_rules(slo: SlothSLO) -> Iterator[RecordingRule]:
    """Build the seven rules, in Sloth's order."""
    labels = {**slo.identity, **slo.labels}
    objective = go.format_number(slo.objective / 100)
    budget, burned = (
        slo.select_series(names.ERROR_BUDGET),
        slo.select_series(names.PERIOD_BURN_RATE),
    )
    per_budget = f"\n/ on(sloth_id, sloth_slo, sloth_service) group_left\n{budget}\n"
    for record, expr in (
        (names.OBJECTIVE, f"vector({objective})"),
        (names.ERROR_BUDGET, f"vector(1-{objective})"),
        (names.PERIOD_DAYS, f"vector({go.format_number(to_hours(slo.period) / 24)})"),
        (names.CURRENT_BURN_RATE, slo.select_error_ratio(slo.shortest_window) + per_budget),
        (names.PERIOD_BURN_RATE, slo.select_error_ratio(slo.period) + per_budget),
        (names.BUDGET_REMAINING, f"1 - {burned}"),
    ):
        yield RecordingRule(record, expr, labels)
    info_labels = {
        "sloth_version": _VERSION,
        "sloth_mode": slo.mode,
        "sloth_spec": slo.dialect,
        "sloth_objective": go.format_without_exponent(slo.objective),
    }
    yield RecordingRule(names.INFO, "vector(1)", {**labels, **info_labels})


def build_alert_rules(slo: SlothSLO) -> Iterator[AlertingRule]:
    """Build the rules of the alerts that are not disabled, page first."""
    for alert in slo.alerts:
        pair = slo.windows.page if alert.severity is AlertSeverity.PAGE else slo.windows.ticket
        expr = "or\n".join(_render_burn_condition(slo, window) for window in pair)
        yield AlertingRule(alert.name, expr, alert.labels, alert.annotations)


def _render_burn_condition(slo: SlothSLO, window: Window) -> str:
    factor = go.format_number(compute_sloth_burn_factor(window, slo.period))
    limit = f"({factor} * {go.format_number((100 - slo.objective) / 100)})"

    def render_comparison(length: Duration) -> str:
        return f"    max({slo.select_error_ratio(length)} > {limit}) without ({names.WINDOW})\n"

    return f"(\n{render_comparison(window.short)}    and\n{render_comparison(window.long)})\n"
