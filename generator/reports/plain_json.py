"""`json`: one object, for programs."""

import json
from collections.abc import Mapping, Sequence

from slos.schema.problem import Problem

NAME = "json"


def text(found: Sequence[Problem], drift: Mapping[str, Sequence[str]] | None) -> str:
    """Problems and drift."""
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
        for problem in found
    ]
    return json.dumps({"problems": problems, "drift": drift}, indent=2, ensure_ascii=False)
