"""No query of the grammar of PromQL crashes a command, and Prometheus loads what is built.

A large run: `FUZZ_SEED=1000 FUZZ_COUNT=5000 pytest --timeout 0 -n0`, and this file.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from exporter.devstack.stack import find_binary
from generator.outputs import load_formats
from generator.pipeline import BuildSettings
from tests.generator.command_line import run_slo_rules
from tests.generator.promql_strategies import QueryGrammar, draw_query
from tests.generator.promtool import check_rules
from tests.generator.spec_pipeline import build_plans
from tests.schema.specs import build_slo, build_spec, dump_quoted_yaml

BATCH = 25
FIRST, COUNT = (int(os.environ.get(name, n)) for name, n in (("FUZZ_SEED", 0), ("FUZZ_COUNT", 50)))
SEEDS = [range(n, min(n + BATCH, FIRST + COUNT)) for n in range(FIRST, FIRST + COUNT, BATCH)]


def list_slis(seed: int) -> Iterator[dict[str, Any]]:
    """SLIs of every type that a seed gives: of two queries, and of matchers."""
    query, other = draw_query(seed), draw_query(seed + 1)
    random = Random(seed)
    matchers = QueryGrammar(random).draw_matchers()
    yield {"raw": {"error_ratio_query": query}}
    yield {"events": {"error_query": f"({query}\n)", "total_query": query}}
    yield {"events": {"error_query": query, "total_query": other}}
    yield {"good_events": {"good_query": query, "total_query": f"({query}\n) + ({query}\n)"}}
    yield {"good_events": {"good_query": other, "total_query": query}}
    comparison = random.choice(("<", "<=", ">", ">=", "==", "!="))
    value = random.choice((0, 1, -1, 0.1, 1e9, 1e-9))
    yield {"threshold": {"query": query, "comparison": comparison, "value": value}}
    if seed % 5 == 0:
        yield {"latency": {"metric": "m", "threshold": 0.5, "selector": matchers, "by": ["pod"]}}
        yield {"gauge": {"metric": "up", "selector": matchers}}


def build_document(seeds: range, profile: str) -> dict[str, Any]:
    """A spec with the valid SLOs, alerts and recordings of some seeds."""
    slos: list[dict[str, Any]] = []
    alerts: list[dict[str, Any]] = []
    recordings: list[dict[str, Any]] = []
    for seed in seeds:
        for number, sli in enumerate(list_slis(seed)):
            slo = build_slo(name=f"s{seed}-{number}", sli=sli, alerting={"name": f"A{number}"})
            slo["alerting"]["name"] += f" {seed}"
            slos += [slo] if is_valid(build_spec(slo), profile) else []
        texts = {"severity": "warning", "summary": "s", "description": "d"}
        alert = {"name": f"B{seed}", **texts, "query": draw_query(seed), "above": 5}
        alerts += [alert] if is_valid({**build_spec(alerts=[alert]), "slos": []}, profile) else []
        example = [{"series": "hits", "times": 1}]
        texts = {"record": f"r{seed}", "description": "d", "query": draw_query(seed)}
        recording = {**texts, "example": example}
        found = {**build_spec(recordings=[recording]), "slos": []}
        recordings += [recording] if is_valid(found, profile) else []
    if profile == "sloth":
        return build_spec(*slos)
    return {**build_spec(alerts=alerts, recordings=recordings), "slos": slos}


def is_valid(document: dict[str, Any], profile: str) -> bool:
    return not build_plans(document, settings=BuildSettings(profile=profile)).has_errors


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_every_command_takes_every_valid_query(tmp_path: Path, seeds: range) -> None:
    path, out = tmp_path / "spec.yaml", tmp_path / "out"
    path.write_bytes(dump_quoted_yaml(build_document(seeds, "exact")))
    run_fine("build", path, "-o", out)
    for name, module in load_formats().items():
        if module.ON_REQUEST:
            run_fine("build", path, "-o", tmp_path / name, "--format", name)
    run_fine("check", path, "-o", out)
    run_fine("explain", "-i", path)
    assert "SUCCESS" in check_rules(out / "prometheus" / "spec.yaml")


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_generated_tests_of_every_valid_query_pass(tmp_path: Path, seeds: range) -> None:
    document = {**build_document(seeds, "exact"), "alerts": [], "recordings": []}
    (tmp_path / "spec.yaml").write_bytes(dump_quoted_yaml(document))
    run_fine("build", tmp_path / "spec.yaml", "-o", tmp_path / "out")
    run_fine("test", tmp_path / "out" / "tests", "--promtool", find_binary("promtool") or "")


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_promtool_accepts_the_sloth_profile_of_every_valid_query(
    tmp_path: Path, seeds: range
) -> None:
    path, out = tmp_path / "spec.yaml", tmp_path / "rules.yaml"
    path.write_bytes(dump_quoted_yaml(build_document(seeds, "sloth")))
    run_fine("build", path, "-o", out, "--profile", "sloth")
    assert "SUCCESS" in check_rules(out)


def run_fine(*args: str | Path) -> None:
    result = run_slo_rules(*args)
    assert result.exit_code == 0, result.output
