"""`slo-rules convert`: a spec of ours as plain Sloth, meaning the same."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings

from generator.convert import to_sloth
from generator.model import Source
from generator.pipeline import Settings, plan
from slos.schema.parse import parse_specs
from tests.generator.command_line import call
from tests.generator.strategies import Json, specs
from tests.schema.specs import as_quoted_yaml, as_yaml, slo, spec

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
    located, problems = parse_specs(as_quoted_yaml(document), "a.yaml")
    assert not problems
    text, _ = to_sloth(located)
    assert rules(text.encode()) == rules(as_quoted_yaml(document))
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


def test_slo_plugins_are_kept_as_they_are(tmp_path: Path) -> None:
    chain = {"chain": [{"id": "a", "priority": 3, "config": {"x": [1.5, "y"]}}]}
    document = spec(slo(plugins=chain), slo_plugins={**chain, "overridePrevious": True})
    (tmp_path / "a.yaml").write_bytes(as_yaml(document))
    converted = yaml.safe_load(call("convert", "--to", "sloth", tmp_path / "a.yaml").stdout)
    assert converted["slo_plugins"] == {"overridePrevious": True, **chain}
    assert converted["slos"][0]["plugins"]["chain"] == chain["chain"]


def test_an_sli_plugin_becomes_its_query_and_without_it_is_a_problem(tmp_path: Path) -> None:
    sli = {"plugin": {"id": "acme", "options": {"job": "x"}}}
    (tmp_path / "a.yaml").write_bytes(as_yaml(spec(slo(sli=sli))))
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "acme.py").write_text(
        "SLI_PLUGIN_ID = 'acme'\n\ndef sli_plugin(meta, labels, options):\n"
        "    return 'rate(e{job=\"' + options['job'] + '\"}[{{.window}}])'\n"
    )
    arguments: list[str | Path] = ["convert", "--to", "sloth", tmp_path / "a.yaml"]
    result = call(*arguments)
    assert result.exit_code == 1
    assert "a.yaml:" in result.stderr
    assert "--plugins" in result.stderr
    result = call(*arguments, "--plugins", tmp_path / "p")
    assert result.exit_code == 0, result.stderr
    (found,) = yaml.safe_load(result.stdout)["slos"]
    assert found["sli"] == {"raw": {"error_ratio_query": 'rate(e{job="x"}[{{.window}}])'}}


WITHOUT_SLOS = {
    "version": "prometheus/v1",
    "service": "bare",
    "requirements": [{"id": "R1", "says": "x", "validated_by": "y"}],
}


def test_a_spec_without_slos_is_left_out_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "bare.yaml").write_bytes(as_yaml(WITHOUT_SLOS))
    (tmp_path / "shop.yaml").write_bytes(as_yaml(spec()))
    result = call("convert", "--to", "sloth", tmp_path)
    assert result.exit_code == 0
    assert "bare.yaml:1:1: warning: the spec has no SLOs" in result.stderr
    (only,) = yaml.safe_load_all(result.stdout)
    assert only["service"] == "shop"
    result = call("convert", "--to", "sloth", tmp_path / "bare.yaml")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "nothing to convert" in result.stderr


def test_the_specs_of_this_repository_become_specs_with_slos() -> None:
    result = call("convert", "--to", "sloth", ROOT / "slos")
    assert result.exit_code == 0, result.stderr
    assert all(document["slos"] for document in yaml.safe_load_all(result.stdout))


def test_a_file_of_ours_is_written_anew_and_one_of_others_is_not(tmp_path: Path) -> None:
    source, out = tmp_path / "a.yaml", tmp_path / "out.yaml"
    source.write_bytes(as_yaml(spec()))
    assert call("convert", "--to", "sloth", source, "-o", out).exit_code == 0
    source.write_bytes(as_yaml(spec(service="other")))
    assert call("convert", "--to", "sloth", source, "-o", out).exit_code == 0
    assert yaml.safe_load(out.read_text())["service"] == "other"
    out.write_text("# mine\n")
    result = call("convert", "--to", "sloth", source, "-o", out)
    assert result.exit_code == 1
    assert "holds something else" in result.stderr
    assert out.read_text() == "# mine\n"


def test_a_broken_spec_is_not_converted(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: prometheus/v1\n")
    result = call("convert", "--to", "sloth", tmp_path / "a.yaml", "-o", tmp_path / "b.yaml")
    assert result.exit_code == 1
    assert not (tmp_path / "b.yaml").exists()
