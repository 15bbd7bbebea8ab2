"""`slo-rules schema`: the JSON Schema and the reference page match the parser."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from generator.reference import schema
from tests.generator.command_line import run_slo_rules
from tests.schema.specs import build_slo, build_spec

ROOT = Path(__file__).parents[2]
SCHEMA = schema.build_spec_schema()
EDITOR = jsonschema.Draft202012Validator(SCHEMA)


def list_documents() -> Iterator[Any]:
    paths = [*(ROOT / "slos").glob("*.yaml"), *(ROOT / "tests" / "golden").glob("*.yaml")]
    for path in sorted(paths):
        for number, document in enumerate(yaml.safe_load_all(path.read_text())):
            if isinstance(document, dict) and document.get("version") == "prometheus/v1":
                yield pytest.param(document, id=f"{path.name}-{number}")


def test_it_is_a_json_schema_of_the_draft_it_names() -> None:
    EDITOR.check_schema(SCHEMA)
    printed = run_slo_rules("schema")
    assert (printed.exit_code, json.loads(printed.stdout)) == (0, SCHEMA)


@pytest.mark.parametrize("document", list(list_documents()))
def test_an_editor_finds_nothing_wrong_in_a_good_spec(document: Any) -> None:  # noqa: ANN401 - YAML
    assert [error.message for error in EDITOR.iter_errors(document)] == []


@pytest.mark.parametrize("document", list(list_documents()))
def test_an_editor_finds_an_unknown_key_in_every_mapping(document: Any) -> None:  # noqa: ANN401
    broken = copy.deepcopy(document)
    for mapping in _list_closed_mappings(broken):
        mapping["objectiv"] = 1
        assert not EDITOR.is_valid(broken)
        del mapping["objectiv"]


def _list_closed_mappings(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The mappings whose keys are all known."""
    yield document
    for each in document.get("slos", []):
        yield from (each, each["sli"], *each["sli"].values(), each["alerting"])
    for key in ("alerts", "recordings", "requirements"):
        yield from document.get(key, [])


@pytest.mark.parametrize(
    "change",
    [
        {"objective": "99.9 %"},
        {"objective": 100},
        {"period": "a week"},
        {"sli": {"events": {"error_query": "a"}}},
        {"alerting": {"page_alert": {"for": "soon"}}},
        {"labels": {"team": ["a", "b"]}},
    ],
)
def test_what_an_editor_refuses_is_refused_by_check_too(
    change: dict[str, Any], tmp_path: Path
) -> None:
    document = build_spec(build_slo(**change))
    assert not EDITOR.is_valid(document)
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(document))
    assert run_slo_rules("check", tmp_path / "shop.yaml", "-o", "-").exit_code == 1


def test_every_key_says_what_it_is() -> None:
    silent = [
        f"{name}.{key}"
        for name, definition in [("Spec", SCHEMA), *SCHEMA["$defs"].items()]
        for key, value in definition.get("properties", {}).items()
        if not value.get("description")
    ]
    assert silent == []


def test_the_page_for_people_has_every_kind_of_mapping_once() -> None:
    page = schema.render_spec_page(SCHEMA)
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    kinds = [name for name, found in SCHEMA["$defs"].items() if "properties" in found]
    assert len(headings) == len(set(headings)) == len(kinds) + 1
    assert "| **`objective`** | number |" in page
    assert "`ok`, `lost`" in page
