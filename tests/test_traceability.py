"""Every line of VAL-008 is covered or has a reason."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.probes import load_probe_modules
from generator.files.sources import FileFilter, read_sources
from generator.pipeline import BuildSettings, plan_build
from generator.reference.claim_series import keep_served_claims
from generator.reference.traceability import render_traceability_page
from generator.requirements import Coverage
from slos.schema import contract
from slos.schema.inventory import Inventory
from slos.schema.units import Duration

ROOT = Path(__file__).parents[1]
SCENARIOS = (
    "Scenario 1: Baseline Performance",
    "Scenario 2: Throughput Test",
    "Scenario 3: Concurrent Load Test",
    "Scenario 4: Sustained Load Test",
    "Scenario 5: Scalability Test",
    "Scenario 6: Stress Test",
)


def read_story() -> dict[str, list[str]]:
    """The lines of the story by their section; some stand in several, and in one twice."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in (ROOT / "tests" / "val_008_items.txt").read_text().splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            lines = sections.setdefault(heading[1], [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return sections


ITEMS = [(section, line) for section, lines in read_story().items() for line in lines]


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    sources, problems = read_sources([ROOT / "slos"], FileFilter())
    planned = plan_build(sources, BuildSettings())
    assert not [*problems, *planned.problems]
    return planned.coverage


def count_requirements(coverage: Coverage) -> dict[str, Counter[str]]:
    """Requirements in the specs, by the section that their ids begin with."""
    sections: dict[str, Counter[str]] = {}
    for each in coverage.requirements:
        section = each.requirement.id.partition(".")[0]
        sections.setdefault(section, Counter()).update([each.requirement.says])
    return sections


def test_the_copy_of_the_story_has_all_its_sections() -> None:
    sizes = {section: len(lines) for section, lines in read_story().items()}
    criteria = {"AC1": 6, "AC2": 5, "AC3": 6, "AC4": 6, "AC5": 6, "AC6": 5}
    scenarios = {f"scenario{number}": 5 for number in range(1, 7)}
    others = {"metrics": 6, "success": 6, "security": 5, "monitoring": 2, "done": 7}
    assert sizes == criteria | scenarios | others


def test_each_section_asks_what_the_story_asks_in_it_and_as_often(coverage: Coverage) -> None:
    assert count_requirements(coverage) == {
        section: Counter(lines) for section, lines in read_story().items()
    }


@pytest.mark.parametrize(("section", "item"), ITEMS, ids=lambda value: value[:40])
def test_every_line_of_the_story_is_watched_or_has_its_scenario(
    coverage: Coverage, section: str, item: str
) -> None:
    asked = [
        each.requirement
        for each in coverage.requirements
        if each.requirement.says == item and each.requirement.id.startswith(f"{section}.")
    ]
    assert asked, f"no requirement of {section} says {item!r}"
    for requirement in asked:
        validated = requirement.validated_by
        assert coverage.list_claims(requirement.id) or validated
        if validated and "make check" not in validated:
            assert validated.startswith(SCENARIOS)


@pytest.mark.parametrize("section", [section for section in read_story() if "scenario" in section])
def test_what_a_step_leaves_to_a_scenario_is_left_to_its_own(
    coverage: Coverage, section: str
) -> None:
    own = SCENARIOS[int(section.removeprefix("scenario")) - 1]
    for each in coverage.requirements:
        if each.requirement.id.startswith(f"{section}.") and each.requirement.validated_by:
            assert each.requirement.validated_by.startswith(own)


def read_rows(coverage: Coverage) -> list[list[str]]:
    """The cells of each row of the page."""
    return [
        [cell.strip() for cell in row.removeprefix("|").removesuffix("|").split(" | ")]
        for row in render_traceability_page(coverage, []).splitlines()
        if row.startswith("| ") and not row.startswith(("| ---", "| requirement"))
    ]


def test_every_row_of_the_page_has_a_metric_a_source_and_a_test_that_exists(
    coverage: Coverage,
) -> None:
    tests = {path.stem for path in (ROOT / "rules" / "tests").rglob("*.yaml")}
    rows = [row for row in read_rows(coverage) if re.match(r"(SLO|alert|series) `", row[2])]
    assert len(rows) >= len(coverage.claims)
    for _, _, watcher, metrics, source, test in rows:
        named = test.strip("`").removesuffix("*")
        assert any(stem.startswith(named) for stem in tests), f"{watcher} has no test"
        if "Watchdog" not in watcher:  # it reads nothing, so as to always fire
            assert metrics
            assert source


def test_a_requirement_that_no_alert_watches_names_a_command(coverage: Coverage) -> None:
    watched = [row[1].partition(", accepted ")[0] for row in read_rows(coverage) if row[0]]
    assert set(watched) <= {"yes", "in part", "no, by command"}
    for each in coverage.requirements:
        if validation := each.requirement.validated_by:
            assert re.search(r"`(slo-probe (once|run|scenario)|make check)\b", validation)


def test_a_requirement_whose_failure_the_spec_accepts_says_until_when(coverage: Coverage) -> None:
    watched = {row[0]: row[1] for row in read_rows(coverage) if row[0]}
    assert {says for says, text in watched.items() if "accepted" in text} == {
        "Verification: < 5 minutes (P95)",
        "No single point of failure",
        "Performance testing doesn't bypass security",
        "Load testing doesn't create vulnerabilities",
        "Rate limiting works under load",
        "Authentication performance acceptable",
        "Availability: > 99.5% under load",
    }
    until = "until version 0.5.16, 2027-06-30 at the latest"
    assert watched["Verification: < 5 minutes (P95)"] == f"yes, accepted {until}"
    on_paths = "yes, accepted on broker and alertmanager"
    assert watched["Availability: > 99.5% under load"] == f"{on_paths} {until}"


def test_no_cell_repeats_a_source(coverage: Coverage) -> None:
    for row in read_rows(coverage):
        texts = row[4].split("; ")
        assert len(texts) == len(set(texts))


def test_a_cluster_validates_what_its_scenarios_and_probes_measure(coverage: Coverage) -> None:
    def read_inventory(name: str) -> Inventory:
        text = (ROOT / f"k8s/overlays/{name}/inventory.yaml").read_text()
        return Inventory.model_validate(yaml.safe_load(text))

    def list_validated(inventory: Inventory) -> set[str]:
        sources, _ = read_sources([ROOT / "slos"], FileFilter())
        kept = plan_build(sources, BuildSettings(inventory=inventory)).coverage
        claims = keep_served_claims(kept, coverage, inventory).claims
        return {claim.requirement for claim in claims}

    rates = {f"AC2.{each}" for each in ("cloudevents", "linear_issues", "lambda_calls")}
    scaling = {"AC5.linear", "scenario5.trigger", "scenario5.improvement"}
    steps = {f"scenario2.{each}" for each in ("trigger", "throughput", "targets")}
    scenarios = {*rates, *steps, *scaling}
    studio = read_inventory("studio")
    in_pro, in_studio = list_validated(read_inventory("pro")), list_validated(studio)
    assert not scenarios & (in_pro | in_studio)
    assert "AC2.sustained" in in_studio - in_pro
    metrics = {contract.THROUGHPUT, contract.SCALING_EFFICIENCY}
    names = {*studio.labels["scenario"], "throughput", "scalability"}
    every = Inventory(
        metrics=studio.metrics | metrics, labels={**studio.labels, "scenario": frozenset(names)}
    )
    assert list_validated(every) == {claim.requirement for claim in coverage.claims}
    without_scaling = {**studio.labels, "scenario": frozenset({"stress", "throughput"})}
    some = Inventory(metrics=studio.metrics | metrics, labels=without_scaling)
    assert scenarios - list_validated(some) == scaling


def test_the_intervals_of_sources_are_those_of_the_prober(coverage: Coverage) -> None:
    texts = "; ".join(coverage.sources.values())
    probes = set(re.findall(r"probe `(\w+)`, every (\w+)", texts))
    assert {name for name, _ in probes} == set(load_probe_modules()) - {"resolved"}
    for name, interval in probes:
        settings: Any = load_probe_modules()[name].Settings()
        assert settings.interval == Duration.parse(interval), name
    jobs = {
        job["metadata"]["name"].removeprefix("slo-probe-"): job["spec"]
        for job in yaml.safe_load_all((ROOT / "k8s/base/scenarios.yaml").read_text())
        if job["kind"] == "CronJob"
    }
    scenarios = dict(re.findall(r"scenario `(\w+)`, (nightly|weekly|by hand)", texts))
    assert set(scenarios) == set(jobs)
    assert re.fullmatch(r"\d+ \d+ \* \* \*", jobs["throughput"]["schedule"])
    assert re.fullmatch(r"\d+ \d+ \* \* \d", jobs["stress"]["schedule"])
    assert jobs["scalability"]["suspend"]
    assert scenarios == {"throughput": "nightly", "stress": "weekly", "scalability": "by hand"}
