"""Counting tiers: events of each step, and ratios over windows."""

from collections.abc import Callable, Iterator

from promql_parser import MatrixSelector, VectorSelector

from generator import names
from generator.model import SLO, Engine, RecordingRule, Steps
from generator.names import MetricNamer
from generator.rules.calls import Call, replace_calls
from slos.schema import promql
from slos.schema.compatibility import read_metric_name
from slos.schema.promql import parse_query, render_template
from slos.schema.promql_printer import delay_query
from slos.schema.query_analysis import (
    HISTOGRAM_COUNTS,
    HISTOGRAM_FRACTION,
    Counting,
    find_grouping,
)
from slos.schema.units import Duration, format_decimal

# `rate` needs two samples, and the newest one may not have arrived while its scrape runs.
_MIN_SCRAPES = 3

# VictoriaMetrics looks for samples up to five minutes before a range (`maxSilenceInterval`).
_SILENCE = Duration.from_parts(minutes=5)

# Labels that Prometheus gives each target.
_TARGET_LABELS = ("job", "instance")

# Windows of up to this many fine steps are summed from the fine tier: 6 h at one minute. The
# windows of pages are no longer than that, so pages never wait for a coarse step.
_MAX_FINE_STEPS = 360


_INCREMENT_FUNCTIONS = ("rate", "increase")
_SAMPLE_FUNCTIONS = ("count_over_time", "sum_over_time")
_HISTOGRAM_FUNCTIONS = (*HISTOGRAM_COUNTS, HISTOGRAM_FRACTION)


def compute_range(step: Duration, scrape: Duration) -> Duration:
    """Range over which raw series are read for the step that ends now.

    It is one scrape longer than the step, or the increase across the border would be lost. It is
    at least three scrapes. The newest sample may not have arrived at the evaluation; as scrapes
    and steps keep their distance, that is then so at every step. `rate` needs two samples more,
    or the target would never be counted.
    """
    return max(step + scrape, scrape * _MIN_SCRAPES)


def render_estimated_increase(template: str, steps: Steps) -> str:
    """Expression of the increase in the fine step that ends now, estimated from its samples.

    The range is longer than the step, see `compute_range`, and the rate is scaled to the step.
    `rate` extrapolates from its samples to the whole range, but not to before the time at
    which the counter would have been zero (`extrapolatedRate` in Prometheus'
    promql/functions.go). Near zero, as an error counter is after a restart, it loses up to one
    scrape. `delta` has no such limit and is smaller wherever a counter was reset, so the greater
    one is right.
    """
    range_ = compute_range(steps.fine, steps.scrape)
    offset = f" offset {steps.delay}" if steps.delay.ms else ""

    def render_greater(series: str) -> str:
        selected = render_template(series, str(range_)) + offset
        delta = f"delta({selected}) / {format_decimal(range_.seconds)}"
        return f"(rate({selected}) > {delta} or {delta}) * {format_decimal(steps.fine.seconds)}"

    return _replace_increments(
        template, render_greater, range_=range_, offset=offset, step=steps.fine
    )


def render_extended_increase(template: str, steps: Steps) -> str:
    """Expression of the increase in the fine step that ends now, in VictoriaMetrics.

    `increase` reads the last sample before the range too and does not extrapolate there, so the
    steps add up to all events. Without such a sample it may start from zero (`rollupDelta` in
    app/vmselect/promql/rollup.go), though a counter that is new to the engine can be old. It is
    counted from its first value on, as in Prometheus.
    """
    step, delay = steps.fine, steps.delay
    offset = f" offset {delay}" if delay.ms else ""

    def render_increase(series: str) -> str:
        now = render_template(series, str(step)) + offset
        earlier = f"{render_template(series, str(_SILENCE))} offset {step + delay}"
        return (
            f"increase({now}) and last_over_time({earlier})"
            f" or last_over_time({now}) - min_over_time({now})"
        )

    return _replace_increments(
        template,
        render_increase,
        range_=compute_range(step, steps.scrape),
        offset=offset,
        step=step,
    )


def render_delayed_increase(template: str, steps: Steps, engine: Engine = Engine.PROMETHEUS) -> str:
    """Expression of the increase in the coarse step that ended `coarse_delay` ago.

    It is exact unless the counter was reset in the step: the counter at the end of the step minus
    the counter at its start. Over many steps all values but the first and the last cancel out, so
    failed scrapes lose nothing: the counter before a gap is found up to `max_gap` back. All samples
    of the step have arrived; a later one would be counted in neither step.

    Where a counter was reset, `rate` scaled to the step is used instead, or `increase` in
    VictoriaMetrics, see `render_extended_increase`. A reset that its range does not hold, because
    scrapes failed around it, shows in samples lower than the counter one step before; then the
    whole value of the counter is the increase.

    A counter that has just appeared counts from its first value on, which may be old. One step
    later that value is counted as well, if it is known to be new, see `_render_first_value`.
    """
    step, scrape, delay = steps.coarse, steps.scrape, steps.coarse_delay
    reach = max(steps.max_gap, step) + scrape

    def render_difference(series: str) -> str:
        now = f"{render_template(series, str(step + scrape))} offset {delay}"
        within = f"{render_template(series, str(step))} offset {delay}"
        lowest = f"min_over_time({within})"
        before = f"last_over_time({render_template(series, str(reach))} offset {step + delay})"
        start = before
        if first := _render_first_value(series, steps, reach):
            born = f"{render_template(series, str(step))} offset {step + delay}"
            start = f"(last_over_time({born}) - ({first}) or {before})"
        around_reset = f"rate({now}) * {format_decimal(step.seconds)}"
        if engine is Engine.VICTORIA_METRICS:
            around_reset = f"increase({within})"
        return (
            f"\n  last_over_time({now})"
            f"\n  - ({start} * ({lowest} >= bool {before}) or {lowest})"
            f"\n  unless resets({now}) > 0"
            f"\n  or {around_reset}\n"
        )

    return _replace_increments(
        template, render_difference, range_=step + scrape, offset=f" offset {delay}", step=step
    )


def _render_first_value(series: str, steps: Steps, reach: Duration) -> str:
    """Expression of the first value of a counter that appeared in the coarse step before.

    It was counted by nobody before, so it is zero plus new events, if the process is known to
    have run without the counter: another counter of the same metric and target existed before
    that step and still exists, or the process started within that step. If all counters of a
    target are new, as after relabelling, or if no label names the target, nothing is known.
    """
    selector = parse_query(render_template(series, "1m"))
    if not isinstance(selector, MatrixSelector):
        return ""
    name = read_metric_name(selector.vector_selector)
    if not name:
        return ""
    step, delay = steps.coarse, steps.coarse_delay
    earlier = step * 2 + delay
    target = _list_target_matchers(selector.vector_selector)
    others = promql.format_selector(name, *target)
    process_start = promql.format_selector("process_start_time_seconds", *target)
    started = f"{process_start}[{step}] offset {delay}"
    return (
        f"(min_over_time({render_template(series, str(step))} offset {step + delay})"
        f" unless last_over_time({render_template(series, str(reach))} offset {earlier}))"
        f"\n    and on (job, instance) (last_over_time({others}[{step}] offset {earlier})"
        f" and last_over_time({others}[{step}] offset {delay})"
        f"\n      or last_over_time({started}) > time() - {format_decimal(earlier.seconds)})"
    )


def _list_target_matchers(selector: VectorSelector) -> list[str]:
    """List matchers of any series of the targets of a selector; they have a label that names it."""
    matchers = [
        promql.format_matcher(each)
        for each in selector.matchers.matchers
        if each.name in _TARGET_LABELS
    ]
    return [*matchers, 'instance!=""']


def render_sample_count(template: str, steps: Steps) -> str:
    """Expression of the number or sum of samples in the fine step that ended one scrape ago.

    A sample has the time at which its scrape began. One that arrives after the evaluation would
    be in no step: too late for its own, too old for the next. The samples of a target that is
    down arrive after the scrape timeout, so these would be lost. A scrape takes no longer than
    its interval, so one scrape later all have arrived.

    The range is one millisecond shorter: Prometheus 2 would count a sample on the border twice.
    """
    within = str(Duration(steps.fine.ms - 1))
    delay = steps.delay + steps.scrape

    def render_shifted(call: Call) -> str | None:
        if call.function not in _SAMPLE_FUNCTIONS:
            return None
        return f"{call.function}({render_template(call.argument, within)} offset {delay})"

    return replace_calls(template, render_shifted)


def _replace_increments(
    template: str,
    render_increase: Callable[[str], str],
    *,
    range_: Duration,
    offset: str,
    step: Duration,
) -> str:
    """Replace the rate and increase of each counter, and count each native histogram, in a query.

    The count of a native histogram is its rate over the range, scaled to the step. Prometheus 2
    can neither scale histograms nor subtract them, so the counter of observations is scaled.

    Args:
        template: the query.
        render_increase: makes the expression of one step from the range selector of a counter.
        range_: range of the rate of a native histogram.
        offset: offset of that range, with the keyword.
        step: step that the events are counted for.
    """

    def render_call(call: Call) -> str | None:
        is_increment = call.function in _INCREMENT_FUNCTIONS
        if is_increment and set(_HISTOGRAM_FUNCTIONS).intersection(call.outer_functions):
            return f"rate({render_template(call.argument, str(range_))}{offset})"
        if is_increment:
            rendered = render_increase(call.argument)
        elif call.function in HISTOGRAM_COUNTS:
            rendered = f"{call.function}({call.argument}) * {format_decimal(step.seconds)}"
        else:
            return None
        return rendered if call.is_enclosed else f"({rendered})"

    return replace_calls(template, render_call)


def is_fine(slo: SLO, window: Duration) -> bool:
    """Tell whether a window is short enough to be summed from the fine tier."""
    return window.ms <= slo.steps.fine.ms * _MAX_FINE_STEPS


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
        is_extended = slo.engine is Engine.VICTORIA_METRICS
        render_increase = render_extended_increase if is_extended else render_estimated_increase
        return render_increase(template, steps)
    if slo.signal.counting is Counting.PER_SAMPLE:
        return render_sample_count(template, steps)
    range_ = compute_range(steps.fine, steps.scrape)
    return promql.render_template(delay_query(template, steps.delay), str(range_)).strip()


def render_coarse_count(slo: SLO, template: str) -> str:
    """Expression of the value of a query that counts increments, in one coarse step."""
    return render_delayed_increase(template, slo.steps, slo.engine)


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
    identity = names.build_identity_labels(slo)
    yield RecordingRule(names.name_total(step), render_count(slo, slo.signal.total), identity)
    errors = render_count(slo, slo.signal.errors)
    if slo.signal.errors_may_be_absent:
        zero = f"{_render_newest_total(slo, step)} * 0"
        errors = f"{errors}\nor {_render_matching(slo)}\n{zero}"
    yield RecordingRule(names.name_errors(step), errors, identity)


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
