"""Report `github`: annotations that GitHub Actions shows next to the lines of a pull request.

Format: workflow commands of GitHub Actions, `::warning file=,line=,col=,title=::message`.
"""

from collections.abc import Mapping

from generator.reports import Report
from slos.schema.problem import Problem, ProblemSeverity

NAME = "github"

_IN_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = {**_IN_MESSAGE, ":": "%3A", ",": "%2C"}


def render_report(report: Report) -> str:
    """Render a line for each problem and each file that differs."""
    drift_lines = (
        _render_command("error", {"file": file}, message)
        for file, message in report.list_drifted_files()
    )
    return "\n".join([*map(_render_annotation, report.problems), *drift_lines])


def _render_annotation(problem: Problem) -> str:
    place = {"file": problem.position.file}
    if problem.position.line:
        place |= {"line": str(problem.position.line), "col": str(problem.position.column)}
    title = {"title": problem.check} if problem.check else {}
    message = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
    kind = "notice" if problem.severity is ProblemSeverity.NOTE else str(problem.severity)
    return _render_command(kind, {**place, **title}, message)


def _render_command(kind: str, properties: Mapping[str, str], message: str) -> str:
    listed = ",".join(
        f"{key}={_escape_text(value, _IN_PROPERTY)}" for key, value in properties.items()
    )
    return f"::{kind} {listed}::{_escape_text(message, _IN_MESSAGE)}"


def _escape_text(value: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in value)
