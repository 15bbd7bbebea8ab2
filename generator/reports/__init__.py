"""How `check` tells what it found; the folder is the registry, one file each.

A report module has a `NAME` and makes one text of all that was found with `text(told)`.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Any, Protocol, cast

from slos.schema.problem import Problem

HAPPENED = {
    "added": "missing",
    "changed": "differs from its spec",
    "removed": "no spec makes it",
}
"""What is wrong with a file, as its reader sees it, by what a build would do to it."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a check has to tell.

    Attributes:
        problems: of specs.
        drift: files of the build by what a build would do to them; None where all is well.
        folder: where they lie, as the user named it.
        facts: of each SLO, where a live Prometheus was asked; None where none was.
    """

    problems: Sequence[Problem]
    drift: Mapping[str, Any] | None = None
    folder: str = ""
    facts: Sequence[Mapping[str, Any]] | None = None

    def files(self) -> Iterator[tuple[str, str]]:
        """Each file that drifted, as the user would name it, and what is wrong with it."""
        for verb, said in HAPPENED.items():
            for name in (self.drift or {}).get(verb, ()):
                yield str(PurePath(self.folder, name)), f"{said}; run: slo-rules build"


class Report(Protocol):
    """What a file in this folder offers."""

    NAME: str

    def text(self, told: Told, /) -> str:
        """All that was found."""
        ...


@cache
def reports() -> dict[str, Report]:
    """Every report in this folder by its name."""
    found = [
        cast("Report", importlib.import_module(module.name))
        for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
    ]
    return {report.NAME: report for report in sorted(found, key=lambda report: report.NAME)}
