"""The sloth profile with arbitrary valid specs."""

import pytest
import yaml
from hypothesis import given, settings

from generator.pipeline import BuildPlan, BuildSettings, render_file
from slos.schema.problem import filter_errors
from tests.generator.promtool import check_rules
from tests.generator.spec_pipeline import build_plans
from tests.generator.spec_strategies import Json, specs
from tests.schema.specs import dump_quoted_yaml

SLOTH = BuildSettings(profile="sloth")


def render_text(plans: BuildPlan) -> str:
    return render_file(plans.plans, "prometheus", SLOTH, path=plans.plans[0].path).text


@settings(max_examples=20, deadline=None)
@given(specs())
def test_whatever_passes_validation_gives_rules_that_promtool_loads(
    tmp_path_factory: pytest.TempPathFactory, document: Json
) -> None:
    plans = build_plans(dump_quoted_yaml(document), settings=SLOTH)
    assert filter_errors(plans.problems) == []
    file = tmp_path_factory.mktemp("sloth") / "rules.yaml"
    text = render_text(plans)
    file.write_text(text)
    check_rules(file)
    for read, made in zip(yaml.safe_load(text)["groups"], plans.plans[0].groups, strict=True):
        assert [rule["expr"] for rule in read["rules"]] == [rule.expr for rule in made.rules]
