"""`slo-probe schema`: the JSON Schema and the reference page match the prober."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from exporter.config.loader import load_sections
from exporter.model.alert import build_fired_event, build_resolved_event, find_reply_problem
from exporter.reference import event
from exporter.reference.page import render_reference_page
from exporter.reference.schema import build_config_schema
from slos.schema.reference_page import UNIT
from tests.docs_pages import ROOT, list_blocks

SCHEMA = build_config_schema()
EDITOR = jsonschema.Draft202012Validator(SCHEMA)
TARGET = {"url": "http://agent-sre.ai.svc/"}
SMALLEST = {"target": TARGET, "probes": {"remediation": {}}}
DEFINITIONS = [("Config", SCHEMA), *SCHEMA["$defs"].items()]
SETTINGS = [
    (f"{name}.{key}", value)
    for name, definition in DEFINITIONS
    for key, value in definition.get("properties", {}).items()
]


def list_configurations() -> Iterator[Any]:
    for path in sorted((ROOT / "k8s" / "overlays").glob("*/slo-probe.yaml")):
        yield pytest.param(yaml.safe_load(path.read_text()), id=path.parent.name)
    for block in list_blocks("yaml"):
        if block.text.startswith("target:"):
            yield pytest.param(yaml.safe_load(block.text), id=block.id)
    sections = ROOT / "k8s" / "components" / "linear-stand-in" / "sections.yaml"
    yield pytest.param(SMALLEST | yaml.safe_load(sections.read_text()), id="linear-stand-in")


def list_sections(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The mappings of a configuration whose keys are all settings."""
    yield document
    for key, value in document.items():
        if isinstance(value, dict):
            yield value
            if key in ("probes", "paths", "observers", "scenarios"):
                yield from (each for each in value.values() if isinstance(each, dict))


def list_defaults(definition: dict[str, Any]) -> dict[str, Any]:
    """All defaults of a section, of the sections in it too, as a document that writes them out."""
    found = {}
    for key, value in definition["properties"].items():
        if value.get("default") is None:
            continue
        name = value.get("$ref", "").removeprefix("#/$defs/")
        if name and "required" not in SCHEMA["$defs"][name]:
            found[key] = list_defaults(SCHEMA["$defs"][name])
        else:
            found[key] = value["default"]
    return found


def test_it_is_a_json_schema_of_the_draft_it_names() -> None:
    EDITOR.check_schema(SCHEMA)
    assert SCHEMA["$id"].endswith("/docs/slo-probe.schema.json")


@pytest.mark.parametrize("document", list(list_configurations()))
def test_an_editor_finds_nothing_wrong_in_a_good_configuration(document: dict[str, Any]) -> None:
    assert [error.message for error in EDITOR.iter_errors(document)] == []


@pytest.mark.parametrize("document", list(list_configurations()))
def test_an_editor_finds_an_unknown_key_in_every_section(document: dict[str, Any]) -> None:
    broken = copy.deepcopy(document)
    for section in list_sections(broken):
        section["intervall"] = "1m"
        assert not EDITOR.is_valid(broken)
        del section["intervall"]
    assert broken == document


@pytest.mark.parametrize(
    "change",
    [
        {"probes": {}},
        {"probes": {"remediation": {"interval": 75}}},
        {"probes": {"remediation": {"interval": "75 s"}}},
        {"probes": {"remediation": {"paths": {"pigeon": {}}}}},
        {"probes": {"remediation": {"jitter": "much"}}},
        {"probes": {"sustained": {"max_in_flight": 0}}},
        {"canary": {"listen": "localhost"}},
        {"lease": {"kind": "zookeeper"}},
        {"scenarios": {"throughput": {"targets": {"verification": 1.0}}}},
        {"target": {}},
    ],
)
def test_a_configuration_that_an_editor_refuses_is_refused_by_check(
    change: dict[str, Any], tmp_path: Path
) -> None:
    document = SMALLEST | change
    assert not EDITOR.is_valid(document)
    (tmp_path / "slo-probe.yaml").write_text(yaml.safe_dump(document))
    loaded, problems = load_sections(tmp_path / "slo-probe.yaml")
    assert (loaded, bool(problems)) == (None, True)


def test_the_defaults_of_the_schema_are_those_of_the_prober(tmp_path: Path) -> None:
    probes = SCHEMA["$defs"]["Probes"]["properties"]
    scenarios = ("scalability", "stress", "throughput")
    implicit = {
        "target": TARGET,
        "probes": {name: {} for name in probes},
        "scenarios": {name: {} for name in scenarios},
    }
    definitions = SCHEMA["$defs"]
    explicit = {
        **list_defaults(SCHEMA),
        "target": {**list_defaults(definitions["TargetSettings"]), **TARGET},
        "probes": {name: list_defaults(definitions[f"probes__{name}"]) for name in probes},
        "scenarios": {
            **list_defaults(definitions["Scenarios"]),
            **{name: list_defaults(definitions[f"scenarios__{name}"]) for name in scenarios},
        },
    }
    assert [error.message for error in EDITOR.iter_errors(explicit)] == []
    configs = []
    for number, document in enumerate((implicit, explicit)):
        path = tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump(document))
        loaded, problems = load_sections(path)
        assert loaded, problems
        configs.append(loaded.config)
    assert configs[0] == configs[1]
    assert explicit["probes"]["burst"]["sizes"] == [10, 50, 100]


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, value in SETTINGS if not value.get("description")] == []
    assert len(SETTINGS) > 150


def test_every_number_names_its_unit() -> None:
    numbers = [
        name for name, value in SETTINGS if "integer" in json.dumps(value) and UNIT not in value
    ]
    assert numbers == []


def test_the_page_has_every_kind_of_section_once_and_every_setting() -> None:
    page = render_reference_page()
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    kinds = [name for name, found in DEFINITIONS if "properties" in found]
    assert len(headings) == len(set(headings)) == len(kinds) + len(("The event", "The canary"))
    assert [name for name, _ in SETTINGS if f"`{name.rpartition('.')[2]}`" not in page] == []
    assert "| `keep_runs` | whole number, 100 to 100000000 (runs) | `100000` |" in page


def test_the_table_of_the_event_has_every_attribute_of_an_alert_and_of_its_end() -> None:
    alert = event.build_example_alert()
    section = event.render_event_section()
    named = {line.split("`")[1] for line in section if line.startswith("| `")}
    for body in (build_fired_event(alert), build_resolved_event(alert, at=alert.intended_at)):
        assert set(list_leaves(json.loads(body), "")) == named


def list_leaves(value: dict[str, Any], prefix: str) -> Iterator[str]:
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from list_leaves(inner, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def test_the_reply_on_the_page_is_one_that_the_prober_takes() -> None:
    alert = event.build_example_alert()
    reply = json.dumps(event.build_example_reply(alert)).encode()
    assert find_reply_problem(reply, alert.id) is None
