"""Tests of standalone alerts and recordings, examples of the spec."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import promql_parser as ast

from generator import names
from generator.model import Firing
from generator.outputs.tests import decoys, guards
from generator.outputs.tests.promtool_file import AlertCheck, Case, Rising, Series, ValueCheck
from generator.outputs.tests.series import Part, end_of, sampled, whole
from generator.outputs.tests.trial import fires, just_fires
from generator.rules import alert_rules
from generator.rules.standalone import INTERVAL
from generator.slo.annotations import plain_firing
from slos.schema import promql
from slos.schema.examples import AlertCase, ExampleSeries, RecordingCase
from slos.schema.spec import Spec
from slos.schema.standalone import PlainAlert, Recording
from slos.schema.units import Duration

_MILLION = 1_000_000

_SCRAPE = Duration.of(seconds=30)
_LONG = Duration.of(hours=3)
# Below the lookback delta of Prometheus (five minutes).
_SELDOM = Duration.of(minutes=4)
# Distance from a threshold at which an alert is tested.
_NEARLY = Decimal("0.99")
# Factors of the earlier value, above and below the expected one: a mean of the two differs from it.
_BEFORE = tuple(map(Decimal, ("2", "0.5")))
# Functions whose value changes linearly while their range fills up.
_EVEN = {"rate", "increase", "sum_over_time", "avg_over_time"}


def of_alert(firing: Firing, alert: PlainAlert, told: AlertCase) -> Case:
    """Build the case of an alert that fires or is silent at the times of an example."""
    checks = tuple(
        just_fires(firing, at) if state == "firing" else AlertCheck(at, firing.name)
        for at, state in sorted(told.then.items())
    )
    return _case(f"{alert.name}: {told.says}", told, alert.firing_value, checks)


def of_recording(recording: Recording, name: str, told: RecordingCase) -> Case:
    """Build the case of a recording that has the values of an example at given times."""
    expect = recording.expect if told.expect is None else told.expect
    like = recording.model_copy(update={"example_labels": told.labels or recording.example_labels})
    checks = tuple(
        recorded(like, at, None if value == "nothing" else value)
        for at, value in sorted(told.then.items())
    )
    return _case(f"{name}, {told.says}", told, expect, checks)


def recorded(recording: Recording, at: Duration, value: Decimal | None) -> ValueCheck:
    """Check a recording to a millionth, or its absence if the value is None."""
    name = names.series(recording.record, recording.labels)
    labels = promql.label_set({**recording.example_labels, **recording.labels})
    if value is None:
        return ValueCheck(at, name, ())
    shown = (value * _MILLION).quantize(Decimal(1))
    return ValueCheck(at, f"round({_MILLION} * {name})", ((labels, shown),))


def _case(
    name: str,
    told: AlertCase | RecordingCase,
    value: Decimal,
    checks: tuple[AlertCheck | ValueCheck, ...],
) -> Case:
    step = max(INTERVAL, told.scrape)
    lasts = max(told.then)
    part = Part(value, "firing", lasts + told.scrape)
    fed = sampled(told.series, [part], told.scrape, differs=False)
    return Case(name, told.scrape, step, tuple(fed), checks)


def build_standalone_files(spec: Spec) -> Iterator[tuple[str, list[Case]]]:
    """Build a file for each recorded name and each standalone alert, named after its rule group."""
    for record in dict.fromkeys(each.record for each in spec.recordings):
        of_record = [each for each in spec.recordings if each.record == record]
        yield names.recording_group(record), [c for each in of_record for c in _recording(each)]
    for alert in spec.alerts:
        yield names.alert_group(alert.name), list(_alert(spec, alert))


def _recording(recording: Recording) -> Iterator[Case]:
    name = names.series(recording.record, recording.labels)
    yield from _settling(recording, name, recording.example)
    for each in recording.examples:
        if each.then:
            yield of_recording(recording, name, each)
        else:
            # A recording for each case, so that it is tested like the recording's own example.
            like = {
                "expect": recording.expect if each.expect is None else each.expect,
                "example_labels": each.labels or recording.example_labels,
            }
            other = recording.model_copy(update=like)
            yield from _settling(other, f"{name}, {each.says}", each.series)


def _settling(recording: Recording, shown: str, example: Sequence[ExampleSeries]) -> Iterator[Case]:
    """Build cases with another value before the expected one.

    The check comes as soon as the query no longer depends on the other value.
    """
    pace = _pace(recording.query)
    settles = _settles(recording.query, pace)
    for factor in _BEFORE:
        before = Part(factor * recording.expect, "firing", settles)
        parts = [before, Part(recording.expect, "firing", settles)]
        check = recorded(recording, end_of(parts, pace), recording.expect)
        scrape = _SCRAPE if pace == INTERVAL else pace
        fed = sampled(example, parts, scrape, differs=True)
        series = _with_decoys(recording.query, example, fed, scrape)
        yield Case(f"{shown}, after {factor} times as much", scrape, pace, series, (check,))


def _alert(spec: Spec, alert: PlainAlert) -> Iterator[Case]:
    firing = plain_firing(spec, alert)
    if alert.example:
        yield _back_and_forth(alert, firing, "")
        yield from _guarded(alert, firing)
    for each in alert.examples:
        if each.then:
            yield of_alert(firing, alert, each)
        else:
            like = {
                "example": each.series,
                "example_labels": each.labels or alert.example_labels,
            }
            yield _back_and_forth(alert.model_copy(update=like), firing, f"{each.says}: ")
    yield _no_data(alert, firing)


def _no_data(alert: PlainAlert, firing: Firing) -> Case:
    """Build a case without data from the start: the alert fires when `for` is over, or never."""
    wait = whole(firing.for_)
    checks: list[AlertCheck | ValueCheck] = []
    if alert.no_data == "silent":
        checks.append(AlertCheck(wait + INTERVAL * 2, firing.name))
    else:
        checks += [AlertCheck(Duration(wait.ms - INTERVAL.ms), firing.name)] if wait.ms else []
        checks.append(_fires(alert, firing, wait, alert.firing_value))
    labels = promql.label_set(alert_rules.of_plain(firing).labels)
    known = f"round(1000 * {names.ALERT_INFO})"
    checks.append(ValueCheck(wait + INTERVAL * 2, known, ((labels, Decimal(1000)),)))
    return Case(f"{alert.name}: no data", _SCRAPE, INTERVAL, (), tuple(checks))


def _back_and_forth(alert: PlainAlert, firing: Firing, says: str) -> Case:
    """Build a case: quiet, nearly firing, firing, narrowly firing, quiet."""
    settles = _settles(alert.query)
    wait, keeps = whole(firing.for_), whole(firing.keep_firing_for)
    nearly, only_just = around_threshold(alert)
    parts = [
        Part(alert.quiet_value, "quiet", settles),
        Part(nearly, "quiet", settles + wait),
        Part(alert.firing_value, "firing", settles + wait + INTERVAL),
        Part(only_just, "firing", settles),
        Part(alert.quiet_value, "quiet", settles + keeps),
    ]
    calm = end_of(parts[:2])
    # The condition cannot hold before the change, so nothing fires until `for` is over.
    silent = dict.fromkeys((end_of(parts[:1]), calm, calm + wait))
    checks: list[AlertCheck | ValueCheck] = [AlertCheck(at, firing.name) for at in silent]
    late = _late(alert, nearly)
    if late is not None:
        checks.append(just_fires(firing, calm + INTERVAL + wait + late))
    checks += [
        _fires(alert, firing, end_of(parts[:number]), parts[number - 1].value) for number in (3, 4)
    ]
    checks.append(AlertCheck(end_of(parts), firing.name))
    name = f"{alert.name}: {says}quiet, firing, quiet"
    return Case(name, _SCRAPE, INTERVAL, _series(alert.query, alert.example, parts), tuple(checks))


def _guarded(alert: PlainAlert, firing: Firing) -> Iterator[Case]:
    """Build cases that narrowly miss and narrowly meet the guards of the query."""
    settles = _settles(alert.query) + whole(firing.for_)
    parts = [Part(alert.firing_value, "firing", settles + INTERVAL)]
    for guard in guards.of_query(alert.query, alert.example, alert.firing_value, _SCRAPE):
        series = _series(alert.query, guard.examples, parts)
        at = end_of(parts)
        fired = _fires(alert, firing, at, alert.firing_value)
        check = fired if guard.holds else AlertCheck(at, firing.name)
        yield Case(f"{alert.name}: {guard.shown}", _SCRAPE, INTERVAL, series, (check,))


def around_threshold(alert: PlainAlert) -> tuple[Decimal, Decimal]:
    """Find the values at which an alert is narrowly silent and narrowly firing.

    If its example allows no such values, they are those of the example. The firing value is a whole
    number of the shown digits and no multiple of two or three of them. So a rounding half as fine
    again, or half as coarse, shows another number.
    """
    follows = [each for each in alert.example if each.is_ is None and each.rises is None]
    if not follows or any(each.while_ for each in alert.example):
        return alert.quiet_value, alert.firing_value
    limit, digit = alert.threshold, alert.rounded_to
    more = 1 if alert.above is not None else -1
    silent, loud = limit * (1 - more * (1 - _NEARLY)), limit * (1 + more * (1 - _NEARLY))
    if not limit:
        silent, loud = alert.quiet_value, more * digit
    number = (loud / digit).to_integral_value()
    while not (number % 2 and number % 3):
        number += more
    loud = digit * number
    return silent, loud if alert.fires_at(loud) else alert.firing_value


def _late(alert: PlainAlert, nearly: Decimal) -> Duration | None:
    """Compute the time from a change of the value until the condition holds; None if not known.

    A range that fills up linearly must be filled by the share that the threshold is away.
    """
    calls = [node for node in _nodes(alert.query) if isinstance(node, ast.Call)]
    ranged = {call.func.name for call in calls if _reads(call)}
    if ranged - _EVEN or any(isinstance(node, ast.SubqueryExpr) for node in _nodes(alert.query)):
        return None
    way = abs(alert.firing_value - nearly)
    part = abs(alert.threshold - nearly) / way if way else Decimal(0)
    exact = int(promql.reach_ms(alert.query) * part)
    return Duration(-(-exact // INTERVAL.ms) * INTERVAL.ms)


def _nodes(query: str) -> Iterator[ast.Expr]:
    return promql.walk(promql.parse_template(query))


def _reads(call: ast.Call) -> bool:
    return any(isinstance(each, ast.MatrixSelector) for each in call.args)


def _fires(
    alert: PlainAlert, firing: Firing, at: Duration, value: Decimal
) -> AlertCheck | ValueCheck:
    series = alert.example_labels
    return fires(firing, at, {**series, **firing.labels}, series, value)


def _series(
    query: str, examples: Sequence[ExampleSeries], parts: Sequence[Part]
) -> tuple[Series | Rising, ...]:
    fed = sampled(examples, parts, _SCRAPE, differs=False)
    return _with_decoys(query, examples, fed, _SCRAPE)


def _with_decoys(
    query: str, examples: Sequence[ExampleSeries], fed: Sequence[Series], scrape: Duration
) -> tuple[Series | Rising, ...]:
    samples = max((len(each.values) for each in fed), default=0)
    return (*fed, *decoys.of_query(query, examples, scrape, samples))


def _settles(query: str, pace: Duration = INTERVAL) -> Duration:
    """Compute the time after which the query no longer depends on earlier values."""
    return whole(Duration(promql.reach_ms(query)), pace) + pace


def _pace(query: str) -> Duration:
    """Choose the evaluation interval of a recording. Over hours, fewer samples test the same."""
    return _SELDOM if promql.reach_ms(query) > _LONG.ms else INTERVAL
