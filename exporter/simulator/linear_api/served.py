"""Counters of the Linear simulator; tests compare the prober's findings with them."""

from dataclasses import dataclass


@dataclass
class Served:
    """Counts since the start."""

    requests: int = 0
    """All requests."""

    unauthorized: int = 0
    rate_limited: int = 0
    """Refused by a limit, or by the fault `ratelimited`."""

    failed: int = 0
    """Cut off or spoiled by another fault."""

    rejected: int = 0
    """Queries that Linear would not accept, or arguments that it would refuse."""

    searches: int = 0
    """Pages of issues returned."""

    created: int = 0
    archived: int = 0
    """Issues that were archived; a repeated archive does not count."""

    forgotten: int = 0
    """Issues dropped because there were too many."""
