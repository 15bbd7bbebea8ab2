"""The desk most tests of Linear work at."""

from collections.abc import AsyncIterator

import pytest

from tests.exporter.fake_clock import FakeClock
from tests.exporter.linear.desk import Desk, desk


@pytest.fixture
async def linear(clock: FakeClock) -> AsyncIterator[Desk]:
    """A stand-in with a client, nothing wrong with either."""
    async with desk(clock) as working:
        yield working
