"""Fixtures: a fake agent, a fake clock and a prober in the test's own process."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from exporter.fields import Address
from exporter.listener.server import bind_socket, format_url, serve_app
from tests.exporter.environment import ProberEnvironment, run_environment
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.fake_clock import FakeClock
from tests.exporter.in_process_prober import InProcessProber, run_prober


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Path of a journal that does not exist yet."""
    return tmp_path / "journal.sqlite"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


Serve = Callable[[web.Application], Awaitable[str]]


@pytest.fixture
async def serving() -> AsyncIterator[Serve]:
    """Function that serves an application on a free loopback port and returns its URL."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(app: web.Application) -> str:
            listener = bind_socket("test", Address("127.0.0.1", 0))
            address = format_url(listener)
            runner = await serve_app(app, listener)
            stack.push_async_callback(runner.cleanup)
            return address

        yield start


@pytest.fixture
async def agent(serving: Serve) -> FakeAgent:
    fake = FakeAgent()
    fake.url = await serving(fake.build_app())
    return fake


@pytest.fixture
async def prober(path: Path, agent: FakeAgent) -> AsyncIterator[InProcessProber]:
    """A prober in the test's own process, against the fake agent."""
    async with run_prober(path, agent.url) as made:
        agent.canary = made.canary_url
        yield made


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[ProberEnvironment]:
    """Stand-ins for agent-sre and Linear, and the files of a prober."""
    async with run_environment(tmp_path) as made:
        yield made
