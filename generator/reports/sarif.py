"""`sarif`: SARIF 2.1.0, which code scanning and editors read."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from slos.schema.problem import Problem

NAME = "sarif"

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_PAGES = "docs/checks"


def text(found: Sequence[Problem], drift: Mapping[str, Sequence[str]] | None) -> str:
    """One run with a result for each problem; drift is a result as well."""
    checks = sorted({problem.check for problem in found if problem.check})
    rules = [{"id": check, "helpUri": f"{_PAGES}/{check}.md"} for check in checks]
    drifted = [
        _result("error", f"{what} by the specs; run: slo-rules build", name)
        for what, names in (drift or {}).items()
        if not isinstance(names, int)
        for name in names
    ]
    run = {
        "tool": {"driver": {"name": "slo-rules", "rules": rules}},
        "results": [*map(_of_problem, found), *drifted],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _of_problem(problem: Problem) -> dict[str, Any]:
    said = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
    result = _result(str(problem.severity), said, problem.at.file)
    if problem.check:
        result["ruleId"] = problem.check
    if problem.at.line:
        region = {"startLine": problem.at.line, "startColumn": max(problem.at.column, 1)}
        result["locations"][0]["physicalLocation"]["region"] = region
    return result


def _result(level: str, message: str, file: str) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": file}}
    return {
        "level": level,
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }
