"""Report `github`: annotations that GitHub Actions shows next to the lines of a pull request.

Format: workflow commands of GitHub Actions, `::warning file=,line=,col=,title=::message`.
"""

from collections.abc import Mapping

from generator.reports import Told
from slos.schema.problem import Problem

NAME = "github"

_IN_MESSAGE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_IN_PROPERTY = {**_IN_MESSAGE, ":": "%3A", ",": "%2C"}


def text(told: Told) -> str:
    """Render a line for each problem and each file that differs."""
    drifted = (_command("error", {"file": file}, said) for file, said in told.files())
    return "\n".join([*map(_annotation, told.problems), *drifted])


def _annotation(problem: Problem) -> str:
    place = {"file": problem.at.file}
    if problem.at.line:
        place |= {"line": str(problem.at.line), "col": str(problem.at.column)}
    title = {"title": problem.check} if problem.check else {}
    said = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
    return _command(str(problem.severity), {**place, **title}, said)


def _command(kind: str, properties: Mapping[str, str], message: str) -> str:
    listed = ",".join(f"{key}={_escaped(value, _IN_PROPERTY)}" for key, value in properties.items())
    return f"::{kind} {listed}::{_escaped(message, _IN_MESSAGE)}"


def _escaped(value: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in value)
