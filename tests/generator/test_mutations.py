"""Breaking a built rule a little makes a generated test fail.

The expressions that count raw series are left out here but for their labels: what in them deals
with restarts and missed scrapes makes no difference on the steady series of a unit test.
`test_any_history` tries those on real histories.
"""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.live.binaries import find
from generator import promtool
from tests.generator.command_line import call
from tests.generator.mutations import Mutation, mutations

# Short windows make short courses; every kind of rule and alert is there.
SPEC = """
version: prometheus/v1
service: shop
labels: {owner: web}
period: 1d
slos:
  - name: requests
    objective: 99
    sli:
      events:
        error_query: sum by (cluster) (rate(hits{code=~"5.."}[{{.window}}]))
        total_query: sum by (cluster) (rate(hits[{{.window}}]))
    alerting:
      name: Failing
      page_alert: {min_events: 50, for: 2m}
      ticket_alert: {min_events: 20}
      threshold_alerts: [{name: High, above: 5%, over: 5m, min_events: 15}]
      windows:
        page:
          quick: {error_budget_percent: 2, short_window: 5m, long_window: 15m}
          slow: {error_budget_percent: 4, short_window: 10m, long_window: 40m}
        ticket:
          quick: {error_budget_percent: 10, short_window: 40m, long_window: 2h}
          slow: {error_budget_percent: 42, short_window: 1h, long_window: 8h}
recordings:
  - record: cpu:used:ratio
    description: CPU used of what it may use
    query: max(rate(cpu_seconds_total[5m])) / max(cpu_limit)
    labels: {resource: cpu}
    example: [{series: cpu_seconds_total, rate: 2}, {series: cpu_limit, is: 2}]
    expect: 0.5
alerts:
  - name: CpuHigh
    severity: warning
    summary: cpu is at {{ $value }}
    description: It will be throttled.
    query: cpu:used:ratio
    above: 0.8
    for: 15m
    example: [{series: 'cpu:used:ratio{resource="cpu"}', times: 1}]
    example_labels: {resource: cpu}
"""
COUNTED = "slo:sli_"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    (folder / "shop.yaml").write_text(SPEC)
    assert call("build", folder / "shop.yaml", "-o", folder / "rules").exit_code == 0
    return folder / "rules"


@pytest.fixture(scope="module")
def program() -> str:
    found = find("promtool")
    assert found, "promtool is missing; run 'make tools'"
    return str(found)


def fails(rules: Path, program: str, group: str = "") -> bool:
    """Whether some test fails, of those that evaluate a group."""
    about = [path for path in promtool.found_below(rules / "tests") if group in path.read_text()]
    assert about
    return any(ran.failed for path in about for ran in promtool.run([path], program, jobs=1))


def mutated(built: Path, rules: dict[str, Any], mutation: Mutation, folder: Path) -> Path:
    """A copy of the built rules in which one rule is another."""
    groups = [
        {
            **group,
            "rules": [
                mutation.rule if (group["name"], at) == (mutation.group, mutation.index) else rule
                for at, rule in enumerate(group["rules"])
            ],
        }
        for group in rules["groups"]
    ]
    shutil.copytree(built / "tests", folder / "tests")
    (folder / "prometheus").mkdir()
    text = yaml.safe_dump({"groups": groups})
    (folder / "prometheus" / "shop.yaml").write_text(text)
    return folder


def worth_trying(rules: dict[str, Any]) -> Iterator[Mutation]:
    for mutation in mutations(rules):
        counts = f"{COUNTED}errors:sum", f"{COUNTED}total:sum"
        if not mutation.what.startswith(counts) or ": label" in mutation.what:
            yield mutation


def test_the_rules_as_built_pass(built: Path, program: str) -> None:
    assert not fails(built, program)


def test_every_number_range_comparison_and_label_is_held_by_a_test(
    built: Path, program: str, tmp_path: Path
) -> None:
    rules = yaml.safe_load((built / "prometheus" / "shop.yaml").read_text())
    every = list(worth_trying(rules))
    assert len(every) > 150

    def survives(number: int) -> bool:
        folder = tmp_path / str(number)
        one = every[number]
        return not fails(mutated(built, rules, one, folder), program, one.group)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(survives, range(len(every))))
    survivors = [each.what for each, alive in zip(every, found, strict=True) if alive]
    assert not survivors, "\n".join(survivors)
