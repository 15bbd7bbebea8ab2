"""Event counts per step, and ratios over windows."""

import re
from collections.abc import Callable, Iterator

from generator import names
from generator.model import SLO, RecordingRule
from slos.schema import promql
from slos.schema.promql import render
from slos.schema.query_analysis import Counting, grouping_of
from slos.schema.units import Duration, plain

# `rate` needs two samples, and the newest one may not have arrived while its scrape runs.
_SAMPLES_AT_LEAST = 3

# Windows of up to this many fine steps are summed from the fine tier: 6 h at one minute. The
# windows of pages are no longer than that, so pages never wait for a coarse step.
_FINE_STEPS_AT_MOST = 360


def _calls_of(*functions: str) -> re.Pattern[str]:
    """Pattern of calls of functions and closing parentheses; it skips strings and comments."""
    return re.compile(
        r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`|\#[^\n]*'
        rf"|(?<![\w:])(?P<call>(?P<name>{'|'.join(functions)})\s*\()|(?P<close>\))"
    )


_OF_INCREMENTS = _calls_of("rate", "increase")
_OF_SAMPLES = _calls_of("count_over_time", "sum_over_time")


def reach(step: Duration, scrape: Duration) -> Duration:
    """Range over which raw series are read for the step that ends now.

    It is one scrape longer than the step, or the increase across the border would be lost. It is
    at least three scrapes. The newest sample may not have arrived at the evaluation; as scrapes
    and steps keep their distance, that is then so at every step. `rate` needs two samples more,
    or the target would never be counted.
    """
    return max(step + scrape, scrape * _SAMPLES_AT_LEAST)


def at_once(template: str, step: Duration, scrape: Duration) -> str:
    """Expression of the increase in the step that ends now, estimated from the samples so far.

    The range is longer than the step, see `compute_range`, and the rate is scaled to the step.
    `rate` extrapolates from its samples to the whole range, but not to before the time at
    which the counter would have been zero (`extrapolatedRate` in Prometheus'
    promql/functions.go). Near zero, as an error counter is after a restart, it loses up to one
    scrape. `delta` has no such limit and is smaller wherever a counter was reset, so the greater
    one is right.
    """
    longer = reach(step, scrape)

    def greater(_: str, series: str) -> str:
        selected = render(series, str(longer))
        delta = f"delta({selected}) / {plain(longer.seconds)}"
        return f"(rate({selected}) > {delta} or {delta}) * {plain(step.seconds)}"

    return _replaced(template, _OF_INCREMENTS, greater)


def settled(template: str, step: Duration, scrape: Duration) -> str:
    """Expression of the increase in the step that ended one scrape ago.

    It is exact unless the counter was reset in the step: the counter at the end of the step minus
    the counter at its start. Over many steps all values but the first and the last cancel out, so
    failed scrapes lose nothing. A scrape takes no longer than its interval, so all samples of that
    step have arrived; a later sample would be counted in neither step.

    Where a counter was reset or has just appeared, `rate` scaled to the step is used instead. A
    reset that its range does not hold, because scrapes failed around it, shows in samples lower
    than the counter one step before; then the whole value of the counter is the increase.
    """
    longer = step + scrape

    def difference(_: str, series: str) -> str:
        within = f"{render(series, str(step))} offset {scrape}"
        now = f"{render(series, str(longer))} offset {scrape}"
        before = f"last_over_time({render(series, str(longer))} offset {longer})"
        return (
            f"\n  last_over_time({now})"
            f"\n  - {before} * (min_over_time({within}) >= bool {before})"
            f"\n  unless resets({now}) > 0"
            f"\n  or rate({now}) * {plain(step.seconds)}\n"
        )

    return _replaced(template, _OF_INCREMENTS, difference)


def sampled(template: str, step: Duration, scrape: Duration) -> str:
    """Expression of the number or sum of samples in the step that ended one scrape ago.

    A sample has the time at which its scrape began. One that arrives after the evaluation would
    be in no step: too late for its own, too old for the next. The samples of a target that is
    down arrive after the scrape timeout, so these would be lost. A scrape takes no longer than
    its interval, so one scrape later all have arrived.

    The range is one millisecond shorter: Prometheus 2 would count a sample on the border twice.
    """
    within = str(Duration(step.ms - 1))

    def shifted(function: str, series: str) -> str:
        return f"{function}({render(series, within)} offset {scrape})"

    return _replaced(template, _OF_SAMPLES, shifted, is_operand=True)


def _replaced(
    template: str,
    calls: re.Pattern[str],
    written_as: Callable[[str, str], str],
    *,
    is_operand: bool = False,
) -> str:
    """Replace each call in a query.

    `render_call` gets the function and the range selector of a call. Its result is put in
    parentheses, unless it `is_operand` or is the only argument of another call.
    """
    parts, copied, call = [], 0, None
    for token in calls.finditer(template):
        if token["call"]:
            call = token
        elif token["close"] and call:
            written = written_as(call["name"], template[call.end() : token.start()])
            before, after = template[copied : call.start()], template[token.end() :]
            alone = before.rstrip().endswith("(") and after.lstrip().startswith(")")
            parts += [before, written if alone or is_operand else f"({written})"]
            copied, call = token.end(), None
    return "".join([*parts, template[copied:]]).strip()


def is_fine(slo: SLO, window: Duration) -> bool:
    """Tell whether a window is short enough to be summed from the fine tier."""
    return window.ms <= slo.steps.fine.ms * _FINE_STEPS_AT_MOST


def step_of(slo: SLO, window: Duration) -> Duration:
    """Step of the tier that a window is summed from."""
    return slo.steps.fine if is_fine(slo, window) else slo.steps.coarse


def counts_increments(slo: SLO) -> bool:
    """Tell whether the SLO's queries count increments of counters, as most do."""
    return slo.signal.counting in (Counting.PER_SECOND, Counting.PER_RANGE)


def fine(slo: SLO, template: str) -> str:
    """Expression of a query's value in the fine step that ends now.

    Samples are counted one scrape late, when all have arrived. Ratios and time slices, which weigh
    as one each, are read over the same range as counters.
    """
    step, scrape = slo.steps.fine, slo.steps.scrape
    if counts_increments(slo):
        return at_once(template, step, scrape)
    if slo.signal.counting is Counting.PER_SAMPLE:
        return sampled(template, step, scrape)
    return promql.render(template, str(reach(step, scrape))).strip()


def coarse(slo: SLO, template: str) -> str:
    """Expression of the value of a query that counts increments, in one coarse step."""
    return settled(template, slo.steps.coarse, slo.steps.scrape)


def summed(series: str, window: Duration) -> str:
    """Expression of the sum of a tier over a window.

    The range is one millisecond shorter than the window. Prometheus 2 includes both ends of a
    range, so a full window would hold one step too many. Prometheus 3 excludes the start and
    reads the same steps.
    """
    return f"sum_over_time({series}[{Duration(window.ms - 1)}])"


def events_in(slo: SLO, window: Duration) -> str:
    """Expression of the number of events in a window."""
    return summed(names.of(names.total(step_of(slo, window)), slo), window)


def errors_in(slo: SLO, window: Duration) -> str:
    """Expression of the number of errors in a window."""
    return summed(names.of(names.errors(step_of(slo, window)), slo), window)


def ratio_in(slo: SLO, window: Duration) -> str:
    """Expression of the error ratio of a window; it has no value without events."""
    return f"{errors_in(slo, window)}\n/\n({events_in(slo, window)} > 0)"


def rules(slo: SLO, step: Duration, counted: Callable[[SLO, str], str]) -> Iterator[RecordingRule]:
    """Rules of the total and of the errors of a tier.

    The total comes first, as the errors read it: no error series and a total mean zero errors.

    Args:
        slo: the SLO.
        step: step of the tier.
        render_count: makes the expression of one step from a query of the SLO.
    """
    identity = names.identity(slo)
    yield RecordingRule(names.total(step), counted(slo, slo.signal.total), identity)
    errors = counted(slo, slo.signal.errors)
    if slo.signal.errors_may_be_absent:
        zero = f"{names.of(names.total(step), slo)} * 0"
        errors = f"{errors}\nor {_matched(slo)}\n{zero}"
    yield RecordingRule(names.errors(step), errors, identity)


def _matched(slo: SLO) -> str:
    """Vector matching of errors with their total: on the grouping labels, where these are known.

    Any other label may be on one side only. A label that is put on all rules afterwards
    (`enforcedNamespaceLabel` of prometheus-operator) is on the total but not on a sum of errors.
    A query that names the labels it drops keeps such a label, so both sides have it.
    """
    grouping = grouping_of(slo.signal.total)
    if grouping is None or grouping.without:
        return f"ignoring ({', '.join(names.identity(slo))})"
    return f"on ({', '.join(grouping.labels)})"


def error_ratio(slo: SLO, window: Duration) -> RecordingRule:
    """Recording rule of the error ratio over a window."""
    return RecordingRule(
        record=names.error_ratio(window),
        expr=ratio_in(slo, window),
        labels={**names.for_people(slo), names.WINDOW: str(window)},
    )


def for_people(slo: SLO, record: str, expr: str, **more: str) -> RecordingRule:
    """Recording rule with the user's labels and the identity labels of the SLO, which win."""
    return RecordingRule(record, expr, {**names.for_people(slo), **more})
