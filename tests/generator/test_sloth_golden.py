"""The sloth profile generates the rules of Sloth v0.16.

The files in `tests/golden_sloth` were written from the facts about Sloth, never from our output.
`slo-rules` stands in them for Sloth's version, the one value that may differ.
"""

from pathlib import Path

import pytest
import yaml

from tests.generator.command_line import run_slo_rules
from tests.generator.promtool import check_rules

GOLDEN = Path(__file__).parents[1] / "golden_sloth"
# What a case is called with, beside its input.
CALLED_WITH = {
    "extra-labels": ["-l", "env=prod", "-l", "tier:3"],
    "windows-7d": [
        "--default-slo-period",
        "7d",
        "--slo-period-windows-path",
        str(GOLDEN / "windows"),
    ],
    "28d": ["--default-slo-period", "28d"],
    "crd": ["--format", "prometheus"],
    "sli-plugin": ["--plugins", str(GOLDEN / "plugins")],
}
CASES = sorted(path.name.removesuffix(".rules.yaml") for path in GOLDEN.glob("*.rules.yaml"))


def build_golden(name: str, *arguments: str) -> str:
    result = run_slo_rules("build", "--profile", "sloth", "-i", GOLDEN / f"{name}.yaml", *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def load_expected(file: str) -> object:
    return yaml.safe_load((GOLDEN / file).read_text(encoding="utf-8"))


def test_every_input_in_the_folder_has_an_expected_output() -> None:
    inputs = {path.stem for path in GOLDEN.glob("*.yaml") if "." not in path.stem}
    assert inputs == set(CASES)
    assert set(CALLED_WITH) <= inputs


@pytest.mark.parametrize("case", CASES)
def test_a_spec_gives_the_rules_that_sloth_gives(case: str, tmp_path: Path) -> None:
    text = build_golden(case, *CALLED_WITH.get(case, []))
    assert yaml.safe_load(text) == load_expected(f"{case}.rules.yaml")
    (tmp_path / "rules.yaml").write_text(text)
    assert "SUCCESS" in check_rules(tmp_path / "rules.yaml")


def test_an_object_gives_the_object_that_sloth_gives() -> None:
    assert yaml.safe_load(build_golden("crd")) == load_expected("crd.object.yaml")
