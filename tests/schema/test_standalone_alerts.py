"""Standalone alerts, recordings and requirements of a spec."""

from decimal import Decimal
from typing import Any

import pytest

from slos.schema.examples import parse_samples
from slos.schema.loader import parse_specs
from tests.schema.specs import build_spec, dump_yaml, parse_single_spec

DOWN = {
    "name": "Down",
    "severity": "critical",
    "summary": "it is down",
    "description": "nothing answers",
    "query": "up",
    "below": 1,
    "example": [{"series": "up", "times": 1}],
    "quiet": 1,
    "firing": 0,
}
RECORDING = {
    "record": "cpu:used:ratio",
    "description": "CPU used of what it may use",
    "query": "cpu_used / cpu_limit",
    "example": [{"series": "cpu_used", "times": 2}, {"series": "cpu_limit", "is": 2}],
}


def build_alert(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML
    merged = {**DOWN, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def test_a_spec_may_watch_something_without_any_slo() -> None:
    document = build_spec(alerts=[build_alert()], recordings=[RECORDING])
    found = parse_single_spec({**document, "slos": []})
    assert found.slos == []
    assert found.alerts[0].is_firing_at(Decimal(0))
    assert not found.alerts[0].is_firing_at(Decimal(1))


@pytest.mark.parametrize(
    ("changes", "quiet", "firing"),
    [
        ({"below": None, "above": 10, "quiet": None, "firing": None}, 5, 20),
        ({"below": None, "above": 0, "quiet": None, "firing": None}, 0, 1),
        ({"below": 10, "quiet": None, "firing": None}, 20, 5),
    ],
)
def test_an_alert_is_tried_at_half_and_at_twice_its_threshold(
    changes: dict[str, Any], quiet: int, firing: int
) -> None:
    (found,) = parse_single_spec(build_spec(alerts=[build_alert(**changes)])).alerts
    assert [found.quiet_value, found.firing_value] == [quiet, firing]


@pytest.mark.parametrize(
    ("query", "no_data", "hint"),
    [
        ("sum(up)", "firing", "add 'or vector(...)' to the query, or remove no_data"),
        ("max(up or absent(up) * 0)", "silent", "set no_data: firing"),
        ("sum(up) or vector(0)", "silent", "set no_data: firing"),
        ("sum(up) or vector(1)", "firing", "set no_data: silent"),
        ("(time() - max(done)) or on () (-vector(3))", "silent", "set no_data: firing"),
        (
            "vector(1) and on () up",
            "firing",
            "add 'or vector(...)' to the query, or remove no_data",
        ),
    ],
)
def test_a_state_without_data_that_the_query_never_has_is_refused(
    query: str, no_data: str, hint: str
) -> None:
    document = build_spec(alerts=[build_alert(query=query, no_data=no_data)])
    _, (problem,) = parse_specs(dump_yaml(document), "a.yaml")
    assert problem.hint == hint
    other = "silent" if no_data == "firing" else "firing"
    parse_single_spec(build_spec(alerts=[build_alert(query=query, no_data=other)]))


def test_a_state_without_data_that_the_text_of_the_query_does_not_decide_is_taken() -> None:
    for query in ("up or vector(time())", "up or hour()", "vector(1) and on () vector(2)"):
        for state in ("silent", "firing"):
            parse_single_spec(build_spec(alerts=[build_alert(query=query, no_data=state)]))


def test_an_example_follows_the_value_or_goes_its_own_way() -> None:
    courses = [
        {"series": "a", "times": 2},
        {"series": "b", "is": 7},
        {"series": "c_total", "rate": "0.5"},
        {"series": "d_total", "rises": 3},
        {"series": "e", "ago": 60},
        {"series": "f", "is": 1, "while": "firing"},
        {"series": "g", "grows": "0.001"},
        {"series": "h_total", "rises": 3, "of": 10},
    ]
    (found,) = parse_single_spec(build_spec(alerts=[build_alert(example=courses)])).alerts
    parts = [(Decimal(10), "quiet", 2), (Decimal(1), "firing", 1)]
    assert [each.compute_samples(parts, Decimal(30)) for each in found.example] == [
        [20, 20, 2],
        [7, 7, 7],
        [150, 300, 315],
        [90, 180, 270],
        [-600, -570, 0],
        [None, None, 1],
        [Decimal("1.3"), Decimal("1.69"), Decimal("1.7407")],
        [900, 1800, 2700],
    ]


@pytest.mark.parametrize(
    ("text", "samples"),
    [
        ("5", [5]),
        ("5x2", [5, 5, 5]),
        ("1+2x2", [1, 3, 5]),
        ("1-0.5x2", [1, Decimal("0.5"), 0]),
        ("-1x1", [-1, -1]),
        ("1 _ 2 _x2 3", [1, None, 2, None, None, 3]),
    ],
)
def test_samples_are_read_as_promtool_reads_them(text: str, samples: list[Any]) -> None:
    assert parse_samples(text) == samples


def test_a_recording_gives_numbers_or_nothing() -> None:
    case = {
        "says": "x",
        "series": [{"series": "up", "samples": "1x3"}],
        "then": {"5m": 2, "9m": "nothing"},
    }
    (found,) = parse_single_spec(
        build_spec(recordings=[{**RECORDING, "examples": [{"says": "x", **case}]}])
    ).recordings
    assert list(found.examples[0].then.values()) == [Decimal(2), "nothing"]


def test_a_query_outside_an_sli_has_no_window() -> None:
    query = "sum(rate(m[{{.window}}]))"
    document = build_spec(
        alerts=[build_alert(query=query)], recordings=[{**RECORDING, "query": query}]
    )
    _, problems = parse_specs(dump_yaml({**document, "slos": []}), "shop.yaml")
    messages = [each.message for each in problems]
    assert len(messages) == 2
    assert all("{{.window}} is only known in an SLI" in each for each in messages)
