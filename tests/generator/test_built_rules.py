"""Built rules in promtool: they load, and their alerts fire."""

import json
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.devstack import stack
from tests.generator.promtool import read_groups, select_rules

ROOT = Path(__file__).parents[2]
RULES = ROOT / "rules" / "prometheus"
UNIT_TESTS = sorted((ROOT / "tests" / "promtool").glob("*.yaml"))


def run_promtool(*arguments: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    program = stack.find_binary("promtool")
    assert program, "promtool is missing; make test brings it"
    command = [program, *arguments]
    return subprocess.run(command, capture_output=True, check=False, text=True, cwd=folder)


@pytest.mark.parametrize("file", sorted(RULES.glob("*.yaml")), ids=lambda path: path.name)
def test_promtool_accepts_every_built_rule_file(file: Path) -> None:
    result = run_promtool("check", "rules", file)
    assert result.returncode == 0, result.stderr
    rules = [rule for group in _read_groups(file) for rule in group["rules"]]
    assert f"{len(rules)} rules found" in result.stdout


@pytest.mark.parametrize("file", sorted(RULES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_rules_of_the_generated_tests_are_all_those_that_are_built(file: Path) -> None:
    tested = [_list_rules(path) for path in (ROOT / "rules/tests" / file.stem).glob("*.rules")]
    texts = {json.dumps(rule) for rules in tested for rule in rules}
    assert texts == {json.dumps(rule) for rule in _list_rules(file)}


def _list_rules(file: Path) -> list[tuple[str, object]]:
    """The rules of a file, each with its group."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    groups = yaml.load(file.read_bytes(), Loader=loader)["groups"]  # noqa: S506 - a safe loader
    return [(group["name"], rule) for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("file", UNIT_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_rest_as_the_burn_arithmetic_says(file: Path, tmp_path: Path) -> None:
    (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": _list_groups_read(file)}))
    result = run_promtool("test", "rules", file.name, folder=tmp_path)
    assert result.returncode == 0, result.stderr + result.stdout


@cache
def _read_groups(rule_file: Path) -> list[dict[str, Any]]:
    return read_groups(rule_file)


def _list_groups_read(unit_test: Path) -> list[dict[str, Any]]:
    """The rules behind the alerts and recordings the test names: the others only cost time."""
    text = unit_test.read_text()
    groups = [group for file in sorted(RULES.glob("*.yaml")) for group in _read_groups(file)]
    patterns = "|".join([r"\b", *re.findall(r'alertname=~"([^"]*)"', text)])
    alerts = [rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule]
    named = {
        *re.findall(r"[\w-]+", text),
        *(each for each in alerts if re.fullmatch(patterns, each)),
    }
    wanted = {
        _get_subject(group)
        for group in groups
        for rule in group["rules"]
        if rule.get("alert", _get_subject(group)) in named
    }
    # The SLOs that their alerts name.
    wanted |= {
        slo
        for group in groups
        for rule in group["rules"]
        if rule.get("alert") in named
        for slo in re.findall(r'sloth_id="([^"]+)"', rule["expr"])
    }
    assert wanted, f"{unit_test.name} names no alert or recording of ours"
    return select_rules(
        [group for group in groups if _get_subject(group) in wanted],
        {"promql_expr_test": [{"expr": " ".join([text, *named])}]},
    )


def _get_subject(group: dict[str, str]) -> str:
    """Subject of a group: `slo-fine-<slo>`, `slo-alert-<name>`, `slo-recording-<name>`."""
    return group["name"].split("-", 2)[2]
