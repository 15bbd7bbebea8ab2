"""Unit tests generated from `examples` of standalone alerts and recordings."""

from pathlib import Path
from typing import Any

import pytest

from exporter.devstack.stack import find_binary
from generator.outputs.tests import standalone
from generator.outputs.tests.promtool_file import UnitTestCase
from tests.generator.command_line import run_slo_rules
from tests.schema.specs import build_spec, dump_yaml, parse_single_spec
from tests.schema.test_standalone_alerts import RECORDING, build_alert

FALLEN = {
    "says": "down after an hour, then not scraped",
    "series": [{"series": "up", "samples": "1x119 0x119 _x60"}],
    "then": {"59m": "silent", "1h": "firing", "1h59m": "firing", "2h6m": "silent"},
}
OTHER = {"says": "another target", "series": [{"series": 'up{job="b"}', "times": 1}]}
GAP = {
    "says": "limits not scraped",
    "series": [
        {"series": "cpu_used", "times": 4},
        {"series": "cpu_limit", "samples": "2x20 _x60"},
    ],
    "then": {"10m": 2, "16m": "nothing"},
}


def build_cases(**document: Any) -> list[UnitTestCase]:  # noqa: ANN401 - YAML
    return [
        case
        for file in standalone.build_standalone_files(parse_single_spec(build_spec(**document)), ())
        for case in file.cases
    ]


def passes_unit_tests(document: dict[str, Any], folder: Path) -> bool:
    promtool = find_binary("promtool")
    assert promtool, "promtool is missing; run 'make tools'"
    (folder / "shop.yaml").write_bytes(dump_yaml({**document, "slos": []}))
    assert run_slo_rules("build", folder / "shop.yaml", "-o", folder / "out").exit_code == 0
    return run_slo_rules("test", folder / "out" / "tests", "--promtool", promtool).exit_code == 0


def test_each_case_is_a_unit_test_that_says_what_it_is_about() -> None:
    names = [case.name for case in build_cases(alerts=[build_alert(examples=[FALLEN, OTHER])])]
    assert "Down: down after an hour, then not scraped" in names
    assert "Down: another target: quiet, firing, quiet" in names
    every = build_cases(recordings=[{**RECORDING, "examples": [GAP]}])
    (gap,) = [case for case in every if case.name.endswith("limits not scraped")]
    assert [len(check.expected_samples) for check in gap.checks] == [1, 0]  # type: ignore[union-attr]


def test_what_a_spec_tells_of_its_cases_is_tried(tmp_path: Path) -> None:
    told = {**OTHER, "labels": {"job": "b"}}
    document = build_spec(
        alerts=[build_alert(examples=[FALLEN, told])],
        recordings=[{**RECORDING, "examples": [GAP]}],
    )
    assert passes_unit_tests(document, tmp_path)


@pytest.mark.parametrize(
    ("case", "then"),
    [(FALLEN, {"1h": "silent"}), (FALLEN, {"59m": "firing"}), (FALLEN, {"2h6m": "firing"})],
)
def test_an_alert_that_does_otherwise_fails(
    case: dict[str, Any], then: dict[str, str], tmp_path: Path
) -> None:
    assert not passes_unit_tests(
        build_spec(alerts=[build_alert(examples=[{**case, "then": then}])]), tmp_path
    )


@pytest.mark.parametrize("then", [{"10m": 3}, {"10m": "nothing"}, {"16m": 2}])
def test_a_recording_that_gives_otherwise_fails(then: dict[str, Any], tmp_path: Path) -> None:
    recording = {**RECORDING, "examples": [{**GAP, "then": then}]}
    assert not passes_unit_tests(build_spec(recordings=[recording]), tmp_path)
