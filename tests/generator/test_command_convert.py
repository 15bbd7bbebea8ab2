"""`slo-rules convert`: a spec of ours as plain Sloth, meaning the same."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings

from generator.convert import to_sloth
from generator.pipeline import Settings, Source, plan
from slos.schema.parse import parse_specs
from tests.generator.command_line import call
from tests.generator.strategies import Json, specs
from tests.schema.specs import as_yaml, slo, spec

ROOT = Path(__file__).parents[2]
SLOTH_KEYS = {"version", "service", "labels", "slo_plugins", "slos"}
SLO_KEYS = {"name", "description", "objective", "labels", "plugins", "sli", "alerting"}


@settings(max_examples=30, deadline=None)
@given(specs())
def test_a_converted_spec_gives_the_same_rules_in_the_sloth_profile(document: Json) -> None:
    """Less what Sloth takes from its command line: period and windows."""
    for each in document["slos"]:
        each.pop("period", None)
        each["alerting"].pop("windows", None)
    located, problems = parse_specs(as_yaml(document), "a.yaml")
    assert not problems
    text, _ = to_sloth(located)
    assert rules(text.encode()) == rules(as_yaml(document))
    (converted,) = yaml.safe_load_all(text)
    assert set(converted) <= SLOTH_KEYS
    for each in converted["slos"]:
        assert set(each) <= SLO_KEYS
        assert set(each["sli"]) <= {"events", "raw"}


def rules(data: bytes) -> object:
    source = Source("a.yaml", Path("a.yaml"), data)  # type: ignore[arg-type] # a path is a path
    planned = plan([source], Settings(profile="sloth"))
    assert not planned.broken, planned.problems
    return planned.plans[0].groups


def test_what_sloth_cannot_say_is_a_comment_and_a_warning(tmp_path: Path) -> None:
    alerting = {"name": "A", "page_alert": {"for": "1m"}}
    (tmp_path / "a.yaml").write_bytes(as_yaml(spec(slo(alerting=alerting, period="28d"))))
    result = call("convert", "--to", "sloth", tmp_path / "a.yaml")
    assert result.exit_code == 0
    for said in ("page_alert.for", "--default-slo-period 4w"):
        assert f"# Sloth cannot say: {said}" in result.stdout or said in result.stdout
        assert said in result.stderr


def test_folders_become_one_file_of_several_documents(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for service in ("b", "a"):
        (tmp_path / "in" / f"{service}.yaml").write_bytes(as_yaml(spec(service=service)))
    out = tmp_path / "out.yaml"
    assert call("convert", "--to", "sloth", tmp_path / "in", "-o", out).exit_code == 0
    documents = list(yaml.safe_load_all(out.read_text()))
    assert [document["service"] for document in documents] == ["a", "b"]


@pytest.mark.parametrize("case", ["crd", "openslo-v1alpha"])
def test_every_dialect_can_be_converted(case: str) -> None:
    spec_file = ROOT / "tests" / "golden_sloth" / f"{case}.yaml"
    result = call("convert", "--to", "sloth", spec_file)
    assert result.exit_code == 0
    assert yaml.safe_load(result.stdout)["version"] == "prometheus/v1"


def test_plugins_are_kept_as_they_are(tmp_path: Path) -> None:
    chain = {"chain": [{"id": "a", "priority": 3, "config": {"x": [1.5, "y"]}}]}
    sli = {"plugin": {"id": "acme", "options": {"job": "x"}}}
    document = spec(slo(sli=sli, plugins=chain), slo_plugins={**chain, "overridePrevious": True})
    (tmp_path / "a.yaml").write_bytes(as_yaml(document))
    converted = yaml.safe_load(call("convert", "--to", "sloth", tmp_path / "a.yaml").stdout)
    assert converted["slo_plugins"] == {"overridePrevious": True, **chain}
    assert converted["slos"][0]["plugins"]["chain"] == chain["chain"]
    assert converted["slos"][0]["sli"] == sli


def test_a_broken_spec_is_not_converted(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: prometheus/v1\n")
    result = call("convert", "--to", "sloth", tmp_path / "a.yaml", "-o", tmp_path / "b.yaml")
    assert result.exit_code == 1
    assert not (tmp_path / "b.yaml").exists()
