"""JSON of the pages, and the OpenAPI document that describes it."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from generator.status.slo_states import SLOState
from generator.status.table import build_object
from generator.web.overview import SORTS, Row, Summary
from generator.web.queries import SourceState
from generator.web.ranges import LENGTHS, PERIOD
from generator.web.slo_page import SLOPage, build_charts

STATES = ("", "wrong", *map(str, SLOState))
ORDERS = ("", *SORTS)
RANGES = ("", *LENGTHS, PERIOD)
END = "[0-9]{0,10}"
"""Pattern of seconds since 1970, until the year 2286."""


def check_value(name: str, value: str, known: Sequence[str]) -> None:
    """Check a parameter.

    Raises:
        ValueError: it is not known; the message lists what is.
    """
    if value not in known:
        raise ValueError(
            f"{name} {value!r} is not known; use one of {', '.join(filter(None, known))}"
        )


def dump_json(document: Any) -> str:  # noqa: ANN401 - JSON
    """Write JSON of standard numbers only."""
    return json.dumps(_clean(document), ensure_ascii=False, allow_nan=False)


def _clean(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Replace infinite numbers by text, as in the API of Prometheus, and others by null."""
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    if isinstance(value, dict):
        return {name: _clean(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value


def build_overview(
    summary: Summary, states: Sequence[SourceState], rows: Iterable[Row]
) -> dict[str, Any]:
    """Build the JSON of the overview."""
    return {
        "summary": {
            "well": summary.is_well,
            "counts": {str(state): number for state, number in summary.counts.items()},
            "problems": list(summary.problems),
        },
        "sources": [
            {
                "name": state.name,
                "url": state.url,
                "read_at": state.read_at,
                "problems": list(state.problems),
                "monitoring": asdict(state.monitoring),
            }
            for state in states
        ],
        "slos": [
            {
                "source": row.source,
                "page": f"slo?{row.query}",
                **build_object(row.worst),
                "groups": row.groups,
                "burn_history": list(row.history),
            }
            for row in rows
        ],
    }


def build_slo(page: SLOPage) -> dict[str, Any]:
    """Build the JSON of the page of an SLO."""
    history = page.history
    return {
        "source": page.source.name,
        "slo": build_object(page.shown),
        "groups": [build_object(each) for each in page.statuses],
        "range": {
            "name": history.range.name,
            "start": history.range.start,
            "end": history.range.end,
            "step": history.range.step,
        },
        "charts": build_charts(page),
        "episodes": [asdict(each) for each in history.episodes],
        "thresholds": [asdict(each) for each in page.facts.thresholds],
        "problems": list(history.problems),
    }


def build_openapi(root: str) -> dict[str, Any]:
    """Build the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "slo-rules serve",
            "version": "1",
            "description": "Status and history of SLOs as recorded. Read-only.",
        },
        "servers": [{"url": root}],
        "paths": {
            "/api/v1/slos": _describe(
                "SLOs of all sources, the worst first.",
                [
                    _parameter("q", "Words that all are in a name, label or alert."),
                    _parameter("state", "State.", STATES),
                    _parameter("service", "Service."),
                    _parameter("source", "Name of a source."),
                    _parameter("label", "Label as name=value."),
                    _parameter("sort", "Order.", ORDERS),
                ],
                ["summary", "sources", "slos"],
                failures=("400",),
            ),
            "/api/v1/slo": _describe(
                "Status and history of one SLO.",
                [
                    _require(_parameter("id", "Id of the SLO.")),
                    _parameter("source", "Name of its source; the first one without."),
                    _parameter_list("label", "Labels that tell it from others with the same id."),
                    _parameter_list("group", "Labels of a group; the worst one without."),
                    _parameter("range", "Length of the range.", RANGES),
                    _parameter("end", "End in seconds since 1970; now without.", pattern=END),
                ],
                ["source", "slo", "groups", "range", "charts", "episodes", "thresholds"],
                failures=("400", "404", "502"),
            ),
            "/api/v1/openapi.json": _describe("This document.", [], ["openapi", "paths"]),
        },
        "components": {
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": {"type": "string"}},
                }
            }
        },
    }


def _parameter(
    name: str, description: str, values: Sequence[str] = (), pattern: str = ""
) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "string",
        **({"enum": list(values)} if values else {}),
        **({"pattern": f"^({pattern})$"} if pattern else {}),
    }
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _require(parameter: dict[str, Any]) -> dict[str, Any]:
    """Require a value that is not empty."""
    return {**parameter, "required": True, "schema": {**parameter["schema"], "minLength": 1}}


def _parameter_list(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "array", "items": {"type": "string", "pattern": "="}}
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _describe(
    summary: str,
    parameters: list[dict[str, Any]],
    keys: Sequence[str],
    failures: Sequence[str] = (),
) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object", "required": list(keys)}}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        "get": {
            "summary": summary,
            "parameters": parameters,
            "responses": {
                "200": {"description": summary, "content": content},
                **{code: {"description": "Error.", "content": error} for code in failures},
            },
        }
    }
