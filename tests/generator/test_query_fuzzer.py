"""No query of the grammar of PromQL crashes a command, and Prometheus loads what is built.

A large run: `FUZZ_SEED=1000 FUZZ_COUNT=5000 pytest --timeout 0 -n0`, and this file.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from generator.model import SLO
from generator.outputs import load_formats
from generator.pipeline import BuildSettings, render_folder
from generator.reference.explain import render_slo_explanation
from slos.schema.problem import filter_errors
from tests.generator.command_line import run_slo_rules
from tests.generator.promql_strategies import QueryGrammar, draw_query
from tests.generator.promtool import check_rules, run_rule_tests
from tests.generator.spec_pipeline import build_plans
from tests.schema.specs import build_slo, build_spec

BATCH, DEFAULTS = 25, BuildSettings()
FIRST, COUNT = (int(os.environ.get(name, n)) for name, n in (("FUZZ_SEED", 0), ("FUZZ_COUNT", 3)))
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
    comparison = random.choice(("<", "<=", ">", ">=", "==", "!="))
    value = random.choice((0, 1, -1, 0.1, 1e9, 1e-9))
    yield {"threshold": {"query": query, "comparison": comparison, "value": value}}
    if seed % 5 == 0:
        yield {"latency": {"metric": "m", "threshold": 0.5, "selector": matchers, "by": ["pod"]}}
        yield {"gauge": {"metric": "up", "selector": matchers}}


def list_parts(seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Parts of a spec that a seed gives, each with its key."""
    for number, sli in enumerate(list_slis(seed)):
        alerting = {"name": f"A{seed}-{number}"}
        yield "slos", build_slo(name=f"s{seed}-{number}", sli=sli, alerting=alerting)
    texts = {"severity": "warning", "summary": "s", "description": "d"}
    yield "alerts", {"name": f"B{seed}", **texts, "query": draw_query(seed), "above": 5}
    example = [{"series": "hits", "times": 1}]
    recording = {"record": f"r{seed}", "description": "d", "example": example}
    yield "recordings", {**recording, "query": draw_query(seed)}


def write_valid_spec(path: Path, seeds: range, profile: str) -> None:
    """Write the parts that are valid, each on a line of its own, which tells errors apart."""
    parts = [part for seed in seeds for part in list_parts(seed)]
    if profile == "sloth":
        parts = [part for part in parts if part[0] == "slos"]
    settings, bad_lines = BuildSettings(profile=profile), {0}
    # Some errors are found only when there are no others.
    while bad_lines:
        lines, index = render_spec(parts)
        found = build_plans("\n".join(lines).encode(), settings=settings)
        bad_lines = {problem.position.line for problem in filter_errors(found.problems)}
        assert bad_lines <= {*index}, found.problems
        parts = [part for number, part in index.items() if number not in bad_lines]
    path.write_text("\n".join(lines))


def render_spec(
    parts: list[tuple[str, dict[str, Any]]],
) -> tuple[list[str], dict[int, tuple[str, dict[str, Any]]]]:
    lines = [f"{key}: {json.dumps(value)}" for key, value in build_spec().items() if key != "slos"]
    index = {}
    for key in ("slos", "alerts", "recordings"):
        chosen = [part for part in parts if part[0] == key]
        lines.append(f"{key}:" if chosen else f"{key}: []")
        for part in chosen:
            lines.append(f"  - {json.dumps(part[1])}")
            index[len(lines)] = part
    return lines, index


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_every_command_takes_every_valid_query(tmp_path: Path, seeds: range) -> None:
    path, out = tmp_path / "spec.yaml", tmp_path / "out"
    write_valid_spec(path, seeds, "exact")
    plans = build_plans(path.read_bytes())
    # `build` without formats writes the others.
    names = [name for name, each in load_formats().items() if each.ON_REQUEST]
    artifacts = [a for name in names for a in render_folder(plans.plans, name, DEFAULTS)]
    assert all(artifact.text for artifact in artifacts)
    assert all(render_slo_explanation(slo) for slo in plans.slos if isinstance(slo, SLO))
    run_fine("build", path, "-o", out)
    assert "SUCCESS" in check_rules(out / "prometheus" / "spec.yaml")
    run_rule_tests(*sorted((out / "tests" / "spec").glob("*-counting.yaml")))


@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_promtool_accepts_the_sloth_profile_of_every_valid_query(
    tmp_path: Path, seeds: range
) -> None:
    path, out = tmp_path / "spec.yaml", tmp_path / "rules.yaml"
    write_valid_spec(path, seeds, "sloth")
    run_fine("build", path, "-o", out, "--profile", "sloth")
    assert "SUCCESS" in check_rules(out)


def run_fine(*args: str | Path) -> None:
    result = run_slo_rules(*args)
    assert result.exit_code == 0, result.output
