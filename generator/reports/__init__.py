"""How `check` tells what it found; the folder is the registry, one file each.

A report module has a `NAME` and makes one text of problems and drift with `text(found, drift)`.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Protocol, cast

from slos.schema.problem import Problem


class Report(Protocol):
    """What a file in this folder offers."""

    NAME: str

    def text(self, found: Sequence[Problem], drift: Mapping[str, Sequence[str]] | None, /) -> str:
        """All that was found.

        Args:
            found: problems of specs.
            drift: files of the build by what happened to them; None where there is none.
        """
        ...


@cache
def reports() -> dict[str, Report]:
    """Every report in this folder by its name."""
    found = [
        cast("Report", importlib.import_module(module.name))
        for module in pkgutil.iter_modules(__path__, prefix=f"{__name__}.")
    ]
    return {report.NAME: report for report in sorted(found, key=lambda report: report.NAME)}
