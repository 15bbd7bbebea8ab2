"""Test cases without traffic and without data.

The alert of a spec on missing data has a series for each SLO.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from generator import names
from generator.model import SLO, AlertMeta, ExpectedGroups
from generator.outputs.tests.alert_cases import expect_firing
from generator.outputs.tests.alert_timing import evaluate_alert
from generator.outputs.tests.error_timeline import ErrorTimeline, build_timeline
from generator.outputs.tests.promtool_file import (
    AlertCheck,
    InputSeries,
    UnitTestCase,
    ValueCheck,
)
from generator.outputs.tests.series import (
    OTHER_VALUE,
    build_foreign_series,
    build_group_labels,
    build_tier_series,
    round_up_length,
)
from generator.rules.standalone import INTERVAL
from slos.schema.units import Duration

_VALUE = Decimal(1)


def build_no_data_cases(meta: AlertMeta, slos: Sequence[SLO]) -> Iterator[UnitTestCase]:
    """Build a case without any data, and one for each count of each SLO that is missing alone."""
    listed = [slo for slo in slos if slo.in_no_data_alert]
    wait = round_up_length(meta.for_, INTERVAL)
    steps = wait.ms // INTERVAL.ms + 3
    counts = [
        (slo, name(slo.steps.fine))
        for slo in listed
        for name in (names.name_total, names.name_errors)
    ]
    silent = [AlertCheck(Duration(wait.ms - INTERVAL.ms), meta.name)] if wait.ms else []
    firing = _expect_missing(meta, wait, [names.build_key_labels(slo) for slo in listed])
    yield UnitTestCase(f"{meta.name}: no data", INTERVAL, INTERVAL, (), (*silent, *firing))
    for missing in counts:
        series = [_build_count_series(*each, steps) for each in counts if each != missing]
        slo, metric = missing
        checks = _expect_missing(meta, wait, [names.build_key_labels(slo)])
        title = f"{meta.name}: without {names.select_series(metric, slo)}"
        yield UnitTestCase(title, INTERVAL, INTERVAL, tuple(series), checks)
    series = [_build_count_series(*each, steps) for each in counts]
    silence = AlertCheck(wait + INTERVAL, meta.name)
    yield UnitTestCase(
        f"{meta.name}: all are counted", INTERVAL, INTERVAL, tuple(series), (silence,)
    )
    for slo in listed:
        if slo.expected_groups:
            yield _build_uncounted_group_case(slo, meta, slo.expected_groups, series, wait)


def expect_all_firing(
    meta: AlertMeta, at: Duration, results: Sequence[tuple[dict[str, str], Decimal]]
) -> tuple[AlertCheck | ValueCheck, ...]:
    """Expect one alert for each result, in one check as promtool compares them all."""
    checks = [
        expect_firing(meta, at, {**labels, **meta.labels}, labels, value)
        for labels, value in results
    ]
    alerts = [each for check in checks if isinstance(check, AlertCheck)
              for each in check.expected_alerts]  # fmt: skip
    if len(alerts) == len(checks):
        return (AlertCheck(at, meta.name, tuple(alerts)),)
    samples = (("{}", Decimal(len(checks))),)
    expr = f'count(ALERTS{{alertname="{meta.name}", alertstate="firing"}})'
    return (ValueCheck(at, expr, samples, meta.name),)


def _expect_missing(
    meta: AlertMeta, at: Duration, results: Sequence[dict[str, str]]
) -> tuple[AlertCheck | ValueCheck, ...]:
    return expect_all_firing(meta, at, [(labels, _VALUE) for labels in results])


def _build_count_series(slo: SLO, metric: str, steps: int) -> InputSeries:
    """Build the count of an SLO, of another group than the one that tests are about."""
    groups = dict.fromkeys(slo.signal.group_by, OTHER_VALUE)
    labels = {**names.build_identity_labels(slo), **groups}
    return InputSeries(names.format_series(metric, labels), [Decimal(0)] * steps)


def _build_uncounted_group_case(
    slo: SLO,
    meta: AlertMeta,
    groups: ExpectedGroups,
    counted: Sequence[InputSeries],
    wait: Duration,
) -> UnitTestCase:
    """Build a case in which a group was seen and is not counted, and the other one is."""
    group = build_group_labels(slo)
    length = len(counted[0].values)
    ratios = [
        _build_seen_series(slo, groups, each, length)
        for each in (group, dict.fromkeys(group, OTHER_VALUE))
    ]
    checks = _expect_missing(meta, wait, [{**names.build_key_labels(slo), **group}])
    title = f"{meta.name}: a group of {slo.id} is missing"
    foreign = _build_foreign_group(slo, groups, length)
    return UnitTestCase(title, INTERVAL, INTERVAL, (*counted, *ratios, *foreign), checks)


def _build_foreign_group(slo: SLO, groups: ExpectedGroups, length: int) -> Iterator[InputSeries]:
    """Build the same group of another SLO, which was seen and is counted."""
    metrics = (names.name_error_ratio(groups.seen_within), names.name_total(slo.steps.fine))
    return build_foreign_series(slo, metrics, length)


def _build_seen_series(
    slo: SLO, groups: ExpectedGroups, group: Mapping[str, str], length: int
) -> InputSeries:
    """Build the recorded series by which a group counts as seen."""
    metric = names.name_error_ratio(groups.seen_within)
    labels = {**names.build_display_labels(slo), **group}
    return InputSeries(names.format_series(metric, labels), [Decimal(0)] * length)


def build_no_traffic_cases(slo: SLO, step: Duration) -> Iterator[UnitTestCase]:
    """Build a case without errors and without events, in which no alert of an SLO fires."""
    timeline = build_timeline(step, Decimal(0), [(Decimal(0), 16)])
    checks = tuple(_expect_silence(meta, timeline, timeline.last_step) for meta in slo.alert_metas)
    if checks:
        yield UnitTestCase(
            "no traffic: nothing fires",
            step,
            step,
            build_tier_series(slo, timeline),
            checks,
        )


def build_slo_no_data_cases(slo: SLO) -> Iterator[UnitTestCase]:
    """Build the cases of the alert of an SLO on missing data, if it has one."""
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
    group = build_group_labels(slo)
    identity = names.build_identity_labels(slo)
    others = {**identity, **dict.fromkeys(group, OTHER_VALUE)}
    zeros: list[Decimal | None] = [Decimal(0)] * length
    total, errors = names.name_total(step), names.name_errors(step)
    input_series = (
        _build_seen_series(slo, groups, group, length),
        *(InputSeries(names.format_series(name, others), zeros) for name in (total, errors)),
        InputSeries(
            names.format_series(total, {**identity, **group}),
            [*zeros[:counted_steps], *[None] * (length - counted_steps)],
            ends=True,
        ),
        *_build_foreign_group(slo, groups, length),
    )
    labels = {**group, **names.build_display_labels(slo), **meta.labels}
    checks = (
        *([_expect_silence(meta, timeline, first - 1)] if first else []),
        expect_firing(meta, timeline.compute_time(first), labels, group, Decimal(1)),
    )
    return UnitTestCase(f"{meta.name}: a group is missing", step, step, input_series, checks)


def _expect_silence(meta: AlertMeta, timeline: ErrorTimeline, step: int) -> AlertCheck:
    return AlertCheck(timeline.compute_time(step), meta.name)
