"""Report `sarif`: SARIF 2.1.0, which code scanning and editors read."""

import json
from collections.abc import Iterator
from inspect import getdoc
from pathlib import PurePath
from types import ModuleType
from typing import Any
from urllib.parse import quote

from generator import lint
from generator.reports import Report
from slos.schema.problem import Problem

NAME = "sarif"

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
# Pages of checks; a help URI has to be absolute.
_PAGES_URL = "https://github.com/brunovlucena/slo-monitor/blob/main/docs/checks"
_CHECK_FUNCTIONS = (
    "check_slo",
    "check_alert",
    "check_query",
    "check_spec",
    "check_run",
    "check_live_slo",
    "check_live_query",
)


def render_report(report: Report) -> str:
    """Render one run with a result for each problem and each file that differs."""
    checks = sorted({problem.check for problem in report.problems if problem.check})
    drift_results = [
        _build_result("error", message, file) for file, message in report.list_drifted_files()
    ]
    run = {
        "tool": {"driver": {"name": "slo-rules", "rules": list(map(_build_rule, checks))}},
        "results": [*map(_build_problem_result, report.problems), *drift_results],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _build_rule(check: str) -> dict[str, Any]:
    """SARIF rule of a check, with the descriptions from the docstrings of its module."""
    page = f"{_PAGES_URL}/{quote(check)}.md"
    module = lint.load_checks().get(check)
    # The checks of silences and requirements have no module.
    short, *more = (
        _read_paragraphs(module) if module else [f"{check.replace('-', ' ').capitalize()}."]
    )
    full = " ".join([short, *more])
    return {
        "id": check,
        "shortDescription": {"text": short},
        "fullDescription": {"text": full},
        "help": {"text": f"{full} See {page}", "markdown": f"{full} [More]({page})"},
        "helpUri": page,
    }


def _read_paragraphs(module: ModuleType) -> Iterator[str]:
    """Docstrings of a check module and of its check functions, each on one line."""
    documented = [
        module,
        *(getattr(module, name) for name in _CHECK_FUNCTIONS if hasattr(module, name)),
    ]
    for each in documented:
        yield " ".join((getdoc(each) or "").split())


def _build_problem_result(problem: Problem) -> dict[str, Any]:
    message = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
    result = _build_result(str(problem.severity), message, problem.position.file)
    if problem.check:
        result["ruleId"] = problem.check
    if problem.position.line:
        region = {
            "startLine": problem.position.line,
            "startColumn": max(problem.position.column, 1),
        }
        result["locations"][0]["physicalLocation"]["region"] = region
    return result


def _build_result(level: str, message: str, file: str) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": _format_uri(file)}}
    return {
        "level": level,
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }


def _format_uri(file: str) -> str:
    """URI of a file; a relative path stays relative to the working directory."""
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
