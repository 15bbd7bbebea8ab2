"""Rules of the exact profile, evaluated by promtool over series that a test writes down."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from exporter.devstack.stack import find
from generator.pipeline import Settings, render_folder
from tests.generator.resolved import planned


@dataclass
class Evaluation:
    """One run of `promtool test rules`.

    Attributes:
        document: the spec.
        series: PromQL series with values in promtool's notation, one every `interval`.
        interval: between two samples.
    """

    document: object
    series: dict[str, str]
    interval: str = "30s"
    checks: list[dict[str, Any]] = field(default_factory=list)

    def value(self, at: str, expr: str, value: float) -> "Evaluation":
        """Expect one sample without labels."""
        sample = {"labels": "{}", "value": value}
        self.checks.append({"expr": expr, "eval_time": at, "exp_samples": [sample]})
        return self

    def nothing(self, at: str, expr: str) -> "Evaluation":
        """Expect no sample."""
        self.checks.append({"expr": expr, "eval_time": at, "exp_samples": []})
        return self

    def run(self, folder: Path) -> None:
        """Fail with promtool's words where something differs, or a rule cannot be evaluated."""
        (artifact, *_) = render_folder(planned(self.document).plans, "prometheus", Settings())
        (folder / "rules.yaml").write_text(artifact.text)
        series = [{"series": s, "values": v} for s, v in self.series.items()]
        promtool_runs(folder, series, self.checks, interval=self.interval)


def promtool_runs(
    folder: Path,
    series: list[dict[str, str]],
    checks: list[dict[str, Any]],
    *,
    interval: str = "30s",
    rule_files: tuple[str, ...] = ("rules.yaml",),
) -> None:
    """Check the rules of a folder on series."""
    test = {"interval": interval, "input_series": series, "promql_expr_test": checks}
    whole = {"rule_files": list(rule_files), "evaluation_interval": "1m", "tests": [test]}
    (folder / "test.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(whole))))
    program = find("promtool")
    assert program, "promtool is missing; run 'make tools'"
    done = subprocess.run(
        [program, "test", "rules", "test.yaml"],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error evaluating rule" not in done.stdout + done.stderr
