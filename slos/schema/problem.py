"""What is wrong with an input, as data: a problem is reported, never raised."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a problem matters: an error stops the build, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a source file; `line` and `column` count from 1, 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about an input: where it is, what is wrong, and what to do about it."""

    at: Position
    message: str
    hint: str = ""
    severity: Severity = Severity.ERROR
    check: str = ""
    """The id of the check that found it, for those that can be silenced or looked up."""

    def __str__(self) -> str:
        text = f"{self.at}: {self.severity}: {self.message}"
        return f"{text}\n    hint: {self.hint}" if self.hint else text


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """Only the problems that stop a build."""
    return [problem for problem in problems if problem.severity is Severity.ERROR]


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Each problem once, sorted by place, as a reader walks through the files."""
    return sorted(set(problems), key=lambda p: (p.at.file, p.at.line, p.at.column, p.message))
