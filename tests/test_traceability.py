"""No line of VAL-008 is forgotten."""

import re
from pathlib import Path

import pytest

from generator.load import Selection, read_sources
from generator.pipeline import Settings, plan
from generator.requirements import Coverage
from generator.trace import page

ROOT = Path(__file__).parents[1]
ITEMS = (ROOT / "tests" / "val_008_items.txt").read_text().splitlines()
SCENARIOS = (
    "Scenario 1: Baseline Performance",
    "Scenario 2: Throughput Test",
    "Scenario 3: Concurrent Load Test",
    "Scenario 4: Sustained Load Test",
    "Scenario 5: Scalability Test",
    "Scenario 6: Stress Test",
)


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    sources, problems = read_sources([ROOT / "slos"], Selection())
    planned = plan(sources, Settings())
    assert not [*problems, *planned.problems]
    return planned.coverage


@pytest.mark.parametrize("item", ITEMS)
def test_every_line_of_the_story_is_watched_or_has_its_scenario(
    coverage: Coverage, item: str
) -> None:
    asked = [each.requirement for each in coverage.asked if each.requirement.says == item]
    assert asked, f"no requirement says {item!r}"
    for requirement in asked:
        validated = requirement.validated_by
        assert coverage.of(requirement.id) or validated
        if validated and "make check" not in validated:
            assert validated.startswith(SCENARIOS)


def test_what_is_asked_was_asked_in_the_story(coverage: Coverage) -> None:
    assert {asked.requirement.says for asked in coverage.asked} == set(ITEMS)


def test_every_row_of_the_page_has_a_metric_a_source_and_a_test_that_exists(
    coverage: Coverage,
) -> None:
    tests = {path.stem for path in (ROOT / "rules" / "tests").rglob("*.yaml")}
    rows = [
        [cell.strip() for cell in row.strip("|").split(" | ")]
        for row in page(coverage, coverage.sources, []).splitlines()
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
