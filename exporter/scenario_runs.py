"""Runs of the commands `scenario` and `campaign`: on a running prober, or in this process."""

import asyncio
import contextlib
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import click
from pydantic import ValidationError

from exporter.app.command_line import configure_logging, load_or_exit, run_to_exit
from exporter.app.signals import handle_signals
from exporter.fields import Address
from exporter.httpclient.client import HttpClient
from exporter.httpclient.settings import HttpClientSettings
from exporter.loadtest.named_baselines import (
    compare_with_baseline,
    format_comparison,
    read_baseline,
)
from exporter.loadtest.prober_client import (
    NoResultError,
    ProberClient,
    run_remote_scenario,
    stop_remote_scenario,
)
from exporter.loadtest.progress import open_progress_view
from exporter.loadtest.result import ScenarioResult, ScenarioState, ScenarioVerdict
from exporter.loadtest.result_file import (
    ResultFileError,
    check_folder,
    write_json,
    write_result_file,
)
from exporter.loadtest.scaling import ScaleError
from exporter.schedule.clock import SystemClock
from exporter.schedule.tasks import run_in_background
from slos.schema.contract import StageSource

if TYPE_CHECKING:
    from exporter.app.standalone import StandaloneProber
    from exporter.config.loader import LoadedConfig
    from exporter.simulator.cluster import SimulatedCluster

_NO_RESULT = 2
"""Exit code of a run without a result."""
_ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - recognised, not listened on
_ORDER = ("baseline", "throughput", "concurrent", "scalability", "stress", "sustained")
"""Order of a campaign: short runs first, and the one that breaks things late."""
_CAMPAIGN_FORMAT, _CAMPAIGN_VERSION = "slo-probe/campaign", 1
_FOLDER_CHECK_INTERVAL = 5.0
"""Seconds between two checks that the result can be written."""


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


@dataclass(frozen=True, slots=True)
class ScenarioOutcome:
    """Outcome of one scenario.

    Attributes:
        scenario: the scenario.
        result: its result; None if it was refused.
        is_worse: whether it is worse than the baseline.
        error: why it was refused, or why its result could not be written.
    """

    scenario: str
    result: ScenarioResult | None
    is_worse: bool = False
    error: str | None = None


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

    prober: "StandaloneProber"
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


def run_to_end(
    options: RunOptions, names: Sequence[str], print_result: Callable[[ScenarioResult], None]
) -> list[ScenarioOutcome]:
    """Run scenarios; print an error as one line, and exit with 2.

    Args:
        options: options of the command.
        names: the scenarios; all that are configured if there are none.
        print_result: prints each result as soon as the scenario has ended.
    """
    try:
        settings = None if options.at is None else _read_client_settings(options, options.at)
        loaded = None if options.config is None else load_or_exit(options.config, code=_NO_RESULT)
        if loaded is not None:
            configure_logging("error")
        runs = _run_all(options, names, print_result, loaded=loaded, settings=settings)
        return run_to_exit(runs, code=_NO_RESULT)
    except (NoResultError, ResultFileError, ScaleError) as error:
        click.echo(f"error: {error}", err=True)
    except (asyncio.CancelledError, KeyboardInterrupt):
        click.echo("stopped; events in flight still get their verdicts", err=True)
    sys.exit(_NO_RESULT)


def _read_client_settings(options: RunOptions, url: str) -> HttpClientSettings:
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


async def _run_all(
    options: RunOptions,
    names: Sequence[str],
    print_result: Callable[[ScenarioResult], None],
    *,
    loaded: "LoadedConfig | None",
    settings: HttpClientSettings | None,
) -> list[ScenarioOutcome]:
    outcomes: list[ScenarioOutcome] = []
    async with _open_runner(options, loaded, settings) as runner:
        chosen = await _choose_names(runner, names)
        _check_files(options, chosen)
        for name in chosen:
            if runner.is_stopped:
                break
            try:
                outcomes.append(await _run_one(runner, name, options, print_result))
            except NoResultError as error:
                if len(chosen) == 1:
                    raise
                text = str(error).removeprefix(f"{name}: ")
                click.echo(f"error: {name}: {text}", err=True)
                outcomes.append(ScenarioOutcome(name, None, error=text))
            if options.out and len(chosen) > 1:
                _write_campaign(options.out, chosen, outcomes)
    if options.out and any(outcome.result for outcome in outcomes):
        _write_report(options.out)
    return outcomes


def _write_report(folder: Path) -> None:
    """Write the report over all result files of the folder.

    Raises:
        ResultFileError: a file cannot be read or written.
    """
    from exporter.report.writer import write_report

    click.echo(f"report: written to {write_report(folder)}", err=True)


@contextlib.asynccontextmanager
async def _open_runner(
    options: RunOptions, loaded: "LoadedConfig | None", settings: HttpClientSettings | None
) -> AsyncIterator[ScenarioRunner]:
    if loaded is not None:
        from exporter.app.standalone import open_standalone_prober

        async with (
            open_standalone_prober(loaded, print_wait=_print_wait) as prober,
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


async def _choose_names(runner: ScenarioRunner, names: Sequence[str]) -> list[str]:
    """Choose the scenarios of a command, before the first one runs.

    Raises:
        NoResultError: one of several is not configured, or none is.
    """
    if len(names) == 1:
        return list(names)
    configured = await runner.list_names()
    if not configured:
        raise NoResultError("no scenario is configured; add scenarios: {baseline: {}}")
    if missing := [name for name in names if name not in configured]:
        known = ", ".join(_sort_names(configured))
        raise NoResultError(f"not configured: {', '.join(missing)}; configured scenarios: {known}")
    return list(names) or _sort_names(configured)


def _check_files(options: RunOptions, names: Sequence[str]) -> None:
    """Check the folder and the baselines before a load is sent, not at its end.

    Raises:
        ResultFileError: the folder cannot be written, or a baseline cannot be read.
    """
    if options.out is None:
        return
    check_folder(options.out)
    if options.baseline is None:
        return
    check_folder(options.out / "baselines")
    for name in names:
        path = _locate_baseline(options.out, options.baseline, name)
        if path.exists() and not options.renew_baseline:
            read_baseline(path)


def _locate_baseline(folder: Path, baseline: str, scenario: str) -> Path:
    return folder / "baselines" / f"{baseline}-{scenario}.json"


def _print_wait(line: str) -> None:
    click.echo(line, err=True)


async def _run_one(
    runner: ScenarioRunner,
    name: str,
    options: RunOptions,
    print_result: Callable[[ScenarioResult], None],
) -> ScenarioOutcome:
    """Run a scenario, write its file, compare it with the baseline, and print its result.

    Raises:
        NoResultError: it did not start, or its end is unknown.
    """
    if options.out is None:
        result, _ = await runner.run(name)
        print_result(result)
        return ScenarioOutcome(name, result)
    async with run_in_background(_watch_folder(options.out, runner)):
        result, document = await runner.run(name)
    try:
        is_worse = document is not None and _write_result(result, document, options.out, options)
    except ResultFileError as error:
        click.echo(f"error: {error}", err=True)
        print_result(result)
        return ScenarioOutcome(name, result, error=str(error))
    print_result(result)
    return ScenarioOutcome(name, result, is_worse)


async def _watch_folder(folder: Path, runner: ScenarioRunner) -> None:
    """Stop the load as soon as its result could not be written any more."""
    while True:
        await asyncio.sleep(_FOLDER_CHECK_INTERVAL)
        try:
            await asyncio.to_thread(check_folder, folder)
        except ResultFileError as error:
            click.echo(f"error: {error}; the load is stopped", err=True)
            with contextlib.suppress(NoResultError):
                await runner.stop()
            return


def _write_result(
    result: ScenarioResult, document: dict[str, Any], folder: Path, options: RunOptions
) -> bool:
    """Write the file of a run, and compare it with the baseline; return whether it is worse.

    Raises:
        ResultFileError: a file cannot be read or written.
    """
    document["command"] = shlex.join(["slo-probe", *sys.argv[1:]])
    click.echo(f"{result.scenario}: written to {write_result_file(folder, document)}", err=True)
    if options.baseline is None or result.verdict in {
        ScenarioVerdict.PARTIAL,
        ScenarioVerdict.INVALID,
    }:
        return False
    comparison = compare_with_baseline(
        document,
        _locate_baseline(folder, options.baseline, result.scenario),
        name=options.baseline,
        renew=options.renew_baseline,
    )
    click.echo(format_comparison(comparison), err=True)
    document["comparison"] = comparison.to_json()
    write_result_file(folder, document)
    return comparison.is_worse


def _sort_names(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else 99, name))


def _write_campaign(
    folder: Path, names: Sequence[str], outcomes: Sequence[ScenarioOutcome]
) -> None:
    """Write the list of the runs; scenarios that did not run have no verdict.

    Raises:
        ResultFileError: it cannot be written.
    """
    found = {outcome.scenario: outcome for outcome in outcomes}
    entries = [_build_campaign_entry(name, found.get(name)) for name in names]
    document = {
        "format": _CAMPAIGN_FORMAT,
        "version": _CAMPAIGN_VERSION,
        "command": shlex.join(["slo-probe", *sys.argv[1:]]),
        "scenarios": entries,
    }
    write_json(folder / "campaign.json", document)


def _build_campaign_entry(name: str, outcome: ScenarioOutcome | None) -> dict[str, Any]:
    result = outcome.result if outcome else None
    return {
        "scenario": name,
        "file": f"{name}.json" if result else None,
        "verdict": result.verdict.value if result else None,
        "is_worse": outcome.is_worse if outcome and result else None,
        "error": outcome.error if outcome else None,
    }
