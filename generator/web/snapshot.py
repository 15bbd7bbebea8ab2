"""Newest state of all sources, read at most every few seconds and once at a time."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from generator.clients.query_api import QueryClient
from generator.web.queries import SourceState, read_source

_FRESH = 10.0
"""Seconds for which a state is served as it is."""
_STALE = 60.0
"""Seconds for which an older state is served while a newer one is read."""
_INTERVAL = 30.0
"""Seconds between readings while nobody looks, so that nobody has to wait for the first one."""


class Snapshot:
    """States of all sources."""

    def __init__(self, clients: Sequence[QueryClient]) -> None:
        self.clients: Mapping[str, QueryClient] = {each.source.name: each for each in clients}
        self._states: Sequence[SourceState] = ()
        self._read_at = 0.0
        self._reading: asyncio.Task[Sequence[SourceState]] | None = None

    async def refresh_regularly(self) -> None:
        """Read the states again and again, until this is cancelled."""
        while True:
            await self.read()
            await asyncio.sleep(_INTERVAL)

    async def read(self) -> Sequence[SourceState]:
        """Read the states; one of the last minute is returned at once."""
        age = time.monotonic() - self._read_at
        if self._states and age < _FRESH:
            return self._states
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._refresh())
        if self._states and age < _STALE:
            return self._states
        return await asyncio.shield(self._reading)

    async def close(self) -> None:
        """End a reading."""
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _refresh(self) -> Sequence[SourceState]:
        self._states = await asyncio.gather(*map(read_source, self.clients.values()))
        self._read_at = time.monotonic()
        return self._states
