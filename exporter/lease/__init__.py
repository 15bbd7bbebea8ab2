"""Leader election: of several probers only the leader sends, so that no alert is sent twice.

A lock records its holder. The elector decides whether this prober may send. This package does not
know what is sent.
"""

from typing import Protocol


class LeaseError(Exception):
    """Failed access to the lock: its holder is unknown. The text holds the reason."""


class Lease(Protocol):
    """Lock that one prober at a time can hold."""

    @property
    def opens_at(self) -> float | None:
        """Time at which another holder's claim ends, in monotonic seconds; None when unknown."""

    async def acquire_or_renew(self) -> bool:
        """Try once to acquire or renew the lock; False when another prober holds it.

        Raises:
            LockError: the holder is not known.
        """

    async def release(self) -> None:
        """Release the lock if it is held, so that another prober can acquire it at once.

        Raises:
            LockError: the lock could not be released; it will run out.
        """

    async def close(self) -> None:
        """Close connections and files."""
