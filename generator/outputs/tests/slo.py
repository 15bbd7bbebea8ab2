"""Unit test files of an SLO: what is counted, counter histories, windows, alerts, the period."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from generator import names
from generator.model import SLO, BurnAlert, ThresholdAlert
from generator.outputs.tests import alert_cases, alert_timing, recorded_cases, series
from generator.outputs.tests.alert_timing import list_conditions
from generator.outputs.tests.counter_histories import build_history_cases, compute_lateness
from generator.outputs.tests.evaluator import (
    Evaluator,
    SteadySeries,
    Vector,
)
from generator.outputs.tests.no_data import build_no_traffic_cases, build_slo_no_data_cases
from generator.outputs.tests.numbers import Number, UnsupportedQueryError
from generator.outputs.tests.promtool_file import (
    InputSeries,
    RisingSeries,
    UnitTestCase,
    UnitTestFile,
    ValueCheck,
)
from generator.outputs.tests.recorded_cases import CountedEvents
from generator.outputs.tests.series import (
    build_series,
    list_incomplete_series,
    scale_around_threshold,
)
from generator.rules import alert_rules, tiers
from generator.rules.groups import Role, build_groups_by_role
from slos.schema import promql
from slos.schema.no_series import find_result_without_series
from slos.schema.query_analysis import drops_counts
from slos.schema.units import Duration


def build_counting_cases(slo: SLO) -> Iterator[UnitTestCase]:
    """Build the cases; none if the queries are not understood or their groups are not known."""
    series = list(build_series(slo))
    counted = _count_events(slo, series)
    if not counted:
        return
    are_counters = all(each.is_counter for each in series)  # a weight is not
    if tiers.has_counter_queries(slo) and are_counters and _begins_with_series(slo):
        yield from build_history_cases(slo, series, counted)
    checks = list(_build_tier_checks(slo, counted))
    if slo.signal.histogram:
        checks += recorded_cases.check_quantiles(slo, series, _find_check_time(slo))
    yield _build_counting_case(slo, "what is counted", series, checks)
    for name, remaining in list_incomplete_series(slo, series):
        remaining_counted = _evaluate_signal(slo, remaining)
        if remaining_counted:
            case = _build_counting_case(
                slo, name, remaining, list(_build_tier_checks(slo, remaining_counted))
            )
            yield case
            # Without the other SLO, whose total could replace the missing one.
            own_series = tuple(
                each for each in case.series if each not in _build_foreign_series(slo)
            )
            yield replace(case, name=f"{name}, and no other SLO", series=own_series)
    for name, scaled in scale_around_threshold(slo, series):
        scaled_counted = _count_events(slo, scaled)
        if scaled_counted:
            yield _build_counting_case(
                slo, name, scaled, list(_build_tier_checks(slo, scaled_counted))
            )


def _count_events(slo: SLO, series: Sequence[SteadySeries]) -> CountedEvents | None:
    """Count total and errors as the queries do; None without series of the right groups."""
    counted = _evaluate_signal(slo, series)
    if not counted or not counted[0]:
        return None
    labels = {name for labels in counted[0] for name, _ in labels}
    return counted if labels == set(slo.signal.group_by) else None


def find_untested_reason(slo: SLO) -> str:
    """Find the reason why no test counts what the queries count; empty if there is one."""
    series = list(build_series(slo))
    try:
        for template in (slo.signal.total, slo.signal.errors):
            _evaluate_template(slo, template, series)
    except UnsupportedQueryError as reason:
        return f"{reason} is not evaluated"
    except ArithmeticError:
        return "its numbers are not evaluated"
    return "" if _count_events(slo, series) else "the labels of the result are not known"


def _evaluate_signal(slo: SLO, series: Sequence[SteadySeries]) -> CountedEvents | None:
    try:
        total, errors = (
            _evaluate_template(slo, template, series)
            for template in (slo.signal.total, slo.signal.errors)
        )
    except (UnsupportedQueryError, ArithmeticError):
        return None
    return total, _fill_missing_errors(slo, errors, total)


def _evaluate_template(slo: SLO, template: str, series: Sequence[SteadySeries]) -> Vector:
    """Evaluate a query over a fine step.

    The range of a ratio or a time slice is a scrape longer than the step, and Prometheus 2 finds
    one sample more in it than Prometheus 3. So its value must not depend on the length of the
    range, nor on the number of its samples.

    Raises:
        UnsupportedQueryError: it does, or the query has a part that is not evaluated here.
    """
    evaluator = Evaluator(series, slo.steps.fine, slo.steps.scrape, is_short=True)
    value = evaluator.evaluate_template(template)
    if slo.signal.counting is None:
        longer = replace(evaluator, window=slo.steps.fine + slo.steps.scrape, extra_samples=1)
        other = longer.evaluate_template(template)
        if value.keys() != other.keys() or any(
            not value[labels].is_near(other[labels]) for labels in value
        ):
            raise UnsupportedQueryError("a value that depends on the length of its range")
    return value


def _find_check_time(slo: SLO) -> Duration:
    """Find the time at which the last two coarse steps have been full of samples.

    So have the ranges of the queries, which may be longer than a fine step.
    """
    steps = 2 if _begins_with_series(slo) else 3
    for template in (slo.signal.total, slo.signal.errors):
        query = promql.render_template(template, str(slo.steps.fine))
        beyond_ms = promql.compute_lookback_ms(query) - slo.steps.fine.ms
        steps = max(steps, 2 - -beyond_ms // slo.steps.coarse.ms)
    return slo.steps.coarse * steps + slo.steps.fine + compute_lateness(slo, slo.steps.coarse)


def _begins_with_series(slo: SLO) -> bool:
    """Tell whether the first coarse step is recorded as soon as there is a sample.

    With `or vector(0)` it is recorded before, and with `> 0` once the counter has increased. Then
    nothing is recorded in the quiet steps of a history either.
    """
    return not any(
        drops_counts(each) or find_result_without_series(each) is not None
        for each in (slo.signal.total, slo.signal.errors)
    )


def _build_tier_checks(slo: SLO, counted: CountedEvents) -> Iterator[ValueCheck]:
    steps = [slo.steps.fine, slo.steps.coarse]
    if tiers.has_counter_queries(slo) and slo.steps.coarse.ms % slo.steps.scrape.ms:
        steps.pop()  # coarse steps differ by a scrape, so their counts are not constant
    for tier in steps:
        factor = recorded_cases.compute_step_factor(slo, tier)
        yield from recorded_cases.check_tiers(slo, counted, tier, factor, _find_check_time(slo))
        if tier == slo.steps.coarse:
            yield from recorded_cases.check_coarse_sums(
                slo, counted, factor * 2, _find_check_time(slo)
            )


def _build_counting_case(
    slo: SLO, name: str, series: Sequence[SteadySeries], checks: Sequence[ValueCheck]
) -> UnitTestCase:
    scrape = slo.steps.scrape
    length = -(-(_find_check_time(slo).ms + slo.steps.coarse.ms) // scrape.ms)
    input_series = (_build_input_series(each, scrape, length) for each in series)
    return UnitTestCase(
        name, scrape, slo.steps.fine, (*input_series, *_build_foreign_series(slo)), tuple(checks)
    )


def _build_foreign_series(slo: SLO) -> tuple[InputSeries, ...]:
    length = _find_check_time(slo).ms + slo.steps.coarse.ms
    samples = -(-length // slo.steps.scrape.ms) + 1
    return tuple(series.build_foreign_series(slo, series.list_tier_metrics(slo), samples))


def _fill_missing_errors(slo: SLO, errors: Vector, total: Vector) -> Vector:
    """Add zero errors for each total without errors, if the SLI allows missing error series."""
    zero = dict.fromkeys(total, Number(Decimal(0))) if slo.signal.errors_may_be_absent else {}
    return {**zero, **errors}


def _build_input_series(
    series: SteadySeries, scrape: Duration, length: int
) -> InputSeries | RisingSeries:
    name = names.format_series(series.metric, series.labels)
    if series.is_counter:
        return RisingSeries(name, series.rate * scrape.seconds, length)
    return InputSeries(name, [series.rate] * (length + 1))


def build_slo_files(slo: SLO) -> Iterator[UnitTestFile]:
    """Build the test files of an SLO.

    Alerts of the fine group are tested in fine steps, the others in longer steps. Groups that
    others read come first.
    """
    groups = build_groups_by_role(slo)
    for kind, step, roles, cases in _list_kinds(slo):
        yield UnitTestFile(f"{slo.id}-{kind}", step, [groups[role] for role in roles], cases)


def _list_kinds(slo: SLO) -> Iterator[tuple[str, Duration, list[Role], list[UnitTestCase]]]:
    """List the kinds of tests: name, step, roles of the groups in their order, and cases."""
    fine, coarse, period = Role.FINE, Role.COARSE, Role.PERIOD
    fine_alerts = [alert for alert in _list_alerts(slo) if alert_rules.is_in_fine_group(slo, alert)]
    other_alerts = [
        alert for alert in _list_alerts(slo) if not alert_rules.is_in_fine_group(slo, alert)
    ]
    fine_windows = alert_rules.list_fine_group_windows(slo)
    fine_cases = [
        *alert_cases.build_alert_cases(slo, fine_alerts, slo.steps.fine),
        *build_no_traffic_cases(slo, slo.steps.fine),
        *build_slo_no_data_cases(slo),
    ]
    slow_step = alert_timing.choose_slow_step(slo, other_alerts)
    slow_cases = [
        *alert_cases.build_alert_cases(slo, other_alerts, slow_step),
        *recorded_cases.build_coarse_window_cases(slo, slow_step),
    ]
    yield "counting", slo.steps.fine, [fine, coarse], list(build_counting_cases(slo))
    yield (
        "windows",
        slo.steps.fine,
        [fine, period],
        list(recorded_cases.build_fine_window_cases(slo)),
    )
    # The coarse group records the sums of the period, which a window may be as long as.
    groups_before = [coarse, period] if _list_windows(slo, fine_alerts) - fine_windows else []
    yield "quick", slo.steps.fine, [*groups_before, fine], fine_cases
    slow_groups = [
        fine,
        *([coarse] if slo.period in _list_windows(slo, other_alerts) else []),
        period,
    ]
    yield "slow", slow_step, slow_groups, slow_cases
    step = recorded_cases.choose_period_step(slo)
    cases = [recorded_cases.build_period_case(slo), recorded_cases.build_young_period_case(slo)]
    yield "period", step, [fine, coarse, period], [case for case in cases if case]


def _list_alerts(slo: SLO) -> Sequence[BurnAlert | ThresholdAlert]:
    return (*slo.burn_alerts, *slo.threshold_alerts)


def _list_windows(slo: SLO, alerts: Sequence[BurnAlert | ThresholdAlert]) -> set[Duration]:
    return {
        window
        for alert in alerts
        for condition in list_conditions(slo, alert)
        for window in (condition.short, condition.long)
    }
