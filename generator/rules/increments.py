"""Expressions of the events of one step, from raw series.

The calls in a query template are replaced as text, so the rest of a query stays as it is written.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from promql_parser import Call as CallNode
from promql_parser import Expr, MatrixSelector, VectorSelector

from generator.model import Engine, Steps
from slos.schema import promql
from slos.schema.compatibility import read_metric_name
from slos.schema.promql import list_children, parse_template, render_template
from slos.schema.query_analysis import HISTOGRAM_COUNTS, HISTOGRAM_FRACTION
from slos.schema.units import Duration, format_decimal

# Parentheses with the name of the function in front; strings and comments are skipped.
_PARENTHESES = re.compile(
    r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|\#[^\n]*'
    r"|(?P<open>(?<![\w:])(?P<name>[\w:]*)\s*\()|(?P<close>\))"
)
# `rate` needs two samples, and the newest one may not have arrived while its scrape runs.
_MIN_SCRAPES = 3

# VictoriaMetrics looks for samples up to five minutes before a range (`maxSilenceInterval`).
_SILENCE = Duration.from_parts(minutes=5)

# Labels that Prometheus gives each target.
_TARGET_LABELS = ("job", "instance")


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

    def render_greater(series: str, _: Expr) -> str:
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

    def render_increase(series: str, _: Expr) -> str:
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

    A reset before the first sample of the step shows in samples lower than the counter one step
    before; then the whole value of the counter is the increase. Where a counter was reset later in
    the step, `rate` scaled to the step is used instead, or `increase` in VictoriaMetrics, see
    `render_extended_increase`. Resets are looked for one millisecond less far back: Prometheus 2
    would read the sample on the border too.

    A counter that has just appeared counts from its first value on, which may be old. One step
    later that value is counted as well, if it is known to be new, see `_render_first_value`.
    """
    step, scrape, delay = steps.coarse, steps.scrape, steps.coarse_delay
    reach = max(steps.max_gap, step) + scrape

    def render_difference(series: str, argument: Expr) -> str:
        now = f"{render_template(series, str(step + scrape))} offset {delay}"
        within = f"{render_template(series, str(step))} offset {delay}"
        inside = f"{render_template(series, str(Duration(step.ms - 1)))} offset {delay}"
        lowest = f"min_over_time({within})"
        before = f"last_over_time({render_template(series, str(reach))} offset {step + delay})"
        start = before
        if first := _render_first_value(series, argument, steps, reach):
            born = f"{render_template(series, str(step))} offset {step + delay}"
            start = f"(last_over_time({born}) - ({first}) or {before})"
        around_reset = f"rate({now}) * {format_decimal(step.seconds)}"
        if engine is Engine.VICTORIA_METRICS:
            around_reset = f"increase({within})"
        return (
            f"\n  last_over_time({now})"
            f"\n  - ({start} * ({lowest} >= bool {before}) or {lowest})"
            f"\n  unless resets({inside}) > 0"
            f"\n  or {around_reset}\n"
        )

    return _replace_increments(
        template, render_difference, range_=step + scrape, offset=f" offset {delay}", step=step
    )


def _render_first_value(series: str, argument: Expr, steps: Steps, reach: Duration) -> str:
    """Expression of the first value of a counter that appeared in the coarse step before.

    It was counted by nobody before, so it is zero plus new events, if the process is known to
    have run without the counter: another counter of the same metric and target existed before
    that step and still exists, the process started within that step, or it is younger than the
    range in which the counter is looked for and was scraped without any counter of the metric. If
    all series of a target are new, as after relabelling, or if no label names it, nothing is known.
    """
    if not isinstance(argument, MatrixSelector):
        return ""
    name = read_metric_name(argument.vector_selector)
    if not name:
        return ""
    step, delay = steps.coarse, steps.coarse_delay
    earlier = step * 2 + delay
    target = _list_target_matchers(argument.vector_selector)
    others = promql.format_selector(name, *target)
    process_start = promql.format_selector("process_start_time_seconds", *target)
    others_before = f"last_over_time({others}[{step}] offset {earlier})"
    return (
        f"(min_over_time({render_template(series, str(step))} offset {step + delay})"
        f" unless last_over_time({render_template(series, str(reach))} offset {earlier}))"
        f"\n    and on (job, instance) ({others_before}"
        f" and last_over_time({others}[{step}] offset {delay})"
        f"\n      or last_over_time({process_start}[{step}] offset {delay})"
        f" > time() - {format_decimal(earlier.seconds)}"
        f"\n      or last_over_time({process_start}[{step}] offset {earlier})"
        f" > time() - {format_decimal((earlier + reach).seconds)}"
        f"\n      unless on (job, instance) {others_before})"
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

    return _replace_calls(template, render_shifted)


def _replace_increments(
    template: str,
    render_increase: Callable[[str, Expr], str],
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
        render_increase: makes the expression of one step from the range selector of a counter, as
            text and as a node.
        range_: range of the rate of a native histogram.
        offset: offset of that range, with the keyword.
        step: step that the events are counted for.
    """
    arguments = _list_counters(parse_template(template))

    def render_call(call: Call) -> str | None:
        is_increment = call.function in _INCREMENT_FUNCTIONS
        argument = next(arguments) if is_increment else None
        if is_increment and set(_HISTOGRAM_FUNCTIONS).intersection(call.outer_functions):
            return f"rate({render_template(call.argument, str(range_))}{offset})"
        if argument:
            rendered = render_increase(call.argument, argument)
        elif call.function in HISTOGRAM_COUNTS:
            rendered = f"{call.function}({call.argument}) * {format_decimal(step.seconds)}"
        else:
            return None
        return rendered if call.is_enclosed else f"({rendered})"

    return _replace_calls(template, render_call)


def _list_counters(node: Expr) -> Iterator[Expr]:
    """List the arguments of `rate` and `increase` in the order of `replace_calls`."""
    for child in list_children(node):
        yield from _list_counters(child)
    if isinstance(node, CallNode) and node.func.name in _INCREMENT_FUNCTIONS:
        yield node.args[0]


@dataclass(frozen=True, slots=True)
class Call:
    """Call in a query.

    Attributes:
        function: name of the function.
        argument: text between its parentheses, with the calls in it already replaced.
        outer_functions: names of the functions that the call is an argument of.
        is_enclosed: whether the call is all that is between two parentheses.
    """

    function: str
    argument: str
    outer_functions: tuple[str, ...]
    is_enclosed: bool


def _replace_calls(template: str, render_call: Callable[[Call], str | None]) -> str:
    """Replace each call in a query by what `render_call` returns, inner ones first."""
    text, copied = "", 0
    opened: list[tuple[str, int, int]] = []  # function, start of the call and of its argument
    for token in _PARENTHESES.finditer(template):
        if not (token["open"] or token["close"]):
            continue
        text += template[copied : token.start()]
        copied = token.end()
        if token["open"]:
            opened.append((token["name"], len(text), len(text) + len(token["open"])))
            text += token["open"]
            continue
        function, start, argument_start = opened.pop()
        before, after = text[:start], template[token.end() :]
        is_enclosed = before.rstrip().endswith("(") and after.lstrip().startswith(")")
        outer_functions = tuple(name for name, _, _ in opened)
        rendered = render_call(Call(function, text[argument_start:], outer_functions, is_enclosed))
        text = f"{text})" if rendered is None else f"{before}{rendered}"
    return f"{text}{template[copied:]}".strip()
