"""Every line of VAL-008 is covered or has a reason."""

import re
from collections import Counter
from pathlib import Path

import pytest

from generator.files.sources import FileFilter, read_sources
from generator.pipeline import BuildSettings, plan_build
from generator.reference.traceability import render_traceability_page
from generator.requirements import Coverage

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
    """What the specs say was asked, by the section that their ids begin with."""
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


def test_every_row_of_the_page_has_a_metric_a_source_and_a_test_that_exists(
    coverage: Coverage,
) -> None:
    tests = {path.stem for path in (ROOT / "rules" / "tests").rglob("*.yaml")}
    rows = [
        [cell.strip() for cell in row.strip("|").split(" | ")]
        for row in render_traceability_page(coverage, []).splitlines()
        if re.match(r"\| .*\| (SLO|alert|series) `", row)
    ]
    assert len(rows) >= len(coverage.claims)
    for _, watcher, metrics, source, test in rows:
        named = test.strip("`").removesuffix("*")
        assert any(stem.startswith(named) for stem in tests), f"{watcher} has no test"
        if (
            watcher != "alert `AgentSREValidationWatchdog`"
        ):  # it reads nothing, so as to always fire
            assert metrics
            assert source
