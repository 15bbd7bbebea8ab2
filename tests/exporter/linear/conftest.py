"""Fixtures: the simulated Linear and a client on a fake clock."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from exporter.model.alert import ALERT_NAME, create_run_id
from exporter.model.error_kind import ErrorKind
from exporter.observers.linear.client import LinearClient, open_linear_client
from exporter.observers.linear.settings import LinearSettings
from exporter.simulator.linear.faults import LinearFaults
from exporter.simulator.linear.server import LinearApi, serve_linear_api
from exporter.simulator.linear.settings import Settings
from tests.exporter.fake_clock import FakeClock

KEY = "lin_api_planted5ecret"


def build_linear_settings(url: str, **options: Any) -> LinearSettings:  # noqa: ANN401 - settings of any type
    return LinearSettings(url=url, key_env="LINEAR_API_KEY", **options)


def read_planted_key() -> SecretStr:
    """Read the key of a prober with a good key."""
    return SecretStr(KEY)


@dataclass
class LinearHarness:
    """State of a server that a test reads and changes."""

    api: LinearApi
    clock: FakeClock
    client: LinearClient
    failures: list[ErrorKind] = field(default_factory=list)

    def open(self, run_id: str | None = None, *, title: str = f"[Alert] {ALERT_NAME}") -> str:
        """Open an issue as agent-sre would; gives the id of its run."""
        run_id = run_id or create_run_id()
        self.write(title, f"A synthetic alert.\n\n**Correlation ID**: `{run_id}`")
        return run_id

    def write(self, title: str, description: str) -> str:
        """Open an issue; return its id."""
        workspace = self.api.handlers.workspace
        fields = {"teamId": workspace.team["id"], "title": title, "description": description}
        return str(workspace.create_issue(fields, self.api.faults.active)["id"])

    def list_archived_titles(self) -> list[str]:
        """Titles of the issues that are archived."""
        return [issue["title"] for issue in self.api.list_issues() if issue["archivedAt"]]


@contextlib.asynccontextmanager
async def run_linear(
    clock: FakeClock,
    *faults: str,
    api: Settings | None = None,
    **options: Any,  # noqa: ANN401 - settings of any type
) -> AsyncIterator[LinearHarness]:
    """Both ends, with settings of the client as options; jitter always waits the longest."""
    failures: list[ErrorKind] = []
    async with (
        serve_linear_api(api or Settings(key=KEY), LinearFaults(faults), clock=clock) as running,
        open_test_client(running.url, clock, failed=failures.append, **options) as client,
    ):
        yield LinearHarness(running, clock, client, failures)


@contextlib.asynccontextmanager
async def open_test_client(
    url: str,
    clock: FakeClock,
    *,
    failed: Callable[[ErrorKind], None] = lambda _: None,
    read_key: Callable[[], SecretStr] = read_planted_key,
    **options: Any,  # noqa: ANN401 - settings of any type
) -> AsyncIterator[LinearClient]:
    """A client of any server."""
    async with open_linear_client(
        build_linear_settings(url, **options),
        read_key=read_key,
        clock=clock,
        on_error=failed,
        jitter=lambda: 1.0,
    ) as client:
        yield client


@pytest.fixture
async def linear(clock: FakeClock) -> AsyncIterator[LinearHarness]:
    """A stand-in with a client, nothing wrong with either."""
    async with run_linear(clock) as working:
        yield working
