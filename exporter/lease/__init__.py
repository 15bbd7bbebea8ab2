"""Of several probers only the holder of the lease sends, or every alert would be sent twice.

A lease tells who holds it; the keeper tells whether this prober may send. Nothing here knows
what is sent.
"""

from typing import Protocol


class LeaseError(Exception):
    """The lease could not be asked for, so nobody knows who holds it; the text says why."""


class Lease(Protocol):
    """Something that one prober at a time can hold."""

    @property
    def opens_at(self) -> float | None:
        """When another's claim runs out, in monotonic seconds; None when nobody can tell."""

    async def acquire_or_renew(self) -> bool:
        """Try once to hold it from now on; False when another does.

        Raises:
            LeaseError: it is not known who does.
        """

    async def release(self) -> None:
        """Give it up, if held, so that another may have it at once.

        Raises:
            LeaseError: it could not be given up; it will run out.
        """

    async def close(self) -> None:
        """Let go of connections and files."""
