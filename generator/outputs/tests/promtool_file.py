"""Model of a promtool unit test file, and its text."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import groupby

from generator import names
from generator.model import RuleGroup
from generator.outputs.tests.numbers import Number
from generator.text import go, yaml_writer
from generator.text.yaml_writer import BlockList, Name, Raw, TextMapping, YamlValue
from slos.schema.units import Duration, format_decimal

# Decimal places of numbers in series, and digits of small ones: far finer than any difference that
# a test checks.
_PLACES, _DIGITS = 9, 12
_SMALL = -2

_VALUE_TEMPLATE = re.compile(r"\{\{\s*\$value\s*\}\}")
_LABEL_TEMPLATE = re.compile(r"\{\{\s*\$labels\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_LITERAL_TEMPLATE = re.compile(r"\{\{\s*`([^`]*)`\s*\}\}|\{\{\s*\"((?:[^\"\\]|\\.)*)\"\s*\}\}")
# A part of a text without further control structures.
_PART = r"(?:(?!\{\{-?\s*(?:if|else|with|range|end)\b).)*"
_CONDITIONAL_TEMPLATE = re.compile(
    r"\{\{ if (?:\$labels\.(?P<present>\w+)"
    r'|eq \$labels\.(?P<label>\w+) "(?P<value>[^"\\]*)") \}\}'
    rf"(?P<then>{_PART})(?:\{{\{{ else \}}\}}(?P<otherwise>{_PART}))?\{{\{{ end \}}\}}"
)
# No budget is recorded where alerts are tested.
_QUERY_TEMPLATE = re.compile(
    rf'\{{\{{ with printf "clamp_min\({names.BUDGET_REMAINING}.*? \| query \}}\}}'
    r".*?\{\{ else \}\}(.*?)\{\{ end \}\}"
)
_ROUNDED_PLACES = range(6, -10, -1)
_HALF = Decimal("0.5")
_EMPTY_LIST = Raw("[]")


@dataclass(frozen=True, slots=True)
class InputSeries:
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
class RisingSeries:
    """A counter that starts at 0 and rises by the same amount in every interval."""

    name: str
    increment: Decimal
    times: int


@dataclass(frozen=True, slots=True)
class ExpectedAlert:
    """An expected alert with its labels and annotations (`exp_alerts` of promtool)."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AlertCheck:
    """Check of the alerts that fire under a name at a time; none if `expected_alerts` is empty."""

    eval_time: Duration
    alert: str
    expected_alerts: tuple[ExpectedAlert, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueCheck:
    """Check of the value of an expression at a time.

    Attributes:
        expected_samples: labels as PromQL text, and values.
        alert: the alert whose state the expression reads; empty for recorded series.
    """

    eval_time: Duration
    expr: str
    expected_samples: tuple[tuple[str, Decimal], ...]
    alert: str = ""


@dataclass(frozen=True, slots=True)
class UnitTestCase:
    """A test case: input series and the checks of the rules that read them.

    Attributes:
        scrape: the interval of the values of its series.
        step: the evaluation interval of the rules.
    """

    name: str
    scrape: Duration
    step: Duration
    series: tuple[InputSeries | RisingSeries, ...]
    checks: tuple[AlertCheck | ValueCheck, ...]


@dataclass(frozen=True, slots=True)
class UnitTestFile:
    """A test file; all its cases share the evaluation interval, as promtool requires.

    Attributes:
        name: the name of the file, without an extension.
        groups: the rule groups that the checks read, in the order of their evaluation.
    """

    name: str
    step: Duration
    groups: Sequence[RuleGroup]
    cases: Sequence[UnitTestCase]


def render_test_file(file: UnitTestFile, rule_file: str) -> list[str]:
    """Render a test file that reads a rule file."""
    return yaml_writer.render_mapping(
        {
            "rule_files": BlockList([Name(rule_file)]),
            "evaluation_interval": Raw(file.step),
            "group_eval_order": BlockList(Name(group.name) for group in file.groups),
            "tests": [_map_case(case) for case in file.cases],
        }
    )


def _map_case(case: UnitTestCase) -> YamlValue:
    series: list[YamlValue] = [
        {"series": series.name, "values": _render_values(series)} for series in case.series
    ]
    return {
        "name": case.name,
        "interval": Raw(case.scrape),
        "input_series": series or _EMPTY_LIST,
        "alert_rule_test": [
            _map_alert_check(check) for check in case.checks if isinstance(check, AlertCheck)
        ],
        "promql_expr_test": [
            _map_value_check(check) for check in case.checks if isinstance(check, ValueCheck)
        ],
    }


def _render_values(series: InputSeries | RisingSeries) -> str:
    if isinstance(series, RisingSeries):
        return f"0+{_render_number(series.increment)}x{series.times}"
    runs = [(value, len(list(repeated))) for value, repeated in groupby(series.values)]
    texts = [_render_repeated(value, times) for value, times in runs]
    if series.ends:
        for index, (value, times) in enumerate(runs):
            if value is None and index:
                texts[index] = _render_stale(times)
    return " ".join(texts)


def _render_stale(times: int) -> str:
    return "stale" if times == 1 else f"stale _x{times - 1}"


def _render_repeated(value: Decimal | None, times: int) -> str:
    if value is None:
        return f"_x{times}"
    return f"{_render_number(value)}x{times - 1}" if times > 1 else _render_number(value)


def round_sample(value: Decimal) -> Decimal:
    """Round a value as it is written into a series."""
    exponent = value.adjusted() if value else 0
    places = _PLACES if exponent >= _SMALL else _DIGITS - exponent
    return Decimal(format_decimal(value, places))


@lru_cache(maxsize=4096)
def _render_number(value: Decimal) -> str:
    return format_decimal(round_sample(value))


def _map_alert_check(check: AlertCheck) -> YamlValue:
    expected_alerts: list[YamlValue] = [
        {
            "exp_labels": TextMapping(expected.labels),
            "exp_annotations": TextMapping(expected.annotations),
        }
        for expected in check.expected_alerts
    ]
    return {
        "eval_time": Raw(check.eval_time),
        "alertname": Name(check.alert),
        "exp_alerts": expected_alerts or _EMPTY_LIST,
    }


def expect_values(
    eval_time: Duration, metric: str, samples: Iterable[tuple[str, Number]]
) -> ValueCheck:
    """Expect values to a millionth; to fewer places where rounding would decide the last one."""
    found = list(samples)
    places = next(
        (n for n in _ROUNDED_PLACES if all(_rounds_one_way(each, n) for _, each in found)), 0
    )
    scale = format_decimal(Decimal(1).scaleb(places))
    expected_samples = (
        (labels, each.value.scaleb(places).quantize(Decimal(1))) for labels, each in found
    )
    return ValueCheck(eval_time, f"round({scale} * {metric})", tuple(expected_samples))


def _rounds_one_way(number: Number, places: int) -> bool:
    rounded = number.add_roundings()
    part = abs(number.value.scaleb(places)) % 1
    return abs(part - _HALF) > rounded.error.scaleb(places)


def _map_value_check(check: ValueCheck) -> YamlValue:
    expected_samples: list[YamlValue] = [
        {"labels": labels, "value": Raw(format_decimal(value))}
        for labels, value in check.expected_samples
    ]
    return {
        "expr": check.expr,
        "eval_time": Raw(check.eval_time),
        "exp_samples": expected_samples or _EMPTY_LIST,
    }


def expand_annotations(
    annotations: Mapping[str, str], labels: Mapping[str, str], value: Decimal
) -> dict[str, str] | None:
    """Expand the texts; None if one uses more of Go's templates than a value and labels."""
    texts = {}
    for name, text in annotations.items():
        filled = _QUERY_TEMPLATE.sub(r"\1", text)
        filled = _CONDITIONAL_TEMPLATE.sub(lambda found: _choose_text(found, labels), filled)
        filled = _VALUE_TEMPLATE.sub(go.format_number(float(value)), filled)
        filled = _LABEL_TEMPLATE.sub(lambda found: labels.get(found.group(1), ""), filled)
        if "{{" in _LITERAL_TEMPLATE.sub("", filled):
            return None
        texts[name] = _LITERAL_TEMPLATE.sub(
            lambda found: found.group(1) or found.group(2) or "", filled
        )
    return texts


def _choose_text(found: re.Match[str], labels: Mapping[str, str]) -> str:
    """Choose the part of a conditional text that the labels call for."""
    if present := found["present"]:
        holds = bool(labels.get(present))
    else:
        holds = labels.get(found["label"], "") == found["value"]
    return found["then"] if holds else found["otherwise"] or ""
