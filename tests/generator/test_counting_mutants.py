"""Every part of the expression of the coarse tier is needed for some history of a counter.

A few mutants of the expression are tried, always the same ones; with MUTATIONS=all every one is.
"""

import os
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.devstack.stack import find_binary
from generator.pipeline import BuildSettings, render_folder
from tests.generator import mutation_runner, mutations
from tests.generator.mutation_runner import MutationTest
from tests.generator.mutations import Mutation
from tests.generator.spec_pipeline import build_plans
from tests.generator.test_first_values import ALIVE, CASES, CHECK, SPEC, render_error_sum

EVERY = os.environ.get("MUTATIONS") == "all"
SAMPLE = 8
EQUIVALENT: dict[str, str] = {}


@pytest.mark.timeout(7200 if EVERY else 900)
def test_each_part_of_the_count_is_needed(tmp_path: Path) -> None:
    group = build_coarse_group()
    name, rule = group["name"], group["rules"][-1]
    every = sorted(
        mutations.generate_local_mutations(name, rule),
        key=lambda one: zlib.crc32(one.description.encode()),
    )
    tried = [one for one in every if not is_equivalent(one)]
    program = find_binary("promtool")
    assert program
    found = mutation_runner.find_survivors(
        tried if EVERY else tried[:SAMPLE], build_tests(group), str(program), tmp_path
    )
    assert not found, "\n".join(each.description for each in found)


def is_equivalent(mutation: Mutation) -> bool:
    return any(re.search(pattern, mutation.description) for pattern in EQUIVALENT)


def build_coarse_group() -> dict[str, Any]:
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
