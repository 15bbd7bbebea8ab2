"""Problems of an input as data, with position and severity; they are reported, not raised."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class ProblemSeverity(StrEnum):
    """The severity of a problem: an error stops the build, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a source file.

    Attributes:
        file: the file name.
        line: counted from 1; 0 means the whole file.
        column: counted from 1; 0 means the whole file.
    """

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of an input.

    Attributes:
        position: its position in the file.
        message: what is wrong.
        hint: what to do about it.
        severity: an error or a warning.
        check: the id of the check that found it, for those that can be silenced or looked up.
    """

    position: Position
    message: str
    hint: str = ""
    severity: ProblemSeverity = ProblemSeverity.ERROR
    check: str = ""

    def __str__(self) -> str:
        text = f"{self.position}: {self.severity}: {self.message}"
        return f"{text}\n    hint: {self.hint}" if self.hint else text


def filter_errors(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that stop a build."""
    return [problem for problem in problems if problem.severity is ProblemSeverity.ERROR]


def sort_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Sort problems by file and position; duplicates are dropped."""
    return sorted(
        set(problems),
        key=lambda p: (p.position.file, p.position.line, p.position.column, p.message),
    )
