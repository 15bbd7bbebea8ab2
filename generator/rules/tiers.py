"""Counting tiers: events of each step, and ratios over windows."""

from collections.abc import Callable, Iterator

from generator import names
from generator.model import SLO, Engine, RecordingRule
from generator.names import MetricNamer
from generator.rules import increments
from slos.schema import promql
from slos.schema.promql_printer import delay_query
from slos.schema.query_analysis import (
    Counting,
    find_grouping,
)
from slos.schema.sli_signal import Histogram
from slos.schema.units import Duration

# Windows of up to this many fine steps are summed from the fine tier: 6 h at one minute. The
# windows of pages are no longer than that, so pages never wait for a coarse step.
_MAX_FINE_STEPS = 360

# A record is this much earlier than a step after the last one, at most.
_MAX_SLACK = Duration.from_parts(seconds=10)


def is_fine(slo: SLO, window: Duration) -> bool:
    """Tell whether a window is short enough to be summed from the fine tier."""
    return window.ms <= slo.steps.fine.ms * _MAX_FINE_STEPS


def find_longest_fine_window(slo: SLO) -> Duration:
    """Longest window that is summed from the fine tier."""
    return slo.steps.fine * _MAX_FINE_STEPS


def choose_step(slo: SLO, window: Duration) -> Duration:
    """Step of the tier that a window is summed from."""
    return slo.steps.fine if is_fine(slo, window) else slo.steps.coarse


def has_counter_queries(slo: SLO) -> bool:
    """Tell whether the SLO's queries count increments of counters, as most do."""
    return slo.signal.counting in (Counting.PER_SECOND, Counting.PER_RANGE)


def render_fine_count(slo: SLO, template: str) -> str:
    """Expression of a query's value in the fine step that ends now.

    Samples are counted one scrape late, when all have arrived. Ratios and time slices, which weigh
    as one each, are read over the same range as counters.
    """
    steps = slo.steps
    if has_counter_queries(slo):
        if slo.engine is Engine.VICTORIA_METRICS:
            return increments.render_extended_increase(template, steps)
        return increments.render_estimated_increase(template, steps)
    if slo.signal.counting is Counting.PER_SAMPLE:
        return increments.render_sample_count(template, steps)
    range_ = increments.compute_range(steps.fine, steps.scrape)
    return promql.render_template(delay_query(template, steps.delay), str(range_)).strip()


def render_coarse_count(slo: SLO, template: str) -> str:
    """Expression of the value of a query that counts increments, in one coarse step."""
    return increments.render_delayed_increase(template, slo.steps, slo.engine)


def render_tier_sum(slo: SLO, name: MetricNamer, step: Duration, window: Duration) -> str:
    """Expression of the sum of a tier, total or errors with some step, over a window.

    The range is one millisecond shorter than the window. Prometheus 2 includes both ends of a
    range, so a full window would hold one step too many. Prometheus 3 excludes the start and
    reads the same steps.

    On an engine that writes late the newest step cannot be read yet, so windows end one step ago.
    Otherwise they would hold one step less.
    """
    offset = f" offset {step}" if slo.engine.writes_late else ""
    series = names.select_series(name(step), slo)
    return f"sum_over_time({series}[{Duration(window.ms - 1)}]{offset})"


def render_event_count(slo: SLO, window: Duration) -> str:
    """Expression of the number of events in a window."""
    return render_tier_sum(slo, names.name_total, choose_step(slo, window), window)


def render_error_count(slo: SLO, window: Duration) -> str:
    """Expression of the number of errors in a window."""
    return render_tier_sum(slo, names.name_errors, choose_step(slo, window), window)


def render_error_ratio(slo: SLO, window: Duration) -> str:
    """Expression of the error ratio of a window; it has no value without events.

    A short window in which less has been recorded, after a first build or a loss of data, is
    filled up with good events at the rate of the others: the mean of the total times the steps of
    the window. Otherwise a single error would page until there are enough events, and a page
    would last until the window holds more than the outage. A long window has only what was
    counted, since its steps after a scrape gap hold more events than others.
    """
    events = render_event_count(slo, window)
    if is_fine(slo, window):
        steps = -(-window.ms // slo.steps.fine.ms)
        events = f"{events.replace('sum_over_time', 'avg_over_time', 1)} * {steps}"
    return f"{render_error_count(slo, window)}\n/\n({events} > 0)"


def render_latency_quantile(slo: SLO, histogram: Histogram, quantile: str, window: Duration) -> str:
    """Expression of a quantile of the latencies over a window."""
    labels = promql.format_label_names(
        [*([] if histogram.is_native else ["le"]), *histogram.group_by]
    )
    range_ = max(window, increments.compute_range(slo.steps.fine, slo.steps.scrape))
    offset = f" offset {slo.steps.delay}" if slo.steps.delay.ms else ""
    rates = f"sum by ({labels}) (rate({histogram.selector}[{range_}]{offset}))"
    return f"histogram_quantile({quantile}, {rates})"


def render_coverage(slo: SLO) -> str:
    """Expression of the share of the period that has been recorded, 0 to 1.

    It is 1 where counts are as old as the period, since steps without scrapes are counted later.
    """
    step = choose_step(slo, slo.period)
    total = names.select_series(names.name_total(step), slo)
    start = Duration(slo.period.ms - step.ms)
    within = Duration(slo.period.ms - 1)
    steps = -(-slo.period.ms // step.ms)
    return (
        f"last_over_time({total}[{step + slo.steps.max_gap}] offset {start}) ^ 0\n"
        f"or\ncount_over_time({total}[{within}]) / {steps}"
    )


def render_period_value(slo: SLO, name: MetricNamer, expr: str) -> str:
    """Expression of a value of the period, which the coarse group records under a name.

    Its samples are further apart than an instant query looks back, so the newest one is read over
    a range. The value of a short period is not recorded there, and `expr` is used.
    """
    if is_fine(slo, slo.period):
        return expr
    return f"last_over_time({names.select_series(name(slo.period), slo)}[{slo.steps.coarse * 2}])"


def build_count_rules(
    slo: SLO, step: Duration, render_count: Callable[[SLO, str], str]
) -> Iterator[RecordingRule]:
    """Rules of the total and of the errors of a tier.

    The total comes first, as the errors read it: no error series and a total mean zero errors.

    Args:
        slo: the SLO.
        step: step of the tier.
        render_count: makes the expression of one step from a query of the SLO.
    """
    yield build_step_rule(slo, names.name_total, step, render_count(slo, slo.signal.total))
    errors = render_count(slo, slo.signal.errors)
    if slo.signal.errors_may_be_absent:
        zero = f"{_render_newest_total(slo, step)} * 0"
        errors = f"{errors}\nor {_render_matching(slo)}\n{zero}"
    yield build_step_rule(slo, names.name_errors, step, errors)


def build_step_rule(slo: SLO, name: MetricNamer, step: Duration, expr: str) -> RecordingRule:
    """Rule of the total or the errors of one step, which records them once in each step.

    Windows are sums of these records. If the group is evaluated more often than its interval says,
    as by promtool or on a platform with an interval of its own, each event would be in several of
    them. So nothing is recorded while the series has a sample within the step. All groups of an
    SLO are recorded together, and steps follow one another without a gap.
    """
    series, within = names.select_series(name(step), slo), Duration(step.ms - _find_slack(slo))
    # Two rulers that write to one store do not keep each other from recording the same evaluation.
    offset = " offset 1ms" if slo.engine.writes_late else ""
    recorded = f"last_over_time({series}[{within}]{offset})"
    return RecordingRule(
        name(step),
        f"(\n{expr}\n)\nunless on ()\n{recorded}",
        names.build_identity_labels(slo),
    )


def _find_slack(slo: SLO) -> int:
    """Find by how many milliseconds an evaluation may be early, or a step loses its events.

    Prometheus evaluates at exact times. VictoriaMetrics evaluates an instant query for the last
    half a minute earlier than it says (`-search.latencyOffset`).
    """
    fine = slo.steps.fine.ms
    return fine // 2 if slo.engine is Engine.VICTORIA_METRICS else min(_MAX_SLACK.ms, fine // 6)


def _render_newest_total(slo: SLO, step: Duration) -> str:
    """Expression of the total of a step, or of the step before.

    An engine that writes late does not have the total of the same evaluation yet. An instant query
    finds that of the fine step before, but not that of the coarse step before.

    vmalert refuses a replay of a rule that gives two series with the same labels, even at different
    times. So a zero gets the labels of the errors.
    """
    total = names.select_series(names.name_total(step), slo)
    newest = total if step == slo.steps.fine else f"last_over_time({total}[{step * 2}])"
    if slo.engine is not Engine.VICTORIA_METRICS:
        return newest
    return f"sum without ({', '.join(names.build_identity_labels(slo))}) ({newest})"


def _render_matching(slo: SLO) -> str:
    """Vector matching of errors with their total: on the grouping labels, where these are known.

    Any other label may be on one side only. A label that is put on all rules afterwards
    (`enforcedNamespaceLabel` of prometheus-operator) is on the total but not on a sum of errors.
    A query that names the labels it drops keeps such a label, so both sides have it.
    """
    grouping = find_grouping(slo.signal.total)
    if grouping is None or grouping.without:
        return f"ignoring ({', '.join(names.build_identity_labels(slo))})"
    return f"on ({promql.format_label_names(grouping.labels)})"


def build_error_ratio_rule(slo: SLO, window: Duration) -> RecordingRule:
    """Recording rule of the error ratio over a window."""
    return RecordingRule(
        record=names.name_error_ratio(window),
        expr=render_error_ratio(slo, window),
        labels={**names.build_display_labels(slo), names.WINDOW: str(window)},
    )


def build_labelled_rule(slo: SLO, record: str, expr: str, **extra_labels: str) -> RecordingRule:
    """Recording rule with the user's labels and the identity labels of the SLO, which win."""
    return RecordingRule(record, expr, {**names.build_display_labels(slo), **extra_labels})
