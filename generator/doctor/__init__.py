"""Diagnosis of a cluster: are the built rules loaded, and who is notified by their alerts?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from slos.schema.units import format_names


class CheckStatus(StrEnum):
    """Status of a check; the value is part of the JSON output."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Result of one check of a cluster.

    Attributes:
        check: name of the check.
        message: what was seen.
        hint: what to do next; empty where nothing is to be done.
    """

    check: str
    status: CheckStatus
    message: str
    hint: str = ""


def list_names(names: Sequence[str], shown: int = 5) -> str:
    """List names as the messages of checks do."""
    return format_names(names, shown)
