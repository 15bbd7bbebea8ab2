"""Registry of the report formats of `slo-rules check`: one file for each.

A report module has a `NAME` and renders all results as one text with `render_report(report)`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import Any, Protocol, cast

from slos.schema.plugin_loader import load_modules_by_id
from slos.schema.problem import Problem

DRIFT_MESSAGES = {
    "added": "missing",
    "changed": "differs from its spec",
    "removed": "no spec makes it",
}
"""Message about a file that differs, by what a build would do to it."""


@dataclass(frozen=True, slots=True)
class Report:
    """Results of a check.

    Attributes:
        problems: problems of specs.
        drift: files that differ, by what a build would do to them; None without differences.
        folder: output folder, as the user named it.
        facts: metric facts of each SLO; None where no Prometheus was given.
    """

    problems: Sequence[Problem]
    drift: Mapping[str, Any] | None = None
    folder: str = ""
    facts: Sequence[Mapping[str, Any]] | None = None

    def list_drifted_files(self) -> Iterator[tuple[str, str]]:
        """Files that differ, as the user would name them, each with a message."""
        for verb, message in DRIFT_MESSAGES.items():
            for name in (self.drift or {}).get(verb, ()):
                yield str(PurePath(self.folder, name)), f"{message}; run: slo-rules build"


class ReportFormat(Protocol):
    """API of a report module."""

    NAME: str

    def render_report(self, report: Report, /) -> str:
        """Render all results."""
        ...


@cache
def load_reports() -> dict[str, ReportFormat]:
    """Report formats in this folder by name."""
    return cast("dict[str, ReportFormat]", load_modules_by_id(__name__, "NAME"))
