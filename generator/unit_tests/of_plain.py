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
    parts = [(recording.expect, "firing", _settles(recording.query))]
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
    check = _fires(alert, firing, at) if must else AlertCheck(at, firing.name)
    yield Case(f"{alert.name}: no data", _SCRAPE, INTERVAL, (), (check,))


def _back_and_forth(alert: PlainAlert, firing: Firing) -> Case:
    """Quiet, then firing, then quiet again."""
    settles, wait = _settles(alert.query), firing.for_ or _NONE
    keeps = firing.keep_firing_for or _NONE
    parts = [
        (alert.quiet_value, "quiet", settles),
        (alert.firing_value, "firing", _whole(settles + wait)),
        (alert.quiet_value, "quiet", _whole(settles + keeps)),
    ]
    checks: list[AlertCheck | ValueCheck] = [AlertCheck(_end(parts[:1]), firing.name)]
    if wait > INTERVAL:
        # The condition cannot hold before the change, so nothing fires before `for` is over.
        checks.append(AlertCheck(_end(parts[:1]) + Duration(wait.ms - INTERVAL.ms), firing.name))
    checks.append(_fires(alert, firing, _end(parts[:2])))
    checks.append(AlertCheck(_end(parts), firing.name))
    name = f"{alert.name}: quiet, firing, quiet"
    return Case(name, _SCRAPE, INTERVAL, _series(alert.example, parts), tuple(checks))


def _fires(alert: PlainAlert, firing: Firing, at: Duration) -> AlertCheck | ValueCheck:
    series = alert.example_labels
    return fires(firing, at, {**series, **firing.labels}, series, alert.firing_value)


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
    return _whole(Duration(promql.reach_ms(query)) + _LOOKBACK)


def _whole(length: Duration) -> Duration:
    """Up to a whole evaluation interval, and two to spare."""
    return Duration((-(-length.ms // INTERVAL.ms) + 2) * INTERVAL.ms)
