"""Helpers that run amtool, and example configurations of users."""

import json
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from exporter.devstack import stack

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "rules" / "alertmanager"


def run_amtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = stack.find_binary("amtool")
    assert program, "amtool is missing; make test brings it"
    return subprocess.run([program, *arguments], capture_output=True, check=False, text=True)


def check_config(config: Path) -> str:
    """Check a configuration with amtool; return its output."""
    result = run_amtool("check-config", config)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def find_receivers(config: Path, labels: Mapping[str, str]) -> list[str]:
    """List the receivers of an alert, by amtool."""
    label_arguments = [f"{name}={json.dumps(value)}" for name, value in labels.items()]
    result = run_amtool("config", "routes", "test", f"--config.file={config}", *label_arguments)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip().split(",")


def read_fragment() -> dict[str, Any]:
    """The configuration that is built from our specs."""
    read = yaml.safe_load((BUILT / "alertmanager.yml").read_text())
    assert isinstance(read, dict)
    return read


@cache
def read_expected_alerts() -> dict[str, dict[str, str]]:
    """Every alert of `rules/` with the labels that promtool saw on it."""
    found = {}
    for file in sorted((ROOT / "rules" / "tests").rglob("*.yaml")):
        for test in yaml.load(file.read_text(), Loader=yaml.CSafeLoader)["tests"]:
            for test_case in test.get("alert_rule_test", []):
                for alert in test_case["exp_alerts"]:
                    name = test_case["alertname"]
                    found[name] = {"alertname": name, **alert["exp_labels"]}
    return found


def build_owner_config(*, root: str = "null") -> dict[str, Any]:
    """Shaped like that of the cluster: what is critical pages, and everything goes to the agent.

    Args:
        root: the receiver of what no route takes; some send everything on from there.
    """
    catch_all = {"receiver": "prometheus-events", "continue": True}
    critical = {"matchers": ['severity="critical"'], "receiver": "pagerduty", "continue": True}
    return {
        "route": {
            "receiver": root,
            "group_by": ["alertname", "cluster", "service"],
            "repeat_interval": "12h",
            "routes": [critical, catch_all] if root == "null" else [critical],
        },
        "receivers": [{"name": name} for name in ("null", "pagerduty", "prometheus-events")],
    }


def merge_configs(owner: dict[str, Any], fragment: dict[str, Any]) -> dict[str, Any]:
    """As docs/alertmanager.md says: our routes first, everything else beside the owner's."""
    route = {**owner["route"], "routes": [*fragment["route"]["routes"], *owner["route"]["routes"]]}
    merged = {
        key: [
            *owner.get(key, []),
            *(each for each in fragment[key] if each not in owner.get(key, [])),
        ]
        for key in ("receivers", "inhibit_rules", "time_intervals")
    }
    return {"route": route, **merged}
