"""Counters of the simulated service; tests compare the prober's verdicts with them."""

from dataclasses import dataclass


@dataclass
class Executed:
    """Counts since the start; an event counts once, for any number of function calls."""

    received: int = 0
    """`POST /` requests whose body arrived, malformed ones included."""

    processed: int = 0
    """Events answered, or to be answered, 200 `processed`."""

    calls: int = 0
    """`POST /` requests sent to functions."""

    succeeded: int = 0
    """Function calls that reported `success`."""

    unhealthy: int = 0
    """Events given up because the function's `/health` was not 200 in time."""

    issues: int = 0
    """Linear issues opened."""

    linear_failures: int = 0
    """Linear issues that could not be opened."""
