"""Golden files: the complete output for small specs.

`UPDATE_GOLDENS=1` rewrites them; read the difference line by line before it is committed.
"""

import os
from pathlib import Path, PurePosixPath

import pytest
import yaml

from generator.model import SpecFile
from generator.pipeline import BuildSettings, plan_build, render_file, render_folder
from slos.schema.problem import Problem
from slos.schema.promql import parse_query
from tests.generator.promtool import check_rules

GOLDEN = Path(__file__).parents[1] / "golden"
COMMITTED = Path(__file__).parents[2] / "rules" / "prometheus" / "agent-sre.yaml"
CASES = ("events", "grouped", "raw", "types", "windows")
FILES = {"prometheus": "rules", "operator": "operator"}
# The one whose SLOs are split by labels; dashboards are much alike.
BOARDS_OF = "grouped"


def build_case(case: str, format_: str) -> tuple[str, tuple[Problem, ...]]:
    path = PurePosixPath(f"{case}.yaml")
    source = SpecFile(path.name, path, (GOLDEN / path).read_bytes())
    plans = plan_build([source], BuildSettings())
    assert not plans.has_errors, plans.problems
    return render_file(plans.plans, format_, BuildSettings(), path=path).text, plans.problems


def get_golden_path(case: str, format_: str) -> Path:
    return GOLDEN / f"{case}.{FILES[format_]}.yaml"


def build_boards() -> dict[str, str]:
    """The dashboards of a case, by the names of their golden files."""
    path = PurePosixPath(f"{BOARDS_OF}.yaml")
    plans = plan_build(
        [SpecFile(path.name, path, (GOLDEN / path).read_bytes())], BuildSettings()
    ).plans
    return {
        f"{BOARDS_OF}.{artifact.path}": artifact.text
        for artifact in render_folder(plans, "grafana", BuildSettings())
        if artifact.path.suffix == ".json"
    }


@pytest.fixture(scope="module", autouse=True)
def _update_goldens() -> None:
    if os.environ.get("UPDATE_GOLDENS"):
        for case in CASES:
            for format_ in FILES:
                text, _ = build_case(case, format_)
                get_golden_path(case, format_).write_text(text, encoding="utf-8", newline="\n")
        for name, text in build_boards().items():
            (GOLDEN / name).write_text(text, encoding="utf-8", newline="\n")


def test_every_case_in_the_folder_is_tested() -> None:
    specs = {path.stem for path in GOLDEN.glob("*.yaml") if "." not in path.stem}
    assert specs == set(CASES)
    outputs = {path.name for path in GOLDEN.glob("*.*.yaml")}
    assert outputs == {get_golden_path(case, each).name for case in CASES for each in FILES}


@pytest.mark.parametrize("format_", FILES)
@pytest.mark.parametrize("case", CASES)
def test_a_spec_gives_exactly_the_file_that_was_accepted(case: str, format_: str) -> None:
    text, _ = build_case(case, format_)
    assert text == get_golden_path(case, format_).read_text(encoding="utf-8")


def test_specs_give_exactly_the_dashboards_that_were_accepted() -> None:
    accepted = {path.name: path.read_text(encoding="utf-8") for path in GOLDEN.glob("*.json")}
    assert build_boards() == accepted


@pytest.mark.parametrize("case", CASES)
def test_the_object_holds_the_groups_of_the_rule_file(case: str) -> None:
    rules = yaml.safe_load(get_golden_path(case, "prometheus").read_text())
    manifest = yaml.safe_load(get_golden_path(case, "operator").read_text())
    assert manifest["spec"] == rules
    assert manifest["metadata"]["name"] == f"slo-{case}"


@pytest.mark.parametrize("case", CASES)
def test_promtool_accepts_every_accepted_rule_file(case: str) -> None:
    assert "SUCCESS" in check_rules(get_golden_path(case, "prometheus"))


def test_promtool_accepts_the_committed_rules() -> None:
    assert "SUCCESS" in check_rules(COMMITTED)


@pytest.mark.parametrize("case", CASES)
def test_our_own_parser_accepts_every_expression_as_well(case: str) -> None:
    rules = yaml.safe_load(get_golden_path(case, "prometheus").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            parse_query(rule["expr"])


def test_only_the_case_with_low_objectives_warns() -> None:
    warned = {case: len(build_case(case, "prometheus")[1]) for case in CASES}
    assert warned == {"events": 0, "grouped": 0, "raw": 0, "types": 1, "windows": 0}
