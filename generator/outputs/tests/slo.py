"""Unit test files of an SLO: counting, counter histories, alerts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from generator import names
from generator.model import SLO, AlertMeta, BurnAlert, ExpectedGroups, ThresholdAlert
from generator.outputs.tests import alert_cases, alert_timing, recorded, series
from generator.outputs.tests.alert_cases import expect_firing
from generator.outputs.tests.alert_timing import evaluate_alert, list_conditions
from generator.outputs.tests.error_timeline import ErrorTimeline, build_timeline
from generator.outputs.tests.evaluator import (
    Evaluator,
    SteadySeries,
    Vector,
)
from generator.outputs.tests.numbers import Number, UnsupportedQueryError
from generator.outputs.tests.promtool_file import (
    AlertCheck,
    InputSeries,
    RisingSeries,
    UnitTestCase,
    UnitTestFile,
    ValueCheck,
)
from generator.outputs.tests.recorded import CountedEvents
from generator.outputs.tests.series import (
    OTHER_VALUE,
    build_series,
    list_incomplete_series,
    scale_around_threshold,
)
from generator.rules import alert_rules, increments, tiers
from generator.rules.groups import Role, find_group
from slos.schema import promql
from slos.schema.no_series import find_result_without_series
from slos.schema.query_analysis import drops_zeros
from slos.schema.units import Duration

# Parts of a scrape interval: the newest sample is an interval less one part old.
_SCRAPE_PARTS = (6, 5, 4)
# Counter values in units of a coarse step's events: after a settled burst, and after a new one.
_SETTLED_BURST, _BOTH_BURSTS = 3, 4


def build_history_cases(
    slo: SLO, series: Sequence[SteadySeries], counted: CountedEvents
) -> Iterator[UnitTestCase]:
    """Build the cases, for an SLO that counts increments."""
    yield _build_burst_case(slo, series, counted)
    yield _build_early_burst_case(slo, series, counted)
    if slo.steps.fine.ms % slo.steps.scrape.ms == 0:
        for parts in [each for each in _SCRAPE_PARTS if slo.steps.scrape.ms % each == 0][:1]:
            yield _build_off_beat_case(slo, series, counted, parts, is_late=False)
            yield _build_off_beat_case(slo, series, counted, parts, is_late=True)
        yield _build_restart_case(slo, series, counted)


def _build_burst_case(
    slo: SLO, series: Sequence[SteadySeries], counted: CountedEvents
) -> UnitTestCase:
    """Build a case with all events of a coarse step at one scrape: they are counted once."""
    fine, coarse, scrape = slo.steps.fine, slo.steps.coarse, slo.steps.scrape
    # One scrape before a step ends: a range that is a scrape too long sees it in two steps.
    step = coarse * 2
    before = step.ms // scrape.ms - 1
    multiples = [Decimal(0)] * before + [coarse.seconds] * (2 * before)
    step_total = recorded.compute_step_factor(slo, coarse)
    expected = [
        (coarse, step + fine, step_total),
        (coarse, step + coarse + fine, Decimal(0)),
    ]
    if fine.ms % scrape.ms == 0:
        # Until here, the range of a step contains both samples around the burst.
        seen = increments.compute_range(fine, scrape).ms - 2 * scrape.ms
        expected.append((fine, step + fine * (seen // fine.ms + 1), Decimal(0)))
    checks = _build_history_checks(slo, counted, expected)
    checks += recorded.check_coarse_sums(
        slo, counted, step_total, step + coarse + fine + _compute_lateness(slo, coarse)
    )
    if slo.signal.histogram:
        window = slo.windows[0]
        # Until here, the range contains both samples around the burst; two thirds of it do not.
        range_ = max(window, increments.compute_range(fine, scrape))
        seen = max(0, -(-(range_.ms - 2 * scrape.ms) // fine.ms) - 1)
        metric = names.select_series(names.name_latency_quantile(window), slo)
        delay = slo.steps.delay
        checks += recorded.check_quantiles(slo, series, step + fine * seen + delay)
        checks.append(ValueCheck(step + window + fine + delay, metric, ()))
    input_series = tuple(_scale_series(each, multiples) for each in series)
    return UnitTestCase("a burst is counted once", scrape, fine, input_series, tuple(checks))


def _build_early_burst_case(
    slo: SLO, series: Sequence[SteadySeries], counted: CountedEvents
) -> UnitTestCase:
    """Build a case with all events at a scrape just after a coarse step has begun."""
    fine, coarse, scrape = slo.steps.fine, slo.steps.coarse, slo.steps.scrape
    before = (coarse + fine * 2).ms // scrape.ms - 1
    multiples = [Decimal(0)] * before + [coarse.seconds] * (3 * coarse.ms // scrape.ms)
    step_total = recorded.compute_step_factor(slo, coarse)
    expected = [
        (coarse, coarse + fine, Decimal(0)),
        (coarse, coarse * 2 + fine, step_total),
        (coarse, coarse * 3 + fine, Decimal(0)),
    ]
    input_series = tuple(_scale_series(each, multiples) for each in series)
    checks = tuple(_build_history_checks(slo, counted, expected))
    return UnitTestCase("a burst early in a step", scrape, fine, input_series, checks)


def _build_off_beat_case(
    slo: SLO,
    series: Sequence[SteadySeries],
    counted: CountedEvents,
    parts: int,
    *,
    is_late: bool,
) -> UnitTestCase:
    """Build a case with scrapes between evaluations: a burst just inside the range, and a new one.

    The coarse tier leaves the newest sample to its next step. The fine tier reads it. The counter
    was zero before, so a rate alone would be too low. Coarse steps begin when the first sample is
    read, one fine step later if `is_late`, so that the coarse tier reads the newest sample too.
    """
    fine, coarse, scrape = slo.steps.fine, slo.steps.coarse, slo.steps.scrape
    check_time = coarse + fine * 2
    part = Duration(scrape.ms // parts)
    age = scrape.ms - part.ms
    steps_seen = (increments.compute_range(fine, scrape).ms - age) // scrape.ms
    newest = (check_time.ms - age - part.ms) // scrape.ms
    oldest = newest - steps_seen + 1
    in_fine = fine.ms // scrape.ms
    unscraped = in_fine * (2 if is_late else 1) - 1
    multiples = [
        *[None] * unscraped,
        *[Decimal(0)] * (oldest - unscraped),
        *[_SETTLED_BURST * coarse.seconds] * (newest - oldest),
        *[_BOTH_BURSTS * coarse.seconds] * (1 + in_fine),
    ]
    spread_multiples: list[Decimal | None] = [None] * (len(multiples) * parts)
    spread_multiples[1::parts] = multiples
    step_total = recorded.compute_step_factor(slo, coarse)
    expected = [
        (fine, check_time, step_total * _BOTH_BURSTS * fine.ms / (steps_seen * scrape.ms)),
        (coarse, check_time, step_total * (_SETTLED_BURST if steps_seen > 1 else 0)),
    ]
    if is_late:
        expected = [(coarse, check_time + fine, step_total * _BOTH_BURSTS)]
    input_series = tuple(_scale_series(each, spread_multiples) for each in series)
    checks = tuple(_build_history_checks(slo, counted, expected))
    name = f"scrapes between evaluations{', one step later' if is_late else ''}"
    return UnitTestCase(name, part, fine, input_series, checks)


def _build_restart_case(
    slo: SLO, series: Sequence[SteadySeries], counted: CountedEvents
) -> UnitTestCase:
    """Build a case with equal counts at every scrape across restarts: no event is lost.

    The first restart is among missed scrapes. The counter passes its old value before the check.
    """
    fine, scrape = slo.steps.fine, slo.steps.scrape
    in_coarse, in_fine = slo.steps.coarse.ms // scrape.ms, fine.ms // scrape.ms
    before_restart = max(2, in_coarse // 4)
    first_check = 2 * in_coarse + in_fine
    second_restart = first_check + in_fine
    second_check = first_check + in_coarse
    missed = first_check - 1 - in_coarse - before_restart
    counters: list[Decimal | None] = [
        *map(Decimal, range(before_restart + 1)),
        *[None] * missed,
        *map(Decimal, range(1, second_restart - before_restart - missed)),
        *map(Decimal, range(1, second_check - second_restart + 2)),
    ]
    multiples = [None if each is None else each * scrape.seconds for each in counters]
    of_coarse = recorded.compute_step_factor(slo, slo.steps.coarse)
    expected = [
        (slo.steps.coarse, scrape * first_check, of_coarse),
        (fine, scrape * (second_restart + in_fine), recorded.compute_step_factor(slo, fine)),
        (slo.steps.coarse, scrape * second_check, of_coarse),
    ]
    input_series = tuple(_scale_series(each, multiples) for each in series)
    checks = tuple(_build_history_checks(slo, counted, expected))
    return UnitTestCase("restarts lose nothing", scrape, fine, input_series, checks)


def _scale_series(series: SteadySeries, multiples: Sequence[Decimal | None]) -> InputSeries:
    """Build a series of multiples of its own rate."""
    values = [None if value is None else value * series.rate for value in multiples]
    return InputSeries(names.format_series(series.metric, series.labels), values)


def _build_history_checks(
    slo: SLO, counted: CountedEvents, expected: Sequence[tuple[Duration, Duration, Decimal]]
) -> list[ValueCheck]:
    return [
        check
        for tier, eval_time, factor in expected
        for check in recorded.check_tiers(
            slo, counted, tier, factor, eval_time + _compute_lateness(slo, tier)
        )
    ]


def _compute_lateness(slo: SLO, tier: Duration) -> Duration:
    """Time by which a tier reads samples later than if they all arrived within one scrape."""
    if tier == slo.steps.fine:
        return slo.steps.delay
    return Duration(slo.steps.coarse_delay.ms - slo.steps.scrape.ms)


def build_counting_cases(slo: SLO) -> Iterator[UnitTestCase]:
    """Build the cases; none if the queries are not understood or their groups are not known."""
    series = list(build_series(slo))
    counted = _count_events(slo, series)
    if not counted:
        return
    # Without zeros, nothing is recorded in the quiet steps of a history.
    has_zeros = not any(map(drops_zeros, (slo.signal.total, slo.signal.errors)))
    if tiers.has_counter_queries(slo) and has_zeros and not _has_count_without_series(slo):
        yield from build_history_cases(slo, series, counted)
    checks = list(_build_tier_checks(slo, counted))
    if slo.signal.histogram:
        checks += recorded.check_quantiles(slo, series, _find_check_time(slo))
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
    evaluator = Evaluator(series, slo.steps.fine, slo.steps.scrape, is_short=True)
    try:
        for template in (slo.signal.total, slo.signal.errors):
            evaluator.evaluate_template(template)
    except UnsupportedQueryError as reason:
        return f"{reason} is not evaluated"
    except ArithmeticError:
        return "its numbers are not evaluated"
    return "" if _count_events(slo, series) else "the labels of the result are not known"


def _evaluate_signal(slo: SLO, series: Sequence[SteadySeries]) -> CountedEvents | None:
    evaluator = Evaluator(series, slo.steps.fine, slo.steps.scrape, is_short=True)
    try:
        total = evaluator.evaluate_template(slo.signal.total)
        errors = evaluator.evaluate_template(slo.signal.errors)
    except (UnsupportedQueryError, ArithmeticError):
        return None
    return total, _fill_missing_errors(slo, errors, total)


def _find_check_time(slo: SLO) -> Duration:
    """Find the time at which the last two coarse steps have been full of samples.

    So have the ranges of the queries, which may be longer than a fine step.
    """
    steps = 3 if _has_count_without_series(slo) else 2
    for template in (slo.signal.total, slo.signal.errors):
        query = promql.render_template(template, str(slo.steps.fine))
        beyond_ms = promql.compute_lookback_ms(query) - slo.steps.fine.ms
        steps = max(steps, 2 - -beyond_ms // slo.steps.coarse.ms)
    return slo.steps.coarse * steps + slo.steps.fine + _compute_lateness(slo, slo.steps.coarse)


def _has_count_without_series(slo: SLO) -> bool:
    """Tell whether a count has a value without series, as with `or vector(0)`.

    Its coarse steps begin with the first evaluation, those of others with the first sample.
    """
    queries = (slo.signal.total, slo.signal.errors)
    return any(find_result_without_series(each) is not None for each in queries)


def _build_tier_checks(slo: SLO, counted: CountedEvents) -> Iterator[ValueCheck]:
    steps = [slo.steps.fine, slo.steps.coarse]
    if tiers.has_counter_queries(slo) and slo.steps.coarse.ms % slo.steps.scrape.ms:
        steps.pop()  # coarse steps differ by a scrape, so their counts are not constant
    for tier in steps:
        factor = recorded.compute_step_factor(slo, tier)
        yield from recorded.check_tiers(slo, counted, tier, factor, _find_check_time(slo))
        if tier == slo.steps.coarse:
            yield from recorded.check_coarse_sums(slo, counted, factor * 2, _find_check_time(slo))


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
    for kind, step, roles, cases in _list_kinds(slo):
        groups = [find_group(slo, role) for role in roles]
        yield UnitTestFile(f"{slo.id}-{kind}", step, groups, cases)


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
        *_build_no_traffic_cases(slo, slo.steps.fine),
        *_build_no_data_cases(slo),
    ]
    slow_step = alert_timing.choose_slow_step(slo, other_alerts)
    slow_cases = [
        *alert_cases.build_alert_cases(slo, other_alerts, slow_step),
        *recorded.build_coarse_window_cases(slo, slow_step),
    ]
    yield "counting", slo.steps.fine, [fine, coarse], list(build_counting_cases(slo))
    yield "windows", slo.steps.fine, [fine, period], list(recorded.build_fine_window_cases(slo))
    # The coarse group records the sums of the period, which a window may be as long as.
    groups_before = [coarse, period] if _list_windows(slo, fine_alerts) - fine_windows else []
    yield "quick", slo.steps.fine, [*groups_before, fine], fine_cases
    slow_groups = [
        fine,
        *([coarse] if slo.period in _list_windows(slo, other_alerts) else []),
        period,
    ]
    yield "slow", slow_step, slow_groups, slow_cases
    step = recorded.choose_period_step(slo)
    cases = [recorded.build_period_case(slo), recorded.build_young_period_case(slo)]
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


def _build_no_traffic_cases(slo: SLO, step: Duration) -> Iterator[UnitTestCase]:
    timeline = build_timeline(step, Decimal(0), [(Decimal(0), 16)])
    checks = tuple(_expect_silence(meta, timeline, timeline.last_step) for meta in slo.alert_metas)
    if checks:
        yield UnitTestCase(
            "no traffic: nothing fires",
            step,
            step,
            series.build_tier_series(slo, timeline),
            checks,
        )


def _build_no_data_cases(slo: SLO) -> Iterator[UnitTestCase]:
    meta = slo.absent_alert
    if not meta:
        return
    step = slo.steps.fine
    timeline = build_timeline(
        step, Decimal(0), [(Decimal(0), 2 + 2 * (meta.for_ or step).ms // step.ms)]
    )
    first = evaluate_alert(meta, timeline, lambda _: True).index(True)
    labels = {**names.build_display_labels(slo), **meta.labels}
    checks: list[AlertCheck | ValueCheck] = []
    checks += [_expect_silence(meta, timeline, first - 1)] if first else []
    checks.append(
        expect_firing(
            meta,
            timeline.compute_time(first),
            labels,
            names.build_key_labels(slo),
            Decimal(1),
        )
    )
    others = [each for each in slo.alert_metas if each != meta]
    checks += [_expect_silence(each, timeline, first) for each in others]
    yield UnitTestCase(f"{meta.name}: no data", step, step, (), tuple(checks))
    if slo.expected_groups:
        yield _build_vanished_group_case(slo, meta, slo.expected_groups)


def _build_vanished_group_case(slo: SLO, meta: AlertMeta, groups: ExpectedGroups) -> UnitTestCase:
    """Build a case in which one group is counted for two steps, and another one throughout."""
    step, counted_steps = slo.steps.fine, 2
    length = counted_steps + 2 + (meta.for_ or step).ms // step.ms
    timeline = build_timeline(step, Decimal(0), [(Decimal(0), length)])
    first = evaluate_alert(meta, timeline, lambda at: at >= counted_steps).index(True)
    group = series.build_group_labels(slo)
    identity = names.build_identity_labels(slo)
    others = {**identity, **dict.fromkeys(group, OTHER_VALUE)}
    zeros: list[Decimal | None] = [Decimal(0)] * length
    total, errors = names.name_total(step), names.name_errors(step)
    seen = names.name_error_ratio(groups.seen_within)
    input_series = (
        InputSeries(names.format_series(seen, {**names.build_display_labels(slo), **group}), zeros),
        *(InputSeries(names.format_series(name, others), zeros) for name in (total, errors)),
        InputSeries(
            names.format_series(total, {**identity, **group}),
            [*zeros[:counted_steps], *[None] * (length - counted_steps)],
            ends=True,
        ),
    )
    labels = {**group, **names.build_display_labels(slo), **meta.labels}
    checks = (
        *([_expect_silence(meta, timeline, first - 1)] if first else []),
        expect_firing(meta, timeline.compute_time(first), labels, group, Decimal(1)),
    )
    return UnitTestCase(f"{meta.name}: a group is missing", step, step, input_series, checks)


def _expect_silence(meta: AlertMeta, timeline: ErrorTimeline, step: int) -> AlertCheck:
    return AlertCheck(timeline.compute_time(step), meta.name)
