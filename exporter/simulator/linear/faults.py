"""Faults of the Linear simulator.

The effects of faults are implemented elsewhere in this package.
"""

from collections.abc import Iterable
from enum import StrEnum

from exporter.simulator.fault_injection import MAX_SECONDS, ActiveFaults, FaultSet, ValueFault


class LinearFaultFlag(StrEnum):
    """Faults without a number."""

    DOWN = "down"
    """Every connection is cut without a response."""
    ERROR = "error"
    """Every response is 500, as from a proxy: no JSON."""
    GARBAGE = "garbage"
    """Every response is 200 and a page of HTML."""
    UNAUTHORIZED = "unauthorized"
    """No key is accepted."""
    FORBIDDEN = "forbidden"
    """The key may read, but not archive."""


_SECONDS = f"seconds from 0 to {MAX_SECONDS:.0f}"
_SIGNED_SECONDS = f"seconds from {-MAX_SECONDS:.0f} to {MAX_SECONDS:.0f}"


class LinearFaultSet(FaultSet):
    """Set of faults of Linear's API."""

    FLAGS = tuple(LinearFaultFlag)
    VALUES = (
        ValueFault(name="ratelimited", needs=_SECONDS, neutral=None),
        ValueFault(
            name="creations",
            needs="issues a second from 0 to 100000",
            maximum=100_000,
            neutral=None,
        ),
        ValueFault(name="slow", needs=_SECONDS),
        ValueFault(name="lag", needs=_SECONDS),
        ValueFault(name="skew", needs=_SIGNED_SECONDS, minimum=-MAX_SECONDS),
    )
    VALID = (
        f"none, {', '.join(FLAGS)}, ratelimited:<seconds of Retry-After>, "
        "creations:<issues a second>, slow:<seconds>, "
        "lag:<seconds until a search sees an issue>, skew:<seconds its clock is ahead>"
    )

    @property
    def ratelimited(self) -> float | None:
        """Seconds of `Retry-After` in the 429 of every request; None without this fault."""
        return self.values.get("ratelimited")

    @property
    def creations(self) -> float | None:
        """Issues that may be created a second; None without this fault."""
        return self.values.get("creations")

    @property
    def slow(self) -> float:
        """Seconds that every response is delayed."""
        return self.values.get("slow", 0.0)

    @property
    def lag(self) -> float:
        """Seconds until a search sees a new issue."""
        return self.values.get("lag", 0.0)

    @property
    def skew(self) -> float:
        """Seconds that the clock is ahead."""
        return self.values.get("skew", 0.0)


class LinearFaults(ActiveFaults[LinearFaultSet]):
    """Faults of a running Linear simulator."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        super().__init__(LinearFaultSet.parse(texts))
