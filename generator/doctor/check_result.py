"""Results of the doctor's checks."""

from dataclasses import dataclass
from enum import StrEnum


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


def list_names(names: list[str], *, shown: int = 5) -> str:
    """Format names as a list, of which only the first ones are shown."""
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")
