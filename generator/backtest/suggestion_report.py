"""Report of suggestions as a JSON document and as text."""

from collections.abc import Iterator, Sequence
from typing import Any

from generator.backtest.suggestion import QUANTILES, Option, Suggestion
from generator.model import SLO
from generator.text.table import align_columns
from slos.schema.units import format_decimal

SLOSuggestions = Sequence[tuple[SLO, Sequence[Suggestion]]]


def build_document(suggestions: SLOSuggestions) -> dict[str, Any]:
    """Build the JSON document of suggestions."""
    return {
        "slos": [
            {
                "id": slo.id,
                "objective": float(slo.objective),
                "suggestions": [_describe_suggestion(each) for each in found],
            }
            for slo, found in suggestions
        ]
    }


def _describe_suggestion(suggestion: Suggestion) -> dict[str, Any]:
    best, lowest, highest = suggestion.best, suggestion.lowest, suggestion.highest
    return {
        "threshold": suggestion.threshold or None,
        "objective": float(best.candidate.slo.objective) if best else None,
        "lowest": None if lowest is None else float(lowest),
        "highest": None if highest is None else float(highest),
        "daily_error_ratio": dict(zip(map(str, QUANTILES), suggestion.ratios, strict=False)),
        "warnings": list(suggestion.warnings),
        "tried": [_describe_option(each) for each in suggestion.options],
    }


def _describe_option(option: Option) -> dict[str, Any]:
    return {
        "objective": float(option.candidate.slo.objective),
        "kept": option.is_kept,
        "confidence": option.confidence,
        "error_ratio": option.error_ratio,
        "pages_a_month": option.pages_a_month,
        "most_pages_a_month": option.most_pages_a_month,
    }


def render_suggestions(slo: SLO, suggestions: Sequence[Suggestion]) -> Iterator[str]:
    """Render the lines of the suggestions for an SLO."""
    yield f"{slo.id}: {format_decimal(slo.objective)} % now"
    yield from (f"  {line}" for line in align_columns(_list_rows(suggestions)))
    for each in suggestions:
        if each.ratios:
            at = f" at {each.threshold}" if each.threshold else ""
            shares = ", ".join(
                f"{'worst' if quantile == 1 else f'P{100 * quantile:g}'} {100 * ratio:.3g} %"
                for quantile, ratio in zip(QUANTILES, each.ratios, strict=True)
            )
            yield f"  errors of a day{at}: {shares}"
    for warning in dict.fromkeys(text for each in suggestions for text in each.warnings):
        yield f"  warning: {warning}"


def _list_rows(suggestions: Sequence[Suggestion]) -> Iterator[tuple[str, ...]]:
    yield ("THRESHOLD", "OBJECTIVE", "RANGE", "PAGES A MONTH", "AT MOST", "SURE")
    for each in suggestions:
        best = each.best
        yield (
            each.threshold,
            f"{format_decimal(best.candidate.slo.objective)} %" if best else "none",
            f"{_format_end(each.lowest)} to {_format_end(each.highest)}",
            f"{best.pages_a_month:.1f}" if best else "-",
            f"{best.most_pages_a_month:.1f}" if best else "-",
            f"{best.confidence:.0%}" if best else "-",
        )


def _format_end(objective: object) -> str:
    return "none" if objective is None else f"{objective} %"
