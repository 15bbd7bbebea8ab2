"""Report `json`: one JSON object."""

import json
from typing import Any

from generator.reports import Told

NAME = "json"


def text(told: Told) -> str:
    """Render problems and drift, and metric facts where a Prometheus was given."""
    problems = [
        {
            "file": problem.at.file,
            "line": problem.at.line,
            "column": problem.at.column,
            "severity": problem.severity,
            "message": problem.message,
            "hint": problem.hint,
            "check": problem.check,
        }
        for problem in told.problems
    ]
    whole: dict[str, Any] = {"problems": problems, "drift": told.drift}
    if told.facts is not None:
        whole["facts"] = list(told.facts)
    return json.dumps(whole, indent=2, ensure_ascii=False)
