"""Command `slo-rules backtest`: alerts replayed over the past, and candidates compared."""

import json
import sys
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from generator.backtest.candidates import (
    Candidate,
    CandidateResult,
    Threshold,
    WindowSet,
    build_candidate,
    list_variants,
    mark_front,
)
from generator.backtest.episodes import SLOBacktest, run_backtest
from generator.backtest.incidents import Incident, parse_incidents
from generator.backtest.page import render_page
from generator.backtest.report import build_document, render_backtest
from generator.clients.json_api import APIError
from generator.commands import _report
from generator.commands._history import (
    HistoryRequest,
    ThresholdType,
    add_history_options,
    parse_history_request,
    read_file,
)
from generator.files.sources import read_windows
from slos.schema.problem import filter_errors


class ObjectiveType(click.ParamType[Decimal]):
    """Objective option, such as `99.9`."""

    name = "objective"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Parse an objective; fail with a usage error that shows the syntax."""
        try:
            objective = Decimal(str(value))
        except InvalidOperation:
            objective = Decimal("NaN")
        if not objective.is_finite() or not 0 < objective < 100:  # noqa: PLR2004 - percent
            self.fail(f"{value!r} is not an objective; write a percentage like 99.9", param, ctx)
        return objective


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
    request = parse_history_request(options)
    incidents = _read_incidents(incident_file)
    window_sets = _read_window_sets(window_folders)
    candidates = _list_candidates(request, objectives, thresholds, window_sets)
    try:
        histories = request.read_histories([each.slo for each in candidates])
    except APIError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    results: dict[str, list[CandidateResult]] = {}
    for candidate, read in zip(candidates, histories, strict=True):
        slo = candidate.slo
        backtest = run_backtest(slo, request.build_span(slo), read, incidents)
        results.setdefault(slo.id, []).append(CandidateResult(candidate, backtest))
    results = {slo_id: mark_front(listed) for slo_id, listed in results.items()}
    backtests = [listed[0].backtest for listed in results.values()]
    compared = {slo_id: listed for slo_id, listed in results.items() if len(listed) > 1}
    _print_reports(backtests, compared, html_file, as_json=as_json)


def _print_reports(
    backtests: Sequence[SLOBacktest],
    compared: Mapping[str, Sequence[CandidateResult]],
    html_file: Path | None,
    *,
    as_json: bool,
) -> None:
    if html_file:
        _report.write_page(render_page(backtests, compared), str(html_file))
    if as_json:
        document = build_document(backtests, compared)
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    reports = (
        "\n".join(render_backtest(each, compared.get(each.slo.id, ()))) for each in backtests
    )
    click.echo("\n\n".join(reports))


def _list_candidates(
    request: HistoryRequest,
    objectives: Sequence[Decimal],
    thresholds: Sequence[Threshold],
    window_sets: Sequence[WindowSet],
) -> list[Candidate]:
    built = (
        build_candidate(each.located, each.spec, variant, request.run_settings)
        for each in request.chosen
        for variant in list_variants(each.spec, objectives, thresholds, window_sets)
    )
    return [candidate for candidate in built if candidate]


def _read_incidents(file: Path | None) -> list[Incident] | None:
    if not file:
        return None
    incidents, problems = parse_incidents(read_file(file), str(file))
    _report.print_problems(problems)
    if filter_errors(problems):
        sys.exit(1)
    return incidents


def _read_window_sets(folders: Sequence[Path]) -> list[WindowSet]:
    window_sets, problems = [], []
    for folder in folders:
        windows, new_problems = read_windows(folder)
        problems += new_problems
        window_sets.append(WindowSet(folder.name, windows))
    _report.print_problems(problems)
    if filter_errors(problems):
        sys.exit(1)
    return window_sets
