"""Prometheus accepts the rules of any valid spec."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings

from slos.schema.promql import parse_query
from tests.generator.command_line import read_file_times, run_slo_rules
from tests.generator.promtool import check_rules
from tests.generator.spec_strategies import specs
from tests.schema.specs import dump_quoted_yaml

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


@settings(deadline=None, max_examples=6, suppress_health_check=once)
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
