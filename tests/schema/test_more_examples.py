"""Further cases of alerts and recordings, and series that are told sample by sample."""

from decimal import Decimal
from typing import Any

import pytest

from slos.schema.samples import parse_samples
from tests.schema.specs import parsed, problems_of, spec
from tests.schema.test_plain_alerts import RECORDING

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


def test_a_recording_gives_numbers_or_nothing() -> None:
    case = {"says": "x", "series": [WRITTEN], "then": {"5m": 2, "9m": "nothing"}}
    (found,) = parsed(spec(recordings=[{**RECORDING, "examples": [case]}])).recordings
    assert list(found.examples[0].then.values()) == [Decimal(2), "nothing"]
    (problem, *_) = problems_of(
        spec(recordings=[{**RECORDING, "examples": [{**case, "then": {"5m": "two"}}]}])
    )
    assert "then" in problem.message
