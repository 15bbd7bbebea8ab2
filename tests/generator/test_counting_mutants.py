"""Every range and limit of the coarse count is needed for some history of a counter."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.devstack.stack import find_binary
from generator.pipeline import BuildSettings, render_folder
from tests.generator import mutation_runner, mutations
from tests.generator.mutation_runner import MutationTest
from tests.generator.spec_pipeline import build_plans
from tests.generator.test_first_values import ALIVE, CASES, CHECK, SPEC, render_error_sum


@pytest.mark.timeout(900)
def test_a_broken_count_of_first_values_fails_for_a_history(tmp_path: Path) -> None:
    group = build_coarse_group()
    tried = [
        one
        for one in mutations.generate_mutations([group])
        if one.rule is group["rules"][-1]
        and mutations.find_reason(one.description) == mutations.FIRST_VALUES
    ]
    assert len(tried) > 10
    program = find_binary("promtool")
    assert program
    found = mutation_runner.find_survivors(tried, build_tests(group), str(program), tmp_path)
    assert not found, "\n".join(each.description for each in found)


def build_coarse_group() -> dict[str, Any]:
    """Build the group with the counts alone; the errors are last."""
    (artifact, *_) = render_folder(build_plans(SPEC).plans, "prometheus", BuildSettings())
    groups = yaml.safe_load(artifact.text)["groups"]
    (group,) = (each for each in groups if each["name"].startswith("slo-coarse-"))
    rules = [each for each in group["rules"] if each["record"].endswith(":sum10m")]
    return {**group, "rules": rules}


def build_tests(group: dict[str, Any]) -> list[MutationTest]:
    return [
        MutationTest(name, build_test(group, {**ALIVE, **series}, errors), [group], cost=1)
        for name, (series, errors) in CASES.items()
    ]


def build_test(group: dict[str, Any], series: dict[str, str], errors: int) -> dict[str, Any]:
    check = {
        "expr": render_error_sum(),
        "eval_time": CHECK,
        "exp_samples": [{"labels": "{}", "value": errors}],
    }
    case = {
        "interval": "30s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [check],
    }
    return {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "10m",
        "group_eval_order": [group["name"]],
        "tests": [case],
    }
