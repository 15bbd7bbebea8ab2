"""Further cases of alerts and recordings, and series that are told sample by sample."""

from decimal import Decimal
from typing import Any

import pytest

from slos.schema.samples import parse_samples
from tests.schema.specs import parsed, problems_of, spec
from tests.schema.test_plain_alerts import RECORDING, alert

GAUGE = {"series": "up", "times": 1}
WRITTEN = {"series": "up", "samples": "1x3"}


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


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ({"series": [GAUGE]}, "says"),
        ({"says": "x", "series": []}, "at least one"),
        ({"says": "x", "series": [WRITTEN]}, "'then'"),
        ({"says": "x", "series": [GAUGE], "then": {"soon": "silent"}}, "30s, 5m"),
        ({"says": "x", "series": [GAUGE], "then": {"90s": "silent"}}, "once a minute"),
        ({"says": "x", "series": [GAUGE], "then": {"1m": "fires"}}, "firing"),
        ({"says": "x", "series": [{"series": "up", "samples": "1x3 soon"}]}, "run of samples"),
        ({"says": "x", "series": [{"series": "up", "samples": ""}]}, "no sample"),
        ({"says": "x", "series": [{"series": "up", "samples": "1x9999999"}]}, "too many|more than"),
        ({"says": "x", "series": [{**WRITTEN, "is": 1}]}, "exactly one course"),
    ],
)
def test_a_mistake_in_a_case_is_told_with_its_place(case: dict[str, Any], said: str) -> None:
    problems = problems_of(spec(alerts=[alert(examples=[case])]))
    assert problems
    assert any(each in problems[0].message + problems[0].hint for each in said.split("|"))
    assert problems[0].at.line > 1


def test_the_one_example_cannot_be_told_sample_by_sample() -> None:
    (problem,) = problems_of(spec(alerts=[alert(example=[WRITTEN])]))
    assert "cannot follow the value" in problem.message
    assert "'examples'" in problem.hint


def test_a_recording_gives_numbers_or_nothing() -> None:
    case = {"says": "x", "series": [WRITTEN], "then": {"5m": 2, "9m": "nothing"}}
    (found,) = parsed(spec(recordings=[{**RECORDING, "examples": [case]}])).recordings
    assert list(found.examples[0].then.values()) == [Decimal(2), "nothing"]
    (problem, *_) = problems_of(
        spec(recordings=[{**RECORDING, "examples": [{**case, "then": {"5m": "two"}}]}])
    )
    assert "then" in problem.message
