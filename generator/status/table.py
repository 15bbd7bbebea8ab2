"""Table and JSON of the status of SLOs."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from generator import names
from generator.status.gates import ConditionResult
from generator.status.slo_states import Forecast, SLOStatus
from slos.schema.units import Duration, format_count

_HEADINGS = ("STATE", "SLO", "OBJECTIVE", "BUDGET LEFT", "BURN", "EXHAUSTED IN", "ALERTS")
_UNKNOWN = "-"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def list_table_rows(
    statuses: Sequence[Sequence[SLOStatus]], groups: int
) -> Iterator[tuple[SLOStatus | None, Sequence[str]]]:
    """List the rows of the table, each with the status that it shows; the headings come first.

    Args:
        statuses: statuses of each SLO and its groups.
        groups: number of groups to show of one SLO.
    """
    yield None, _HEADINGS
    for rows in statuses:
        for status in rows[:groups]:
            yield status, _format_row(status)
        if len(rows) > groups:
            more = format_count(len(rows) - groups, "more group")
            yield None, ("", _make_printable(f"{rows[0].id}: {more}"))


def _format_row(status: SLOStatus) -> Sequence[str]:
    row = (
        status.state,
        status.title,
        _UNKNOWN if status.objective is None else f"{100 * status.objective:.6g} %",
        _UNKNOWN if status.budget is None else f"{100 * status.budget:.1f} %",
        _UNKNOWN if status.burn is None else f"{status.burn:.2f}",
        format_forecast(status.forecast),
        ", ".join(f"{alert.name} ({alert.severity})" for alert in status.alerts),
    )
    return [_make_printable(cell) for cell in row]


def _make_printable(text: str) -> str:
    """Escape control characters, which a label may contain and a terminal would obey."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def format_forecast(forecast: Forecast | None) -> str:
    """Format an interval: `2h to 3d`, `2h or never`, `never`."""
    if not forecast:
        return _UNKNOWN
    earliest, latest = _format_time(forecast.earliest), _format_time(forecast.latest)
    if earliest == latest:
        return earliest
    return f"{earliest} or {latest}" if math.isinf(forecast.latest) else f"{earliest} to {latest}"


def _format_time(seconds: float) -> str:
    """Format a time with the precision of a forecast: `45s`, `12m`, `3h20m`, `4d6h`."""
    if math.isinf(seconds):
        return "never"
    unit = next(
        (part for whole, part in ((_DAY, _HOUR), (_MINUTE, _MINUTE)) if seconds >= whole), 1
    )
    whole = int(seconds // unit * unit)
    return str(Duration(whole * 1000)) if seconds else "now"


def build_document(
    statuses: Sequence[Sequence[SLOStatus]], results: Sequence[ConditionResult]
) -> dict[str, Any]:
    """Build the JSON document; docs/status.md describes it."""
    return {
        "slos": [build_object(status) for rows in statuses for status in rows],
        "conditions": [
            {
                "condition": result.condition.text,
                "holds_for": [status.title for status in result.holding],
                "unknown_for": [status.title for status in result.unknown],
            }
            for result in results
        ],
    }


def build_object(status: SLOStatus) -> dict[str, Any]:
    """Build the JSON of one status."""
    forecast = status.forecast
    return {
        "id": status.id,
        "service": status.labels.get(names.SERVICE, ""),
        "slo": status.labels.get(names.SLO_NAME, ""),
        "labels": {
            name: value for name, value in status.labels.items() if name not in names.IDENTITY
        },
        "group": dict(status.group),
        "state": status.state,
        "objective": to_json_number(status.objective),
        "budget": to_json_number(status.budget),
        "burn": to_json_number(status.burn),
        "exhaustion": forecast
        and {
            "earliest": to_json_number(forecast.earliest),
            "latest": to_json_number(forecast.latest),
            "burn": {
                str(window): to_json_number(burn) for window, burn in forecast.burn_rates.items()
            },
        },
        "coverage": to_json_number(status.coverage),
        "alerts": [{"name": alert.name, "severity": alert.severity} for alert in status.alerts],
    }


def to_json_number(value: float | None) -> float | str | None:
    """JSON of a number; infinity is a text, as in the API of Prometheus."""
    if value is None or math.isfinite(value):
        return value
    return "+Inf" if value > 0 else "-Inf"
