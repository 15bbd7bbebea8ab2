"""`slo-rules convert`: the converted spec has the same rules."""

from pathlib import Path

import yaml
from hypothesis import given, settings

from generator.model import SpecFile
from generator.pipeline import BuildSettings, plan_build
from generator.reference.convert import to_sloth
from slos.schema.loader import parse_specs
from tests.generator.command_line import run_slo_rules
from tests.generator.spec_strategies import Json, specs
from tests.schema.specs import dump_quoted_yaml

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
    located, problems = parse_specs(dump_quoted_yaml(document), "a.yaml")
    assert not problems
    text, _ = to_sloth(located)
    assert build_sloth_rules(text.encode()) == build_sloth_rules(dump_quoted_yaml(document))
    (converted,) = yaml.safe_load_all(text)
    assert set(converted) <= SLOTH_KEYS
    for each in converted["slos"]:
        assert set(each) <= SLO_KEYS
        assert set(each["sli"]) <= {"events", "raw"}


def build_sloth_rules(data: bytes) -> object:
    source = SpecFile("a.yaml", Path("a.yaml"), data)  # type: ignore[arg-type] # a path is a path
    planned = plan_build([source], BuildSettings(profile="sloth"))
    assert not planned.has_errors, planned.problems
    return planned.plans[0].groups


def test_the_specs_of_this_repository_become_specs_with_slos() -> None:
    result = run_slo_rules("convert", "--to", "sloth", ROOT / "slos")
    assert result.exit_code == 0, result.stderr
    assert all(document["slos"] for document in yaml.safe_load_all(result.stdout))
