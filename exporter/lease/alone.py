"""No-op lock for a prober that runs alone."""


class Alone:
    """No-op lock that is always held."""

    opens_at: float | None = None

    async def acquire_or_renew(self) -> bool:
        """Return True."""
        return True

    async def release(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""
