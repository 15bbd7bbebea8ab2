"""The rules of each overlay are those of what its prober runs."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.app.plugin_set import list_inventory
from exporter.config.loader import load_sections
from slos.schema.contract import PREFIX
from slos.schema.inventory import CLOSED_LABELS, Inventory, render_inventory
from tests.generator.command_line import run_slo_rules
from tests.generator.promtool import check_rules_on_series, select_rules
from tests.k8s.manifests import (
    K8S,
    ROOT,
    Json,
    Manifests,
    build_objects,
    build_overlay,
    read_sections,
)

Groups = dict[str, str]
"""Text of the expressions of each rule group, by its name."""
_MATCHER = re.compile(rf'\b({"|".join(CLOSED_LABELS)})(=~|=)"([^"]*)"')
_METRIC = re.compile(rf"\b{PREFIX}\w+")


def get_folder(overlay: Manifests) -> Path:
    return K8S / "overlays" / overlay.name


def read_inventory(overlay: Manifests) -> Inventory:
    text = (get_folder(overlay) / "inventory.yaml").read_text()
    return Inventory.model_validate(yaml.safe_load(text))


def list_inventory_of(file: Path) -> Inventory:
    loaded, problems = load_sections(file)
    assert problems == []
    assert loaded
    return list_inventory(loaded)


@cache
def read_groups(folder: Path) -> Groups:
    """Read the rule groups of the PrometheusRules of a folder."""
    groups = [group for each in build_objects(folder) for group in each["spec"].get("groups") or ()]
    return {group["name"]: " ".join(rule["expr"] for rule in group["rules"]) for group in groups}


@cache
def list_rules(folder: Path) -> tuple[Json, ...]:
    return tuple(
        rule
        for each in build_objects(folder)
        for group in each["spec"].get("groups") or ()
        for rule in group["rules"]
    )


def list_absent(text: str, inventory: Inventory, recorded: set[str]) -> tuple[set[str], set[str]]:
    """Metrics of the prober that a text reads: exported ones, and others.

    Only the names and values in the text count, not how the query combines them.
    """
    there: set[str] = set()
    absent: set[str] = set()
    for label, operator, value in _MATCHER.findall(text):
        values = inventory.labels[label]
        found = {each for each in values if re.fullmatch(value, each)}
        is_there = bool(found) if operator == "=~" else value in values
        (there if is_there else absent).add(f"{label}={value}")
    for metric in _METRIC.findall(text):
        base = re.sub("_(bucket|count|sum)$", "", metric)
        is_there = bool({metric, base} & inventory.metrics) or metric in recorded
        (there if is_there else absent).add(metric)
    return there, absent


def test_the_inventory_is_that_of_the_configuration(overlay: Manifests) -> None:
    found = list_inventory_of(get_folder(overlay) / "slo-probe.yaml")
    assert found == read_inventory(overlay)
    text = (get_folder(overlay) / "inventory.yaml").read_text()
    assert text.partition("\n")[2] == render_inventory(found)


def test_the_rules_are_those_of_the_inventory(overlay: Manifests) -> None:
    folder = get_folder(overlay)
    result = run_slo_rules(
        "check", ROOT / "slos", "--inventory", folder / "inventory.yaml",
        "--format", "operator", "-o", folder / "rules",
    )  # fmt: skip
    assert result.exit_code == 0, result.output


def test_every_rule_of_an_overlay_reads_what_its_prober_exports(overlay: Manifests) -> None:
    rules = list_rules(get_folder(overlay) / "rules")
    recorded = {rule["record"] for rule in rules if "record" in rule}
    assert any("alert" in rule for rule in rules)
    for name, text in read_groups(get_folder(overlay) / "rules").items():
        there, absent = list_absent(text, read_inventory(overlay), recorded)
        assert there or not absent, f"{name} reads nothing but {absent}"


def test_no_rule_is_missing_whose_series_the_prober_exports(overlay: Manifests) -> None:
    complete, own = ROOT / "rules" / "operator", get_folder(overlay) / "rules"
    recorded = {rule["record"] for rule in list_rules(own) if "record" in rule}
    missing = read_groups(complete).keys() - read_groups(own).keys()
    slos = {name: text for name, text in read_groups(complete).items() if name in missing}
    # An SLO has a fine, a coarse and a period group; only the first two read the prober.
    for name in missing - {each for each in missing if each.startswith("slo-period-")}:
        _, absent = list_absent(slos[name], read_inventory(overlay), recorded)
        assert absent or name.startswith("slo-coarse-"), name
    for name in missing:
        kind, _, rest = name.removeprefix("slo-").partition("-")
        if kind in ("coarse", "period"):
            assert f"slo-fine-{rest}" in missing, name


def test_every_probe_of_an_overlay_has_a_rule(overlay: Manifests) -> None:
    texts = " ".join(read_groups(get_folder(overlay) / "rules").values())
    patterns: dict[str, list[str]] = {"probe": [], "scenario": []}
    for label, _, value in _MATCHER.findall(texts):
        patterns.setdefault(label, []).append(value)
    sums = "agent_sre_validation_probe_runs_total" in texts
    for probe in read_inventory(overlay).labels["probe"]:
        assert sums or any(re.fullmatch(each, probe) for each in patterns["probe"]), probe
    for scenario in read_inventory(overlay).labels["scenario"]:
        assert any(re.fullmatch(each, scenario) for each in patterns["scenario"]), scenario


def test_with_a_stand_in_for_linear_the_other_scenarios_have_their_alerts(tmp_path: Path) -> None:
    overlay = build_overlay("pro")
    file = tmp_path / "slo-probe.yaml"
    file.write_text(yaml.safe_dump({**overlay.config, **read_sections()}))
    inventory = list_inventory_of(file)
    assert inventory.labels["scenario"] == {"scalability", "stress", "throughput"}
    (tmp_path / "inventory.yaml").write_text(render_inventory(inventory))
    result = run_slo_rules(
        "build", ROOT / "slos/agent-sre-load.yaml", ROOT / "slos/agent-sre-scaling.yaml",
        "--inventory", tmp_path / "inventory.yaml", "--format", "operator", "-o", tmp_path / "out",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    check_overdue(tmp_path / "out", inventory.labels["scenario"], tmp_path)


def test_only_scenarios_that_the_prober_runs_become_overdue(
    overlay: Manifests, tmp_path: Path
) -> None:
    scenarios = read_inventory(overlay).labels["scenario"]
    assert scenarios == {"stress"}
    check_overdue(get_folder(overlay) / "rules", scenarios, tmp_path)


def check_overdue(rules: Path, scenarios: Iterable[str], folder: Path) -> None:
    """Check that each configured scenario is overdue without a result, and not with one."""
    groups = [group for each in build_objects(rules) for group in each["spec"].get("groups") or ()]
    alert = "AgentSREScenarioOverdue"
    read = select_rules(groups, {"alert_rule_test": [{"alertname": alert}]})
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": read}))
    # In long steps the alert sees a recording of the same step only.
    order = sorted((group["name"] for group in read), reverse=True)
    assert order[0].startswith("slo-recording-")
    times: Any = {"interval": "5m", "step": "30m", "group_order": order}
    expr = f'count by (scenario) (ALERTS{{alertname="{alert}",alertstate="firing"}})'
    overdue = [{"labels": f'{{scenario="{each}"}}', "value": 1} for each in sorted(scenarios)]
    series = [
        {"series": f'{PREFIX}build_info{{version="1"}}', "values": "1x2600"},
        *(
            {"series": f'{PREFIX}scenario_running{{scenario="{each}"}}', "values": "0x2600"}
            for each in sorted(scenarios)
        ),
    ]
    completed = [
        {
            "series": f'{PREFIX}scenario_completed_timestamp_seconds{{scenario="{each}"}}',
            "values": "345600x2600",
        }
        for each in sorted(scenarios)
    ]
    early = {"expr": expr, "eval_time": "5d23h", "exp_samples": []}
    late = {"expr": expr, "eval_time": "8d12h", "exp_samples": overdue}
    check_rules_on_series(folder, series, [early, late], **times)
    late = {**late, "exp_samples": []}
    check_rules_on_series(folder, series + completed, [early, late], **times)


@pytest.mark.parametrize("name", ["probes.burst", "nothing"])
def test_a_file_that_is_no_inventory_is_an_error(name: str, tmp_path: Path) -> None:
    file = tmp_path / "inventory.yaml"
    file.write_text(f"metrics: []\nlabels: {{}}\n{name}: 1\n")
    result = run_slo_rules("build", ROOT / "slos", "--inventory", file, "-o", "-")
    assert result.exit_code == 2
    assert "is not the output of slo-probe inventory" in result.stderr
