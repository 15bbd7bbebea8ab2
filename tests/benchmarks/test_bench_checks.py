"""Benchmark of the checks: recall, false alarms, and the page of the documentation."""

from pathlib import Path

import pytest

from tests.benchmarks import checks
from tests.benchmarks.checks import CheckedQuery, WildQuery

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-checks.md"
FOUND = CheckedQuery(WildQuery("impossible", "raw", ("a",)), ("impossible",))
MISSED = CheckedQuery(WildQuery("impossible", "raw", ("a",)), ("empty-ratio",))
QUIET = CheckedQuery(WildQuery("right", "raw", ("a",)), ())
ALARM = CheckedQuery(WildQuery("right", "raw", ("a",)), ("impossible",))


def test_the_checks_meet_their_targets_and_the_page_says_so() -> None:
    checked = checks.check_all()
    results = checks.check_targets(checked)
    assert [result.target for result in results if not result.met] == []
    assert sum(map(len, checked.values())) >= 300
    assert checks.render_page(checked, results) == PAGE.read_text(), "run: make bench-checks"


@pytest.mark.parametrize("name", ["first", "later", "live"])
def test_no_query_is_measured_twice(name: str) -> None:
    queries = checks.read_queries(name)
    assert len(set(queries)) == len(queries)


@pytest.mark.parametrize(
    ("checked", "missed"),
    [
        ([FOUND, QUIET], []),
        ([FOUND, MISSED, QUIET], ["at least 90% of the faults are found"]),
        ([FOUND, QUIET, ALARM], ["at most 3% of the right queries have a finding"]),
    ],
)
def test_a_missed_target_is_reported(checked: list[CheckedQuery], missed: list[str]) -> None:
    results = checks.check_targets({"first": checked})
    assert [result.target.partition(": ")[2] for result in results if not result.met] == missed
