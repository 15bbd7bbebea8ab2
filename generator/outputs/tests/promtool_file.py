"""The test file model and its text."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from generator.text import go, yaml_writer
from slos.schema.units import Duration, plain

# Decimal places of numbers in series: far finer than any difference that a test checks.
_DIGITS = 9

_VALUE = re.compile(r"\{\{\s*\$value\s*\}\}")
_LABEL = re.compile(r"\{\{\s*\$labels\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_LITERAL = re.compile(r"\{\{\s*`([^`]*)`\s*\}\}|\{\{\s*\"((?:[^\"\\]|\\.)*)\"\s*\}\}")


@dataclass(frozen=True, slots=True)
class Series:
    """An input series; None is a missed scrape.

    Attributes:
        name: metric and labels.
        values: one for each interval, from time 0.
        ends: True if the series goes stale at missing values, which Prometheus marks at once.
    """

    name: str
    values: Sequence[Decimal | None]
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Rising:
    """A counter that starts at 0 and rises by the same amount in every interval."""

    name: str
    by: Decimal
    times: int


@dataclass(frozen=True, slots=True)
class Expected:
    """An expected alert with its labels and annotations (`exp_alerts` of promtool)."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertCheck:
    """Check of the alerts that fire under a name at a time; none if `expected_alerts` is empty."""

    at: Duration
    alert: str
    fires: tuple[Expected, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueCheck:
    """Check of the value of an expression at a time: labels as PromQL text, and values."""

    at: Duration
    expr: str
    gives: tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A test case: input series and the checks of the rules that read them.

    Attributes:
        scrape: the interval of the values of its series.
        step: the evaluation interval of the rules.
    """

    name: str
    scrape: Duration
    step: Duration
    series: tuple[Series | Rising, ...]
    checks: tuple[AlertCheck | ValueCheck, ...]


def render_test_file(
    rule_file: str, groups: Sequence[str], step: Duration, cases: Sequence[Case]
) -> Iterator[str]:
    """Render a test file; all its cases share the evaluation interval, as promtool requires."""
    yield "rule_files:"
    yield f"  - {yaml_writer.name(rule_file)}"
    yield f"evaluation_interval: {step}"
    yield "group_eval_order:"
    yield from (f"  - {yaml_writer.name(group)}" for group in groups)
    yield "tests:"
    for case in cases:
        yield from _case(case)


def _case(case: Case) -> Iterator[str]:
    yield f"  - name: {yaml_writer.scalar(case.name)}"
    yield f"    interval: {case.scrape}"
    yield "    input_series:" if case.series else "    input_series: []"
    for series in case.series:
        yield f"      - series: {yaml_writer.scalar(series.name)}"
        yield f'        values: "{_values(series)}"'
    alerts = [check for check in case.checks if isinstance(check, AlertCheck)]
    values = [check for check in case.checks if isinstance(check, ValueCheck)]
    if alerts:
        yield "    alert_rule_test:"
        for alert in alerts:
            yield from yaml_writer.indented(_alert(alert), 6)
    if values:
        yield "    promql_expr_test:"
        for value in values:
            yield from yaml_writer.indented(_value(value), 6)


def _values(series: Series | Rising) -> str:
    if isinstance(series, Rising):
        return f"0+{_number(series.by)}x{series.times}"
    runs = [(value, len(list(same))) for value, same in groupby(series.values)]
    written = [_repeated(value, times) for value, times in runs]
    if series.ends:
        for at, (value, times) in enumerate(runs):
            if value is None and at:
                written[at] = _ended(times)
    return " ".join(written)


def _ended(times: int) -> str:
    return "stale" if times == 1 else f"stale _x{times - 1}"


def _repeated(value: Decimal | None, times: int) -> str:
    if value is None:
        return f"_x{times}"
    return f"{_number(value)}x{times - 1}" if times > 1 else _number(value)


def _number(value: Decimal) -> str:
    return plain(value, _DIGITS)


def _alert(check: AlertCheck) -> Iterator[str]:
    yield f"- eval_time: {check.at}"
    yield f"  alertname: {yaml_writer.name(check.alert)}"
    yield "  exp_alerts:" if check.fires else "  exp_alerts: []"
    for expected in check.fires:
        inner = [
            *yaml_writer.mapping("exp_labels", expected.labels),
            *yaml_writer.mapping("exp_annotations", expected.annotations),
        ]
        yield from (f"    {'- ' if n == 0 else '  '}{line}" for n, line in enumerate(inner))


def _value(check: ValueCheck) -> Iterator[str]:
    yield f"- expr: {yaml_writer.scalar(check.expr)}"
    yield f"  eval_time: {check.at}"
    yield "  exp_samples:" if check.gives else "  exp_samples: []"
    for labels, value in check.gives:
        yield f"    - labels: {yaml_writer.scalar(labels)}"
        yield f"      value: {plain(value)}"


def expanded(
    annotations: Mapping[str, str], labels: Mapping[str, str], value: Decimal
) -> dict[str, str] | None:
    """Expand the texts; None if one uses more of Go's templates than a value and labels."""
    texts = {}
    for name, text in annotations.items():
        filled = _VALUE.sub(go.number(float(value)), text)
        filled = _LABEL.sub(lambda found: labels.get(found.group(1), ""), filled)
        if "{{" in _LITERAL.sub("", filled):
            return None
        texts[name] = _LITERAL.sub(lambda found: found.group(1) or found.group(2) or "", filled)
    return texts
