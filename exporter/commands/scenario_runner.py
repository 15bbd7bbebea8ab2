"""Runners of load scenarios: on a running prober, or in this process."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import click
from pydantic import ValidationError

from exporter.app.signals import handle_signals
from exporter.fields import Address
from exporter.httpclient.client import HttpClient
from exporter.httpclient.settings import HttpClientSettings
from exporter.loadtest.prober_client import (
    ProberClient,
    run_remote_scenario,
    stop_remote_scenario,
)
from exporter.loadtest.progress import open_progress_view
from exporter.loadtest.result import ScenarioResult, ScenarioState
from exporter.schedule.clock import SystemClock
from slos.schema.contract import StageSource

if TYPE_CHECKING:
    from exporter.app.local_prober import LocalProber
    from exporter.config.loader import LoadedConfig
    from exporter.simulator.cluster import SimulatedCluster

_ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - recognised, not listened on


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Options that both commands have."""

    at: str | None
    config: Path | None
    out: Path | None
    any_result: bool
    compress: float
    baseline: str | None
    renew_baseline: bool
    resume: bool
    simulate: bool
    capacity: float
    user: str | None
    password_file: str | None
    ca_file: str | None


class ScenarioRunner(Protocol):
    """Runs scenarios, here or on a prober."""

    @property
    def is_stopped(self) -> bool:
        """Return whether the operator has stopped it."""

    async def list_names(self) -> list[str]:
        """List the configured scenarios."""

    async def run(self, name: str) -> tuple[ScenarioResult, dict[str, Any] | None]:
        """Run a scenario; return its result, and the content of its file if there is one.

        Raises:
            NoResultError: it did not start, or its end is unknown.
        """

    async def stop(self) -> None:
        """Stop the running scenario; its run ends with a partial result.

        Raises:
            NoResultError: the prober does not respond.
        """


@dataclass
class _RemoteRunner:
    """Runner of scenarios on a running prober."""

    client: ProberClient
    options: RunOptions
    is_stopped: bool = False

    async def list_names(self) -> list[str]:
        return [str(name) for name in (await self.client.read_state())["configured"]]

    async def run(self, name: str) -> tuple[ScenarioResult, dict[str, Any] | None]:
        with open_progress_view(name) as view:
            result = await run_remote_scenario(
                self.client, name, view, compress=self.options.compress, resume=self.options.resume
            )
        self.is_stopped = result.state is ScenarioState.STOPPED
        document = await self.client.read_document(result) if self.options.out else None
        return result, document

    async def stop(self) -> None:
        await stop_remote_scenario(self.client)


@dataclass
class _LocalRunner:
    """Runner of scenarios in this process."""

    prober: "LocalProber"
    loaded: "LoadedConfig"
    options: RunOptions

    @property
    def is_stopped(self) -> bool:
        return self.prober.is_stopped

    async def list_names(self) -> list[str]:
        from exporter.config.scenarios import list_configured

        return list(list_configured(self.loaded.config.scenarios))

    async def run(self, name: str) -> tuple[ScenarioResult, dict[str, Any] | None]:
        with open_progress_view(name) as view:
            return await self.prober.run_scenario(
                name, view, compress=self.options.compress, resume=self.options.resume
            )

    async def stop(self) -> None:
        self.prober.stop()


def read_client_settings(options: RunOptions, url: str) -> HttpClientSettings:
    """Read the settings of the client.

    Raises:
        click.UsageError: they are wrong.
    """
    login = {"username": options.user, "password_file": options.password_file}
    auth = {"basic_auth": login} if options.user else {}
    trust = {"tls": {"ca_file": options.ca_file}} if options.ca_file else {}
    try:
        return HttpClientSettings.model_validate({"url": url, **auth, **trust})
    except ValidationError as error:
        raise click.UsageError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error


@contextlib.asynccontextmanager
async def open_runner(
    options: RunOptions, loaded: "LoadedConfig | None", settings: HttpClientSettings | None
) -> AsyncIterator[ScenarioRunner]:
    """Open a runner on a running prober, or one in this process.

    Args:
        options: options of the command.
        loaded: the configuration of a run in this process; None for a running prober.
        settings: settings of the client of a running prober.
    """
    if loaded is not None:
        from exporter.app.local_prober import open_local_prober

        async with (
            open_local_prober(loaded, print_wait=_print_wait) as prober,
            _open_cluster(options, loaded) as cluster,
        ):
            prober.load_controller.scaler = cluster
            yield _LocalRunner(prober, loaded, options)
    elif settings is not None:
        http = HttpClient("slo-probe", settings, folder=Path(), clock=SystemClock())
        with handle_signals(_cancel_task(), signal.SIGTERM, signal.SIGINT):
            async with http:
                yield _RemoteRunner(ProberClient(http), options)


def _cancel_task() -> Callable[[], None]:
    """Return a function that cancels the current task, at every call."""
    task = asyncio.current_task()

    def cancel() -> None:
        if task is not None:
            task.cancel()

    return cancel


@contextlib.asynccontextmanager
async def _open_cluster(
    options: RunOptions, loaded: "LoadedConfig"
) -> "AsyncIterator[SimulatedCluster | None]":
    """Open a simulated target at the address of the configuration, if that was asked for."""
    if not options.simulate:
        yield None
        return
    from exporter.simulator.cluster import open_simulated_cluster

    target, canary = urlsplit(loaded.config.target.url), loaded.config.canary.listen
    host = "127.0.0.1" if canary.host in _ANY_HOST else canary.host
    arguments = ["--function-url", f"http://{Address(host, canary.port)}/"]
    arguments += ["--capacity", f"{options.capacity:g}"]
    linear = loaded.observers.get(StageSource.LINEAR)
    if linear is not None and loaded.config.scenarios.linear == "stand-in":
        settings = linear.model_dump(include={"url", "key_file"})
        arguments += ["--linear-url", str(settings["url"])]
        if settings["key_file"]:
            arguments += ["--linear-key-file", str(loaded.folder / settings["key_file"])]
    async with open_simulated_cluster(f"{target.hostname}:{target.port or 80}", arguments) as found:
        yield found


def _print_wait(line: str) -> None:
    click.echo(line, err=True)
