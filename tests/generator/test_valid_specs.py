"""Whatever valid spec comes, Prometheus accepts what is built from it."""

from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.pipeline import Settings
from slos.schema.promql import parse
from tests.generator.command_line import call
from tests.generator.folders import times
from tests.generator.promtool import check_rules
from tests.generator.queries import QUERIES
from tests.generator.resolved import planned
from tests.generator.strategies import specs
from tests.schema.specs import as_quoted_yaml, slo, spec

once = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(deadline=None, max_examples=50, suppress_health_check=once)
@given(specs())
def test_promtool_accepts_the_rules_of_every_valid_spec(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    path, out = tmp_path / "spec.yaml", tmp_path / "rules.yaml"
    path.write_bytes(as_quoted_yaml(document))
    result = call("build", path, "-o", out)
    assert result.exit_code == 0, result.stderr
    assert "SUCCESS" in check_rules(out)


@settings(deadline=None, max_examples=20, suppress_health_check=once)
@given(st.lists(QUERIES, min_size=20, max_size=40), st.sampled_from(["exact", "sloth"]))
def test_promtool_accepts_the_rules_of_every_query_that_passes_validation(
    tmp_path: Path, queries: list[str], profile: str
) -> None:
    chosen = Settings(profile=profile)
    passed = [
        sli
        for query in queries
        for sli in slis_of(query)
        if not planned(spec(slo(sli=sli)), settings=chosen).broken
    ]
    if passed:
        document = spec(*(an_slo(number, sli) for number, sli in enumerate(passed)))
        path, out = tmp_path / "spec.yaml", tmp_path / "rules.yaml"
        path.write_bytes(as_quoted_yaml(document))
        result = call("build", path, "-o", out, "--profile", profile)
        assert result.exit_code == 0, result.stderr
        assert "SUCCESS" in check_rules(out)


def an_slo(number: int, sli: dict[str, Any]) -> dict[str, Any]:
    return slo(name=f"s{number}", sli=sli, alerting={"name": f"A{number}"})


def slis_of(query: str) -> list[dict[str, Any]]:
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
    path.write_bytes(as_quoted_yaml(document))
    built = call("build", path, "-o", out)
    assert built.exit_code == 0, built.output
    before = times(out)
    assert call("check", path, "-o", out).exit_code == 0
    assert call("build", path, "-o", out).exit_code == 0
    assert times(out) == before


@settings(deadline=None, max_examples=40, suppress_health_check=once)
@given(specs())
def test_every_rule_reads_back_with_an_expression_that_parses_and_text_labels(
    tmp_path: Path, document: dict[str, Any]
) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(as_quoted_yaml(document))
    (loaded,) = yaml.safe_load_all(call("build", path, "-o", "-").stdout)
    for group in loaded["groups"]:
        for rule in group["rules"]:
            parse(rule["expr"])
            assert ("record" in rule) != ("alert" in rule)
            for key, value in rule.get("labels", {}).items():
                assert isinstance(key, str)
                assert isinstance(value, str)
