"""`python -m tests.benchmarks.backtest`: time and memory of a backtest once the data is read.

With `--check` it only compares with the targets.
"""

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

from generator.backtest.episodes import SLOBacktest, compute_budget_left, run_backtest
from tests.benchmarks.report import render_results, render_table
from tests.benchmarks.targets import TargetResult
from tests.generator.backtest.past import build_history, resolve_slo

_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-backtest.md"
_SLOS, _DAYS, _LEAD_DAYS = 100, 30, 3
_MINUTES_IN_DAY = 1440
_MOST_SECONDS, _MOST_MEGABYTES = 10, 1000


@dataclass(frozen=True, slots=True)
class BacktestRun:
    """Cost of a run.

    Attributes:
        seconds: time of the replay and of the budgets over time.
        megabytes: most memory of the process, with the data.
        episodes: number of episodes that were found.
    """

    seconds: float
    megabytes: float
    episodes: int


def build_shares(seed: int, days: int) -> list[float]:
    """Minutes with some errors, and a few outages of some minutes to hours."""
    random = np.random.default_rng(seed)
    shares = random.binomial(100, 0.0003, size=days * _MINUTES_IN_DAY + 1) / 100
    for start in random.integers(0, len(shares), size=days // 3):
        shares[start : start + random.integers(3, 200)] = random.choice([0.01, 0.05, 0.3, 1])
    return [float(share) for share in shares]


def measure_backtest(slos: int = _SLOS, days: int = _DAYS) -> BacktestRun:
    """Replay SLOs, each with data of its own."""
    slo = resolve_slo(objective=99.9)
    lead = _LEAD_DAYS * _MINUTES_IN_DAY
    histories = [
        build_history(slo, build_shares(seed, days + _LEAD_DAYS), lead=lead) for seed in range(slos)
    ]
    start = time.perf_counter()
    backtests: list[SLOBacktest] = []
    for history in histories:
        backtests.append(run_backtest(slo, history.span, [history]))
        compute_budget_left(slo, history)
        backtests[-1].is_kept  # noqa: B018 - computed when it is asked for
    seconds = time.perf_counter() - start
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return BacktestRun(seconds, kilobytes / 1024, sum(len(each.episodes) for each in backtests))


def check_targets(run: BacktestRun) -> list[TargetResult]:
    """Compare a run with the targets."""
    subject = f"{_SLOS} SLOs, {_DAYS} days of minutes"
    return [
        TargetResult(
            f"{subject}: under {_MOST_SECONDS} s",
            f"{run.seconds:.1f} s",
            run.seconds < _MOST_SECONDS,
        ),
        TargetResult(
            f"{subject}: under {_MOST_MEGABYTES} MB",
            f"{run.megabytes:.0f} MB",
            run.megabytes < _MOST_MEGABYTES,
        ),
    ]


def render_page(run: BacktestRun, results: Sequence[TargetResult]) -> str:
    """Render the page of the documentation."""
    row = (
        str(_SLOS),
        str(_DAYS),
        f"{run.episodes:,}",
        f"{run.seconds:.1f}",
        f"{run.megabytes:.0f}",
    )
    table = render_table(("SLOs", "days", "episodes", "seconds", "MB"), [row])
    return f"{_HEAD}\n{render_results(results)}\n## Measured\n\n{table}"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where a target is missed.")
def main(*, check: bool) -> None:
    """Measure the backtest, and write the page."""
    run = measure_backtest()
    results = check_targets(run)
    page = render_page(run, results)
    click.echo(page)
    if not check:
        _PAGE.write_text(page, encoding="utf-8")
    sys.exit(0 if all(result.met for result in results) else 1)


_HEAD = """\
# Benchmark of the backtest

Made by `make bench-backtest`; do not edit. The alerts of SLOs are replayed over a month of minutes
with outages, and their budgets computed over time. The counted events are in memory already:
reading them depends on Prometheus and on the number of raw series.

## Targets
"""

if __name__ == "__main__":
    main()
