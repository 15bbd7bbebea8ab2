"""Replay of alerts for `slo-rules backtest`, which needs NumPy."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
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
    mark_pareto_front,
)
from generator.backtest.episodes import SLOBacktest, run_backtest
from generator.backtest.incidents import Incident, parse_incidents
from generator.backtest.page import render_page
from generator.backtest.report import build_document, render_backtest
from generator.clients.json_api import APIError
from generator.commands import _report
from generator.commands._history import (
    HistoryRequest,
    check_thresholds,
    parse_history_request,
    read_file,
)
from generator.files.sources import read_windows
from slos.schema.problem import filter_errors


@dataclass(frozen=True, slots=True)
class BacktestComparison:
    """Values of the candidates besides those of the specs.

    Attributes:
        objectives: objectives.
        thresholds: thresholds of latency and threshold SLIs.
        window_folders: folders of AlertWindows files.
    """

    objectives: Sequence[Decimal]
    thresholds: Sequence[Threshold]
    window_folders: Sequence[Path]


def print_backtests(
    options: dict[str, Any],
    comparison: BacktestComparison,
    *,
    incident_file: Path | None,
    html_file: Path | None,
    as_json: bool,
) -> None:
    """Replay the alerts of SLOs and of their candidates, and print or write the report."""
    request = parse_history_request(options)
    check_thresholds(request, comparison.thresholds)
    incidents = _read_incidents(incident_file)
    candidates = _list_candidates(request, comparison)
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
    results = {slo_id: mark_pareto_front(listed) for slo_id, listed in results.items()}
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


def _list_candidates(request: HistoryRequest, comparison: BacktestComparison) -> list[Candidate]:
    window_sets = _read_window_sets(comparison.window_folders)
    built = (
        build_candidate(each.located, each.spec, variant, request.run_settings)
        for each in request.chosen
        for variant in list_variants(
            each.spec, comparison.objectives, comparison.thresholds, window_sets
        )
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
