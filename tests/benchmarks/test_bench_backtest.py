"""Benchmark of the backtest: what it measures, and that a missed target is reported."""

import pytest

from tests.benchmarks.backtest import BacktestRun, check_targets, measure_backtest, render_page


def test_slos_with_outages_are_replayed_and_measured() -> None:
    run = measure_backtest(slos=2, days=4)
    assert run.seconds > 0
    assert run.megabytes > 10
    assert run.episodes > 0


@pytest.mark.parametrize(
    ("run", "missed"),
    [
        (BacktestRun(9, 900, 1), []),
        (BacktestRun(11, 900, 1), ["under 10 s"]),
        (BacktestRun(9, 1001, 1), ["under 1000 MB"]),
    ],
)
def test_a_missed_target_is_reported(run: BacktestRun, missed: list[str]) -> None:
    results = check_targets(run)
    assert [each.target.partition(": ")[2] for each in results if not each.met] == missed
    assert "100 SLOs" in render_page(run, results)
