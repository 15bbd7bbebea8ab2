"""Test cases of the alert of a spec on missing data, which has a series for each SLO."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from generator import names
from generator.model import SLO, AlertMeta
from generator.outputs.tests.alert_cases import expect_firing
from generator.outputs.tests.promtool_file import (
    AlertCheck,
    InputSeries,
    UnitTestCase,
    ValueCheck,
)
from generator.outputs.tests.series import OTHER_VALUE, build_group_labels, round_up_length
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
        series = [_count(*each, steps) for each in counts if each != missing]
        slo, metric = missing
        checks = _expect_missing(meta, wait, [names.build_key_labels(slo)])
        title = f"{meta.name}: without {names.select_series(metric, slo)}"
        yield UnitTestCase(title, INTERVAL, INTERVAL, tuple(series), checks)
    series = [_count(*each, steps) for each in counts]
    silence = AlertCheck(wait + INTERVAL, meta.name)
    yield UnitTestCase(
        f"{meta.name}: all are counted", INTERVAL, INTERVAL, tuple(series), (silence,)
    )
    for slo in listed:
        if slo.expected_groups:
            seen = names.name_error_ratio(slo.expected_groups.seen_within)
            yield _build_uncounted_group_case(slo, meta, seen, series, wait)


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


def _count(slo: SLO, metric: str, steps: int) -> InputSeries:
    """Build the count of an SLO, of another group than the one that tests are about."""
    groups = dict.fromkeys(slo.signal.group_by, OTHER_VALUE)
    labels = {**names.build_identity_labels(slo), **groups}
    return InputSeries(names.format_series(metric, labels), [Decimal(0)] * steps)


def _build_uncounted_group_case(
    slo: SLO, meta: AlertMeta, seen: str, counted: Sequence[InputSeries], wait: Duration
) -> UnitTestCase:
    """Build a case in which a group was seen and is not counted, and the other one is."""
    group = build_group_labels(slo)
    groups = (group, dict.fromkeys(group, OTHER_VALUE))
    length = len(counted[0].values)
    ratios = [
        InputSeries(
            names.format_series(seen, {**names.build_display_labels(slo), **each}),
            [Decimal(0)] * length,
        )
        for each in groups
    ]
    checks = _expect_missing(meta, wait, [{**names.build_key_labels(slo), **group}])
    title = f"{meta.name}: a group of {slo.id} is missing"
    return UnitTestCase(title, INTERVAL, INTERVAL, (*counted, *ratios), checks)
