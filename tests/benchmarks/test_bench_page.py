"""Benchmark of the pages: what it measures, and that its page is complete."""

from pathlib import Path

import requests

from tests.benchmarks import page

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-page.md"


def test_all_slos_of_the_benchmark_are_on_the_page() -> None:
    with page.serve_slos(120) as url:
        first = requests.get(f"{url}/", timeout=60).text
        every = requests.get(f"{url}/?show=all", timeout=60).text
        seconds, size = page.measure(f"{url}/", runs=2)
    assert (first.count("<tr class"), every.count("<tr class")) == (100, 120)
    assert "100 of 120 SLOs" in first
    assert 'class="spark"' in first
    assert seconds > 0
    assert 1000 < size < len(first)


def test_the_page_of_the_benchmark_names_every_target() -> None:
    rows = [("overview, all 1,000", 0.2, 50_000), (page._PAINT_ROW, 0.4, 50_000)]
    results = page.check_targets(rows)
    assert [each.met for each in results] == [True, True, False, True]
    assert all(each.target in PAGE.read_text() for each in results)
