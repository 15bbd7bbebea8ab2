"""Report `json`: one JSON object."""

import json
from typing import Any

from generator.reports import Report

NAME = "json"


def render_report(report: Report) -> str:
    """Render problems and drift, and metric facts where a Prometheus was given."""
    problems = [
        {
            "file": problem.position.file,
            "line": problem.position.line,
            "column": problem.position.column,
            "severity": problem.severity,
            "message": problem.message,
            "hint": problem.hint,
            "check": problem.check,
        }
        for problem in report.problems
    ]
    document: dict[str, Any] = {"problems": problems, "drift": report.drift}
    if report.facts is not None:
        document["facts"] = list(report.facts)
    return json.dumps(document, indent=2, ensure_ascii=False)
