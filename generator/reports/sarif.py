"""Report `sarif`: SARIF 2.1.0, which code scanning and editors read."""

import json
from collections.abc import Iterator
from inspect import getdoc
from pathlib import PurePath
from types import ModuleType
from typing import Any
from urllib.parse import quote

from generator import lint
from generator.reports import Told
from slos.schema.problem import Problem

NAME = "sarif"

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# Pages of checks; a help URI has to be absolute.
_PAGES = "https://github.com/bvlucena/slo-monitor/blob/main/docs/checks"
_LOOKS = ("of_slo", "of_alert", "of_query", "of_spec", "of_run", "live", "live_query")


def text(told: Told) -> str:
    """Render one run with a result for each problem and each file that differs."""
    checks = sorted({problem.check for problem in told.problems if problem.check})
    drifted = [_result("error", said, file) for file, said in told.files()]
    run = {
        "tool": {"driver": {"name": "slo-rules", "rules": list(map(_rule, checks))}},
        "results": [*map(_of_problem, told.problems), *drifted],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(check: str) -> dict[str, Any]:
    """SARIF rule of a check, with the descriptions from the docstrings of its module."""
    page = f"{_PAGES}/{quote(check)}.md"
    module = lint.checks().get(check)
    # The checks of silences and requirements have no module.
    short, *more = _paragraphs(module) if module else [f"{check.replace('-', ' ').capitalize()}."]
    full = " ".join([short, *more])
    return {
        "id": check,
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {"text": f"{full} See {page}", "markdown": f"{full} [More]({page})"},
        "helpUri": page,
    }


def _paragraphs(module: ModuleType) -> Iterator[str]:
    """Docstrings of a check module and of its check functions, each on one line."""
    told = [module, *(getattr(module, look) for look in _LOOKS if hasattr(module, look))]
    for each in told:
        yield " ".join((getdoc(each) or "").split())


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
    place = {"artifactLocation": {"uri": _uri(file)}}
    return {
        "level": level,
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }


def _uri(file: str) -> str:
    """URI of a file; a relative path stays relative to the working directory."""
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
