"""Tests of plain alerts and recordings, from the examples in their spec."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from generator import names
from generator.firing import plain_firing
from generator.model import Firing
from generator.plain import INTERVAL
from generator.unit_tests.case import AlertCheck, Case, Series, ValueCheck
from generator.unit_tests.expected import fires
from slos.schema import promql
from slos.schema.example import ExampleSeries
from slos.schema.plain import PlainAlert, Recording
from slos.schema.spec import Spec
from slos.schema.units import Duration

_MILLION = 1_000_000
_SCRAPE = Duration.of(seconds=30)
# Prometheus takes a value this old for the present one.
_LOOKBACK = Duration.of(minutes=5)
_NONE = Duration(0)


def files(spec: Spec) -> Iterator[tuple[str, list[Case]]]:
    """A file for each recorded name and each alert, called like its rule group."""
    for record in dict.fromkeys(each.record for each in spec.recordings):
        of_record = [each for each in spec.recordings if each.record == record]
        yield names.recording_group(record), [_recording(each) for each in of_record]
    for alert in spec.alerts:
        yield names.alert_group(alert.name), list(_alert(spec, alert))


def _recording(recording: Recording) -> Case:
    """First another value, then the expected one, as soon as nothing of the other can be left."""
    settles = _settles(recording.query)
    parts = [(2 * recording.expect, "firing", settles), (recording.expect, "firing", settles)]
    labels = {**recording.example_labels, **recording.labels}
    expr = f"round({_MILLION} * {names.series(recording.record, recording.labels)})"
    expected = (recording.expect * _MILLION).quantize(Decimal(1))
    check = ValueCheck(_end(parts), expr, ((promql.label_set(labels), expected),))
    name = names.series(recording.record, recording.labels)
    return Case(name, _SCRAPE, INTERVAL, _series(recording.example, parts), (check,))


def _alert(spec: Spec, alert: PlainAlert) -> Iterator[Case]:
    firing = plain_firing(spec, alert)
    if alert.example:
        yield _back_and_forth(alert, firing)
    at = (firing.for_ or _NONE) + INTERVAL * 2
    must = alert.no_data == "firing"
    check = _fires(alert, firing, at, alert.firing_value) if must else AlertCheck(at, firing.name)
    yield Case(f"{alert.name}: no data", _SCRAPE, INTERVAL, (), (check,))


def _back_and_forth(alert: PlainAlert, firing: Firing) -> Case:
    """Quiet, nearly firing, firing, only just firing, quiet again."""
    settles = _settles(alert.query)
    wait, keeps = _whole(firing.for_), _whole(firing.keep_firing_for)
    if any(each.while_ for each in alert.example):
        settles = settles + _LOOKBACK  # a series that ends is seen for so long
    nearly, only_just = alert.around_threshold
    parts = [
        (alert.quiet_value, "quiet", settles),
        (nearly, "quiet", settles + wait),
        (alert.firing_value, "firing", settles + wait),
        (only_just, "firing", settles),
        (alert.quiet_value, "quiet", settles + keeps),
    ]
    calm = _end(parts[:2])
    checks = [AlertCheck(at, firing.name) for at in (_end(parts[:1]), calm)]
    if wait > INTERVAL:
        # The condition cannot hold before the change, so nothing fires before `for` is over.
        checks.append(AlertCheck(calm + Duration(wait.ms - INTERVAL.ms), firing.name))
    over = AlertCheck(_end(parts), firing.name)
    fired = (
        _fires(alert, firing, _end(parts[:number]), value)
        for number, (value, _, _) in ((3, parts[2]), (4, parts[3]))
    )
    name = f"{alert.name}: quiet, firing, quiet"
    series = _series(alert.example, parts)
    return Case(name, _SCRAPE, INTERVAL, series, (*checks, *fired, over))


def _fires(
    alert: PlainAlert, firing: Firing, at: Duration, value: Decimal
) -> AlertCheck | ValueCheck:
    series = alert.example_labels
    return fires(firing, at, {**series, **firing.labels}, series, value)


def _series(
    examples: Sequence[ExampleSeries], parts: Sequence[tuple[Decimal, str, Duration]]
) -> tuple[Series, ...]:
    samples = [(value, state, length.ms // _SCRAPE.ms) for value, state, length in parts]
    return tuple(Series(each.series, each.values(samples, _SCRAPE.seconds)) for each in examples)


def _end(parts: Sequence[tuple[Decimal, str, Duration]]) -> Duration:
    """The last evaluation of a part: what comes next has its first sample one interval later."""
    return Duration(sum(length.ms for _, _, length in parts) - INTERVAL.ms)


def _settles(query: str) -> Duration:
    """After so long, the query has forgotten what was before."""
    return _whole(Duration(promql.reach_ms(query))) + INTERVAL


def _whole(length: Duration | None) -> Duration:
    """Up to a whole evaluation interval."""
    return Duration(-(-length.ms // INTERVAL.ms) * INTERVAL.ms) if length else _NONE
