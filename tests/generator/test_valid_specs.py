"""Prometheus accepts the rules of any valid spec."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.pipeline import BuildSettings
from slos.schema.promql import parse_query
from tests.generator.command_line import read_file_times, run_slo_rules
from tests.generator.promql_strategies import QUERIES
from tests.generator.promtool import check_rules
from tests.generator.spec_pipeline import build_plans
from tests.generator.spec_strategies import specs
from tests.schema.specs import build_slo, build_spec, dump_quoted_yaml

once = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(deadline=None, max_examples=50, suppress_health_check=once)
@given(specs())
def test_promtool_accepts_the_rules_of_every_valid_spec(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    path, out = tmp_path / "spec.yaml", tmp_path / "rules.yaml"
    path.write_bytes(dump_quoted_yaml(document))
    result = run_slo_rules("build", path, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert "SUCCESS" in check_rules(out)


@settings(deadline=None, max_examples=20, suppress_health_check=once)
@given(st.lists(QUERIES, min_size=20, max_size=40), st.sampled_from(["exact", "sloth"]))
def test_promtool_accepts_the_rules_of_every_query_that_passes_validation(
    tmp_path: Path, queries: list[str], profile: str
) -> None:
    chosen = BuildSettings(profile=profile)
    passed = [
        sli
        for query in queries
        for sli in build_slis(query)
        if not build_plans(build_spec(build_slo(sli=sli)), settings=chosen).has_errors
    ]
    if passed:
        document = build_spec(
            *(build_numbered_slo(number, sli) for number, sli in enumerate(passed))
        )
        path, out = tmp_path / "spec.yaml", tmp_path / "rules.yaml"
        path.write_bytes(dump_quoted_yaml(document))
        result = run_slo_rules("build", path, "-o", out, "--profile", profile)
        assert result.exit_code == 0, result.stderr
        assert "SUCCESS" in check_rules(out)


def build_numbered_slo(number: int, sli: dict[str, Any]) -> dict[str, Any]:
    return build_slo(name=f"s{number}", sli=sli, alerting={"name": f"A{number}"})


def build_slis(query: str) -> list[dict[str, Any]]:
    """The SLIs that a query can be part of."""
    return [
        {"raw": {"error_ratio_query": query}},
        {"events": {"error_query": f"({query}\n)", "total_query": query}},
        {"threshold": {"query": query, "comparison": "<", "value": 1}},
    ]


@settings(deadline=None, max_examples=12, suppress_health_check=once)
@given(specs())
def test_a_build_is_followed_by_a_fine_check_and_an_idle_build(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    path, out = tmp_path / "spec.yaml", tmp_path / "rules"
    path.write_bytes(dump_quoted_yaml(document))
    built = run_slo_rules("build", path, "-o", out)
    assert built.exit_code == 0, built.output
    before = read_file_times(out)
    assert run_slo_rules("check", path, "-o", out).exit_code == 0
    assert run_slo_rules("build", path, "-o", out).exit_code == 0
    assert read_file_times(out) == before


@settings(deadline=None, max_examples=40, suppress_health_check=once)
@given(specs())
def test_every_rule_reads_back_with_an_expression_that_parses_and_text_labels(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(dump_quoted_yaml(document))
    (loaded,) = yaml.safe_load_all(run_slo_rules("build", path, "-o", "-").stdout)
    for group in loaded["groups"]:
        for rule in group["rules"]:
            parse_query(rule["expr"])
            assert ("record" in rule) != ("alert" in rule)
            for key, value in rule.get("labels", {}).items():
                assert isinstance(key, str)
                assert isinstance(value, str)
