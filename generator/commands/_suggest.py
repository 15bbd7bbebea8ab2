"""Suggestions of `slo-rules suggest`, which need NumPy."""

import json
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import click

from generator.backtest.candidates import (
    Candidate,
    Threshold,
    Variant,
    accepts_threshold,
    build_candidate,
    has_threshold,
)
from generator.backtest.episodes import run_backtest
from generator.backtest.suggestion import OBJECTIVES, Suggestion, suggest_objective
from generator.backtest.suggestion_report import build_document, render_suggestions
from generator.clients.json_api import APIError
from generator.clients.prometheus import read_bounds
from generator.commands._history import (
    ChosenSLO,
    HistoryRequest,
    check_thresholds,
    parse_history_request,
)

# As many bounds on each side of the present threshold; each is read anew.
_NEAREST = 3


def print_suggestions(
    options: dict[str, Any], thresholds: Sequence[Threshold], max_pages: float, *, as_json: bool
) -> None:
    """Suggest objectives for SLOs, and print the report."""
    request = parse_history_request(options)
    check_thresholds(request, thresholds)
    try:
        suggestions = [
            (each.slo, list(_suggest(request, each, thresholds, max_pages)))
            for each in request.chosen
        ]
    except APIError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    if as_json:
        document = build_document(suggestions)
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    reports = ("\n".join(render_suggestions(slo, found)) for slo, found in suggestions)
    click.echo("\n\n".join(reports))


def _suggest(
    request: HistoryRequest,
    chosen: ChosenSLO,
    thresholds: Sequence[Threshold],
    max_pages: float,
) -> Iterator[Suggestion]:
    tried: Sequence[Threshold] = [
        each for each in thresholds if accepts_threshold(chosen.spec, each)
    ]
    if has_threshold(chosen.spec) and not thresholds and (histogram := chosen.slo.signal.histogram):
        bounds = read_bounds(request.reader.url, histogram)
        tried = _choose_nearest(bounds, histogram.target)
    for threshold in tried or (None,):
        candidates = list(_list_candidates(request, chosen, threshold))
        histories = request.read_histories([each.slo for each in candidates])
        results = [
            (each, run_backtest(each.slo, request.build_span(each.slo), read))
            for each, read in zip(candidates, histories, strict=True)
        ]
        yield suggest_objective(results, max_pages)


def _choose_nearest(bounds: Sequence[Decimal], target: Decimal) -> list[Decimal]:
    """Choose the bounds around the present threshold, which is among them."""
    lower = sorted(bound for bound in bounds if bound < target)
    higher = sorted(bound for bound in bounds if bound > target)
    return [*lower[-_NEAREST:], target, *higher[:_NEAREST]]


def _list_candidates(
    request: HistoryRequest, chosen: ChosenSLO, threshold: Threshold | None
) -> Iterator[Candidate]:
    for objective in sorted({*OBJECTIVES, chosen.slo.objective}):
        variant = Variant(objective, threshold)
        candidate = build_candidate(chosen.located, chosen.spec, variant, request.run_settings)
        if candidate:
            yield candidate
