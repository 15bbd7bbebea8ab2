"""Command `slo-rules backtest`: alerts replayed over the past, and candidates compared."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from generator.commands._history_options import (
    ObjectiveType,
    Threshold,
    ThresholdType,
    add_history_options,
)


@click.command("backtest")
@add_history_options
@click.option(
    "--objective",
    "objectives",
    type=ObjectiveType(),
    multiple=True,
    metavar="PERCENT",
    help="Objective to try besides that of the spec. Repeatable.",
)
@click.option(
    "--threshold",
    "thresholds",
    type=ThresholdType(),
    multiple=True,
    metavar="VALUE",
    help="Threshold of latency and threshold SLIs to try. Repeatable.",
)
@click.option(
    "--windows",
    "window_folders",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    metavar="DIR",
    help="Folder of AlertWindows files of Sloth to try. Repeatable.",
)
@click.option(
    "--incidents",
    "incident_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Known incidents: a YAML list `incidents`, each with start, end and optionally name and "
    "slos.",
)
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the report with plots to this file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout.")
def command(
    objectives: tuple[Decimal, ...],
    thresholds: tuple[Threshold, ...],
    window_folders: tuple[Path, ...],
    incident_file: Path | None,
    html_file: Path | None,
    *,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - read by parse_history_request
) -> None:
    """Replay the alerts of SLOs over the past of a Prometheus.

    Reads the events that the rules would have counted, and finds when each alert would have fired:
    windows, `for`, `keep_firing_for`, `min_events`, `delay`, and tickets that a page inhibits. The
    rules need not have run. Alerts on missing data are not replayed.

    Each combination of --objective, --threshold and --windows is a candidate. A candidate is on the
    Pareto front if no other one is better in one respect and as good in all others.

    \b
    Examples:
      slo-rules backtest api.yaml --prometheus http://localhost:9090
      slo-rules backtest --prometheus http://localhost:9090 --slo api-requests --from 90d \\
        --objective 99.5 --objective 99.95 --incidents incidents.yaml --html report.html
    """
    from generator.commands import _backtest

    _backtest.print_backtests(
        options,
        _backtest.BacktestComparison(objectives, thresholds, window_folders),
        incident_file=incident_file,
        html_file=html_file,
        as_json=as_json,
    )
