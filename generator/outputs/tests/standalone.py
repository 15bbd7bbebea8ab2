"""Unit tests of standalone alerts and recordings, and the examples of the spec."""

from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from math import gcd

import promql_parser as ast

from generator import names
from generator.model import SLO, AlertMeta
from generator.outputs.tests import guard_cases
from generator.outputs.tests.alert_cases import expect_firing, expect_firing_state
from generator.outputs.tests.evaluator import Evaluator
from generator.outputs.tests.no_data import build_no_data_cases, expect_all_firing
from generator.outputs.tests.numbers import Number, UnsupportedQueryError
from generator.outputs.tests.promtool_file import (
    AlertCheck,
    InputSeries,
    RisingSeries,
    UnitTestCase,
    UnitTestFile,
    ValueCheck,
    expect_values,
)
from generator.outputs.tests.selectors import build_excluded_series
from generator.outputs.tests.series import ExamplePart, find_end, round_up_length, sample_series
from generator.rules import alert_rules
from generator.rules.standalone import INTERVAL, build_standalone_groups
from generator.slo.annotations import build_standalone_alert_meta
from slos.schema import promql
from slos.schema.examples import AlertCase, ExampleSeries, RecordingCase
from slos.schema.spec import Spec
from slos.schema.standalone import StandaloneAlert, StandaloneRecording
from slos.schema.units import Duration

_SCRAPE_INTERVAL = Duration.from_parts(seconds=30)
_LONG_REACH = Duration.from_parts(hours=3)
_LONG_RANGE = Duration.from_parts(hours=1)
# Below the lookback delta of Prometheus (five minutes).
_LONG_INTERVAL = Duration.from_parts(minutes=4)
# Distance from a threshold at which an alert is tested.
_NEAR_FACTOR = Decimal("0.99")
_HALF = Decimal("0.5")
# Factors of the earlier value, above and below the expected one: a mean of the two differs from it.
_EARLIER_FACTORS = tuple(map(Decimal, ("2", "0.5")))
# Functions whose value changes linearly while their range fills up.
_EVEN_FUNCTIONS = {"rate", "increase", "sum_over_time", "avg_over_time"}


def build_alert_example_case(
    meta: AlertMeta, alert: StandaloneAlert, example: AlertCase
) -> UnitTestCase:
    """Build the case of an alert that fires or is silent at the times of an example."""
    checks = tuple(
        expect_firing_state(meta, eval_time)
        if state == "firing"
        else AlertCheck(eval_time, meta.name)
        for eval_time, state in sorted(example.then.items())
    )
    return _build_example_case(f"{alert.name}: {example.says}", example, alert.firing_value, checks)


def build_recording_example_case(
    recording: StandaloneRecording, name: str, example: RecordingCase
) -> UnitTestCase:
    """Build the case of a recording that has the values of an example at given times."""
    expect = recording.expect if example.expect is None else example.expect
    changed_recording = recording.model_copy(
        update={"example_labels": example.labels or recording.example_labels}
    )
    checks = tuple(
        check_recording(changed_recording, eval_time, None if value == "nothing" else value)
        for eval_time, value in sorted(example.then.items())
    )
    return _build_example_case(f"{name}, {example.says}", example, expect, checks)


def check_recording(
    recording: StandaloneRecording, eval_time: Duration, value: Decimal | None
) -> ValueCheck:
    """Check a recording to a millionth, or its absence if the value is None."""
    name = names.format_series(recording.record, recording.labels)
    labels = promql.format_label_set({**recording.example_labels, **recording.labels})
    if value is None:
        return ValueCheck(eval_time, name, ())
    return expect_values(eval_time, name, [(labels, Number(value))])


def _build_example_case(
    name: str,
    example: AlertCase | RecordingCase,
    value: Decimal,
    checks: tuple[AlertCheck | ValueCheck, ...],
) -> UnitTestCase:
    step = max(INTERVAL, example.scrape_interval)
    duration = max(example.then)
    part = ExamplePart(value, "firing", duration + example.scrape_interval)
    input_series = sample_series(
        example.series, [part], example.scrape_interval, starts_differently=False
    )
    return UnitTestCase(name, example.scrape_interval, step, tuple(input_series), checks)


def build_standalone_files(spec: Spec, slos: Sequence[SLO]) -> Iterator[UnitTestFile]:
    """Build the files of each recorded name and each standalone alert, named after its rule group.

    promtool evaluates all cases of a file in the shortest step, so cases in long steps have a file
    of their own.
    """
    groups = {group.name: group for group in build_standalone_groups(spec)}
    cases: dict[str, list[UnitTestCase]] = {name: [] for name in groups}
    for recording in spec.recordings:
        cases[names.name_recording_group(recording.record)] += _build_recording_cases(recording)
    for alert in spec.alerts:
        cases[names.name_alert_group(alert.name)] += _build_alert_cases(spec, alert, slos)
    for name, group in groups.items():
        steps = sorted({case.step for case in cases[name]})
        for step in steps:
            in_step = [case for case in cases[name] if case.step == step]
            suffix = "" if step == steps[0] else f"-{step}"
            yield UnitTestFile(f"{name.replace(':', '-')}{suffix}", step, [group], in_step)


def _build_recording_cases(recording: StandaloneRecording) -> Iterator[UnitTestCase]:
    name = names.format_series(recording.record, recording.labels)
    yield from _build_settling_cases(recording, name, recording.example)
    for each in recording.examples:
        if each.then:
            yield build_recording_example_case(recording, name, each)
        else:
            # A recording for each case, so that it is tested like the recording's own example.
            changes = {
                "expect": recording.expect if each.expect is None else each.expect,
                "example_labels": each.labels or recording.example_labels,
            }
            other = recording.model_copy(update=changes)
            yield from _build_settling_cases(other, f"{name}, {each.says}", each.series)


def _build_settling_cases(
    recording: StandaloneRecording, title: str, example: Sequence[ExampleSeries]
) -> Iterator[UnitTestCase]:
    """Build cases with another value before the expected one.

    The check comes as soon as the query no longer depends on the other value.
    """
    interval = _choose_interval(recording.query)
    settling_time = _compute_settling_time(recording.query, interval)
    for factor in _EARLIER_FACTORS:
        before = ExamplePart(factor * recording.expect, "firing", settling_time)
        parts = [before, ExamplePart(recording.expect, "firing", settling_time)]
        check = check_recording(recording, find_end(parts, interval), recording.expect)
        scrape = _choose_scrape_interval(interval)
        input_series = sample_series(example, parts, scrape, starts_differently=True)
        series = _add_excluded_series(recording.query, example, input_series, scrape)
        yield UnitTestCase(
            f"{title}, after {factor} times as much", scrape, interval, series, (check,)
        )


def _build_alert_cases(
    spec: Spec, alert: StandaloneAlert, slos: Sequence[SLO]
) -> Iterator[UnitTestCase]:
    meta = build_standalone_alert_meta(spec, alert)
    if spec.no_data_alert and alert.name == spec.no_data_alert.name:
        yield from build_no_data_cases(meta, slos)
        yield _build_info_case(meta)
        return
    if alert.example:
        yield _build_firing_case(alert, meta, "")
        yield from _build_guard_cases(alert, meta)
    for each in alert.examples:
        if each.then:
            yield build_alert_example_case(meta, alert, each)
        else:
            changes = {
                "example": each.series,
                "example_labels": each.labels or alert.example_labels,
            }
            yield _build_firing_case(alert.model_copy(update=changes), meta, f"{each.says}: ")
    yield _build_no_data_case(alert, meta)


def _build_no_data_case(alert: StandaloneAlert, meta: AlertMeta) -> UnitTestCase:
    """Build a case without data from the start: the alert fires when `for` is over, or never."""
    interval = _choose_alert_interval(alert)
    wait = round_up_length(meta.for_, interval)
    checks: list[AlertCheck | ValueCheck] = []
    if alert.no_data == "silent":
        checks.append(AlertCheck(wait + interval * 2, meta.name))
    else:
        checks += [AlertCheck(Duration(wait.ms - interval.ms), meta.name)] if wait.ms else []
        checks += expect_all_firing(meta, wait, _evaluate_without_data(alert))
    checks.append(_check_info(meta, wait + interval * 2))
    return UnitTestCase(f"{alert.name}: no data", _SCRAPE_INTERVAL, interval, (), tuple(checks))


def _build_info_case(meta: AlertMeta) -> UnitTestCase:
    checks = (_check_info(meta, INTERVAL),)
    return UnitTestCase(f"{meta.name}: the info series", _SCRAPE_INTERVAL, INTERVAL, (), checks)


def _check_info(meta: AlertMeta, eval_time: Duration) -> ValueCheck:
    labels = promql.format_label_set(alert_rules.build_standalone_alert_info(meta).labels)
    return ValueCheck(eval_time, f"round(1000 * {names.ALERT_INFO})", ((labels, Decimal(1000)),))


def _evaluate_without_data(alert: StandaloneAlert) -> list[tuple[dict[str, str], Decimal]]:
    """Evaluate the query of an alert without any series: the labels and values that fire."""
    try:
        found = Evaluator([], INTERVAL, _SCRAPE_INTERVAL).evaluate_template(alert.query)
    except UnsupportedQueryError:
        found = {}
    return [
        (dict(labels), _round_value(alert, number.value)[0])
        for labels, number in found.items()
        if alert.is_firing_at(number.value)
    ] or [(dict(alert.example_labels), _round_value(alert, alert.firing_value)[0])]


def _build_firing_case(alert: StandaloneAlert, meta: AlertMeta, title: str) -> UnitTestCase:
    """Build a case: quiet, nearly firing, firing, narrowly firing, quiet."""
    interval = _choose_alert_interval(alert)
    settling_time = _compute_settling_time(alert.query, interval)
    wait, keep_firing_time = (
        round_up_length(length, interval) for length in (meta.for_, meta.keep_firing_for)
    )
    nearly, only_just = find_threshold_values(alert)
    parts = [
        ExamplePart(alert.quiet_value, "quiet", _compute_start_time(alert, meta, interval)),
        ExamplePart(nearly, "quiet", settling_time + wait),
        ExamplePart(alert.firing_value, "firing", settling_time + wait + interval),
        ExamplePart(only_just, "firing", settling_time),
        ExamplePart(alert.quiet_value, "quiet", settling_time + keep_firing_time),
    ]
    quiet_end = find_end(parts[:2], interval)
    # The condition cannot hold before the change, so nothing fires until `for` is over.
    silent_times = dict.fromkeys((find_end(parts[:1], interval), quiet_end, quiet_end + wait))
    checks: list[AlertCheck | ValueCheck] = [
        AlertCheck(eval_time, meta.name) for eval_time in silent_times
    ]
    delay = _compute_delay(alert, nearly, interval)
    if delay is not None:
        checks.append(expect_firing_state(meta, quiet_end + interval + wait + delay))
    checks += [
        _expect_firing(alert, meta, find_end(parts[:number], interval), parts[number - 1].value)
        for number in (3, 4)
    ]
    checks.append(AlertCheck(find_end(parts, interval), meta.name))
    name = f"{alert.name}: {title}quiet, firing, quiet"
    scrape = _choose_scrape_interval(interval)
    series = _build_input_series(alert.query, alert.example, parts, scrape)
    return UnitTestCase(name, scrape, interval, series, tuple(checks))


def _build_guard_cases(alert: StandaloneAlert, meta: AlertMeta) -> Iterator[UnitTestCase]:
    """Build cases that narrowly miss and narrowly meet the guards of the query."""
    length = _compute_start_time(alert, meta, INTERVAL) + round_up_length(meta.for_) + INTERVAL
    parts = [ExamplePart(alert.firing_value, "firing", length)]
    for guard in guard_cases.list_guard_cases(
        alert.query, alert.example, alert.firing_value, _SCRAPE_INTERVAL
    ):
        series = _build_input_series(alert.query, guard.examples, parts, _SCRAPE_INTERVAL)
        eval_time = find_end(parts)
        firing_check = _expect_firing(alert, meta, eval_time, alert.firing_value)
        check = firing_check if guard.is_met else AlertCheck(eval_time, meta.name)
        yield UnitTestCase(
            f"{alert.name}: {guard.title}", _SCRAPE_INTERVAL, INTERVAL, series, (check,)
        )


def find_threshold_values(alert: StandaloneAlert) -> tuple[Decimal, Decimal]:
    """Find the values just below and just above the threshold of an alert.

    If its example allows no such values, they are those of the example. The firing value is a whole
    number of the shown digits and no multiple of two or three of them. So a rounding half as fine
    again, or half as coarse, shows another number.
    """
    following = [each for each in alert.example if each.is_ is None and each.rises is None]
    if not following or any(each.while_ for each in alert.example):
        return alert.quiet_value, alert.firing_value
    limit, digit = alert.threshold, alert.display_precision
    direction = 1 if alert.above is not None else -1
    silent_value, firing_value = (
        limit * (1 - direction * (1 - _NEAR_FACTOR)),
        limit * (1 + direction * (1 - _NEAR_FACTOR)),
    )
    if not limit:
        silent_value, firing_value = alert.quiet_value, direction * digit
    number = (firing_value / digit).to_integral_value()
    while not (number % 2 and number % 3):
        number += direction
    firing_value = digit * number
    return silent_value, firing_value if alert.is_firing_at(firing_value) else alert.firing_value


def _compute_delay(alert: StandaloneAlert, nearly: Decimal, interval: Duration) -> Duration | None:
    """Compute the time from a change of the value until the condition holds; None if not known.

    A range that fills up linearly must be filled by the share that the threshold is away.
    """
    calls = [node for node in _walk_nodes(alert.query) if isinstance(node, ast.Call)]
    ranged = {call.func.name for call in calls if _reads_range(call)}
    if ranged - _EVEN_FUNCTIONS or any(
        isinstance(node, ast.SubqueryExpr) for node in _walk_nodes(alert.query)
    ):
        return None
    distance = abs(alert.firing_value - nearly)
    part = abs(alert.threshold - nearly) / distance if distance else Decimal(0)
    filled_ms = int(promql.compute_lookback_ms(alert.query) * part)
    return round_up_length(Duration(filled_ms), interval)


def _walk_nodes(query: str) -> Iterator[ast.Expr]:
    return promql.walk_nodes(promql.parse_template(query))


def _reads_range(call: ast.Call) -> bool:
    return any(isinstance(each, ast.MatrixSelector) for each in call.args)


def _expect_firing(
    alert: StandaloneAlert, meta: AlertMeta, eval_time: Duration, value: Decimal
) -> AlertCheck | ValueCheck:
    series = alert.example_labels
    shown, is_certain = _round_value(alert, value)
    if not is_certain:
        return expect_firing_state(meta, eval_time)
    return expect_firing(meta, eval_time, {**series, **meta.labels}, series, shown)


def _round_value(alert: StandaloneAlert, value: Decimal) -> tuple[Decimal, bool]:
    """Round a value like the rule of the alert; a value in the middle may be rounded either way."""
    digits = value / alert.display_precision
    rounded = digits.to_integral_value(ROUND_HALF_UP)
    return rounded * alert.display_precision, abs(digits - rounded) != _HALF


def _build_input_series(
    query: str, examples: Sequence[ExampleSeries], parts: Sequence[ExamplePart], scrape: Duration
) -> tuple[InputSeries | RisingSeries, ...]:
    input_series = sample_series(examples, parts, scrape, starts_differently=False)
    return _add_excluded_series(query, examples, input_series, scrape)


def _add_excluded_series(
    query: str,
    examples: Sequence[ExampleSeries],
    input_series: Sequence[InputSeries],
    scrape: Duration,
) -> tuple[InputSeries | RisingSeries, ...]:
    samples = max((len(each.values) for each in input_series), default=0)
    return (*input_series, *build_excluded_series(query, examples, scrape, samples))


def _compute_settling_time(query: str, interval: Duration = INTERVAL) -> Duration:
    """Compute the time after which the query no longer depends on earlier values."""
    return round_up_length(Duration(promql.compute_lookback_ms(query)), interval) + interval


def _compute_start_time(alert: StandaloneAlert, meta: AlertMeta, interval: Duration) -> Duration:
    """Compute the time from the first sample until the alert depends on steady values only.

    While a range fills up, the alert can fire, and `keep_firing_for` keeps it.
    """
    settling_time = _compute_settling_time(alert.query, interval)
    if promql.compute_lookback_ms(alert.query) == 0:
        return settling_time
    return settling_time + round_up_length(meta.keep_firing_for, interval)


def _choose_interval(query: str) -> Duration:
    """Choose the evaluation interval of a recording. Over hours, fewer samples test the same."""
    return _LONG_INTERVAL if promql.compute_lookback_ms(query) > _LONG_REACH.ms else INTERVAL


def _choose_alert_interval(alert: StandaloneAlert) -> Duration:
    """Choose the evaluation interval of an alert, as of a recording if it reads long ranges only.

    It divides the times that the alert waits.
    """
    ranges = [
        node.range.total_seconds() * 1000
        for node in _walk_nodes(alert.query)
        if isinstance(node, ast.MatrixSelector | ast.SubqueryExpr) and node.range
    ]
    waits = [wait.ms for wait in (alert.for_, alert.keep_firing_for) if wait]
    interval = gcd(_choose_interval(alert.query).ms, *waits)
    is_long = min(ranges, default=0) >= _LONG_RANGE.ms and interval % INTERVAL.ms == 0
    return Duration(interval) if is_long else INTERVAL


def _choose_scrape_interval(interval: Duration) -> Duration:
    return _SCRAPE_INTERVAL if interval == INTERVAL else interval
