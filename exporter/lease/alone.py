"""No lease at all, for a prober that has no other beside it."""


class Alone:
    """Held always."""

    opens_at: float | None = None

    async def acquire_or_renew(self) -> bool:
        """Held."""
        return True

    async def release(self) -> None:
        """Nobody waits for it."""

    async def close(self) -> None:
        """Nothing is open."""
