"""Promtool's checks and unit tests, called from tests."""

import json
import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.devstack.stack import find_binary
from generator.clients.promtool import GO_SETTINGS
from generator.pipeline import BuildSettings, render_folder
from tests.generator.spec_pipeline import build_plans

_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_groups(path: Path) -> list[dict[str, Any]]:
    """The groups of a rule file."""
    groups: list[dict[str, Any]] = read_yaml(path)["groups"]
    return groups


def read_yaml(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.load(path.read_bytes(), Loader=_LOADER)  # noqa: S506
    return document


def select_rules(groups: list[dict[str, Any]], case: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules that a case reads, directly or through others, without groups that have none."""
    read_names = {check["alertname"] for check in case.get("alert_rule_test", ())}
    for check in case.get("promql_expr_test", ()):
        read_names |= set(_NAME.findall(check["expr"]))
    known_names = set[str]()
    while read_names != known_names:
        known_names = set(read_names)
        for rule in (rule for group in groups for rule in group["rules"]):
            if (rule.get("record") or rule["alert"]) in known_names:
                read_names |= set(_NAME.findall(rule["expr"]))
    selected = (
        {
            **group,
            "rules": [r for r in group["rules"] if (r.get("record") or r["alert"]) in read_names],
        }
        for group in groups
    )
    return [group for group in selected if group["rules"]]


def check_rules(*files: Path) -> str:
    """Check files with promtool; return its output."""
    return _run_promtool("check", *files)


def run_rule_tests(*files: Path) -> str:
    """Run unit tests with promtool; return its output."""
    return _run_promtool("test", *files)


def _run_promtool(command: str, *files: Path) -> str:
    promtool = find_binary("promtool")
    assert promtool, "promtool is missing; run 'make tools'"
    process = subprocess.run(
        [promtool, command, "rules", *files],
        env={**GO_SETTINGS, **os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    output = process.stdout + process.stderr
    assert process.returncode == 0, output
    return output


@dataclass
class PromtoolEvaluation:
    """One run of `promtool test rules`.

    Attributes:
        document: the spec.
        series: PromQL series with values in promtool's notation, one every `interval`.
        interval: between two samples.
        step: between two evaluations of the rules.
        evaluates_all: whether rules that no check reads are evaluated as well.
    """

    document: object
    series: dict[str, str]
    interval: str = "30s"
    step: str = "1m"
    evaluates_all: bool = False
    checks: list[dict[str, Any]] = field(default_factory=list)

    def expect_value(self, time: str, expr: str, value: float) -> "PromtoolEvaluation":
        """Expect one sample without labels."""
        sample = {"labels": "{}", "value": value}
        self.checks.append({"expr": expr, "eval_time": time, "exp_samples": [sample]})
        return self

    def expect_nothing(self, time: str, expr: str) -> "PromtoolEvaluation":
        """Expect no sample."""
        self.checks.append({"expr": expr, "eval_time": time, "exp_samples": []})
        return self

    def run_promtool(self, folder: Path) -> None:
        """Fail with promtool's words where something differs, or a rule cannot be evaluated."""
        (artifact, *_) = render_folder(
            build_plans(self.document).plans, "prometheus", BuildSettings()
        )
        groups = yaml.load(artifact.text, yaml.CSafeLoader)["groups"]
        # A check of `ALERTS` without a name is about all alerts.
        named = all(
            "alertname=" in each["expr"] for each in self.checks if "ALERTS" in each["expr"]
        )
        if named and not self.evaluates_all:
            groups = select_rules(groups, {"promql_expr_test": self.checks})
        (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))
        series = [{"series": s, "values": v} for s, v in self.series.items()]
        check_rules_on_series(folder, series, self.checks, interval=self.interval, step=self.step)


def check_rules_on_series(  # noqa: PLR0913 - each is a setting of its own
    folder: Path,
    series: list[dict[str, str]],
    checks: list[dict[str, Any]],
    *,
    interval: str = "30s",
    step: str = "1m",
    rule_files: tuple[str, ...] = ("rules.yaml",),
    group_order: Sequence[str] = (),
) -> None:
    """Check the rules of a folder on series; without an order, any group may be the first."""
    test = {"interval": interval, "input_series": series, "promql_expr_test": checks}
    test_file = {
        "rule_files": list(rule_files),
        "evaluation_interval": step,
        "group_eval_order": list(group_order),
        "tests": [test],
    }
    (folder / "test.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(test_file))))
    program = find_binary("promtool")
    assert program, "promtool is missing; run 'make tools'"
    process = subprocess.run(
        [program, "test", "rules", "test.yaml"],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert "error evaluating rule" not in process.stdout + process.stderr
