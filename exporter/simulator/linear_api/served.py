"""What the stand-in knows it did: the truth that tests compare the prober's findings with."""

from dataclasses import dataclass


@dataclass
class Served:
    """Counts since the start."""

    requests: int = 0
    """Requests that came in, whatever became of them."""

    unauthorized: int = 0
    rate_limited: int = 0
    """Refused by a limit, or by the fault `ratelimited`."""

    failed: int = 0
    """Cut off or spoiled by another fault."""

    rejected: int = 0
    """Queries that Linear would not have understood, or arguments it would not have taken."""

    searches: int = 0
    """Pages of issues given."""

    created: int = 0
    archived: int = 0
    """Issues that were archived; archiving one again does not count."""

    forgotten: int = 0
    """Issues dropped because there were too many."""
