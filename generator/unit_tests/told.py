"""Test cases that a spec defines to the minute: series, and results at given times."""

from decimal import Decimal

from generator import names
from generator.model import Firing
from generator.plain import INTERVAL
from generator.unit_tests.case import AlertCheck, Case, ValueCheck
from generator.unit_tests.expected import just_fires
from generator.unit_tests.parts import Part, sampled
from slos.schema import promql
from slos.schema.examples import AlertCase, RecordingCase
from slos.schema.plain import PlainAlert, Recording
from slos.schema.units import Duration

_MILLION = 1_000_000


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
