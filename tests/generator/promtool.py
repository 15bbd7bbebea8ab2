"""Promtool's checks and unit tests, called from tests."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.devstack.stack import find_binary
from generator.clients.promtool import select_read_groups
from generator.pipeline import BuildSettings, render_folder
from tests.generator.spec_pipeline import build_plans


def check_rules(*files: Path) -> str:
    """What promtool says about files that it accepts."""
    return _run_promtool("check", *files)


def run_rule_tests(*files: Path) -> str:
    """What promtool says about unit tests that pass."""
    return _run_promtool("test", *files)


def _run_promtool(command: str, *files: Path) -> str:
    promtool = find_binary("promtool")
    assert promtool, "promtool is missing; run 'make tools'"
    process = subprocess.run(
        [promtool, command, "rules", *files], capture_output=True, text=True, check=False
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
        evaluates_all: whether rules that no check reads are evaluated as well.
    """

    document: object
    series: dict[str, str]
    interval: str = "30s"
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
            groups = select_read_groups({"tests": [{"promql_expr_test": self.checks}]}, groups)
        (folder / "rules.yaml").write_text(json.dumps({"groups": groups}))
        series = [{"series": s, "values": v} for s, v in self.series.items()]
        check_rules_on_series(folder, series, self.checks, interval=self.interval)


def check_rules_on_series(
    folder: Path,
    series: list[dict[str, str]],
    checks: list[dict[str, Any]],
    *,
    interval: str = "30s",
    rule_files: tuple[str, ...] = ("rules.yaml",),
) -> None:
    """Check the rules of a folder on series."""
    test = {"interval": interval, "input_series": series, "promql_expr_test": checks}
    test_file = {"rule_files": list(rule_files), "evaluation_interval": "1m", "tests": [test]}
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
