"""The inventory of a configuration names the metrics of its sections, and no others."""

from pathlib import Path

import pytest
import yaml

from exporter.app.plugin_set import list_inventory
from exporter.config.loader import load_sections
from exporter.scenarios import load_scenario_modules
from slos.schema import contract
from slos.schema.contract import PREFIX, SECTION_METRICS
from slos.schema.inventory import Inventory

TARGET = {"target": {"url": "http://127.0.0.1:9/"}}


def list_of(folder: Path, **sections: object) -> Inventory:
    file = folder / "slo-probe.yaml"
    file.write_text(yaml.safe_dump({**TARGET, **sections}))
    loaded, problems = load_sections(file)
    assert loaded, problems
    return list_inventory(loaded)


def test_a_section_of_the_table_is_one_of_the_configuration(tmp_path: Path) -> None:
    for section in SECTION_METRICS:
        kind, name = section.split(".")
        settings = {"url": "http://127.0.0.1:9"} if kind in ("paths", "observers") else {}
        if name == "linear":
            settings = {"key_file": "key"}
        sections = {"probes": {"availability": {}}, kind: {name: settings}}
        found = list_of(tmp_path, **sections)
        assert set(SECTION_METRICS[section]) <= found.metrics, section


def test_what_no_section_exports_is_left_out(tmp_path: Path) -> None:
    found = list_of(tmp_path, probes={"remediation": {}})
    assert contract.PROBE_RUNS in found.metrics
    assert contract.LEAK_VERDICT not in found.metrics
    assert contract.SCENARIO_COMPLETED not in found.metrics
    assert found.labels["probe"] == {"remediation"}
    assert found.labels["scenario"] == set()
    assert found.labels["source"] == {"canary", "reply"}


@pytest.mark.parametrize("scenario", load_scenario_modules())
def test_the_metrics_that_a_scenario_names_are_in_its_section(scenario: str) -> None:
    named = {
        value
        for value in vars(load_scenario_modules()[scenario]).values()
        if isinstance(value, str) and value.startswith(PREFIX)
    }
    assert named or scenario == "baseline", "the probes export the latencies of single events"
    assert named <= set(SECTION_METRICS[f"scenarios.{scenario}"])
