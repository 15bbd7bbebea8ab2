"""Problems of an input as data, with position and severity; they are reported, not raised."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class ProblemSeverity(StrEnum):
    """The severity of a problem: an error stops the build; a note needs no change of the input."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


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
        severity: an error, a warning or a note.
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


def respell_keys(problem: Problem, spellings: Mapping[str, str]) -> Problem:
    """Replace keys in the texts of a problem by those of the dialect that its input is written in.

    What is in quotes or part of a path is kept: it was written like that.
    """

    def respell_text(text: str) -> str:
        return re.sub(
            r"(?<![\w.'\"])\w+(?![\w'\"])", lambda word: spellings.get(word[0], word[0]), text
        )

    if not spellings:
        return problem
    return replace(problem, message=respell_text(problem.message), hint=respell_text(problem.hint))


def filter_errors(problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that stop a build."""
    return [problem for problem in problems if problem.severity is ProblemSeverity.ERROR]


def sort_problems(problems: Iterable[Problem]) -> list[Problem]:
    """Sort problems by file and position; duplicates are dropped."""
    return sorted(
        set(problems),
        key=lambda p: (p.position.file, p.position.line, p.position.column, p.message),
    )
