"""Commands that run load scenarios: `slo-probe scenario` and `slo-probe campaign`."""

import asyncio
import contextlib
import json
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import click
from pydantic import ValidationError

from exporter.app.command_line import configure_logging, load_or_exit, run_to_exit
from exporter.app.standalone import StandaloneProber, open_standalone_prober
from exporter.config.loader import LoadedConfig
from exporter.config.scenarios import list_configured
from exporter.fields import Address
from exporter.httpclient.client import HttpClient
from exporter.httpclient.settings import HttpClientSettings
from exporter.loadtest.comparison import compare_with_baseline, format_comparison
from exporter.loadtest.prober_client import NoResultError, ProberClient, run_remote_scenario
from exporter.loadtest.progress import open_progress_view
from exporter.loadtest.result import ScenarioResult, ScenarioState, ScenarioVerdict
from exporter.loadtest.result_file import ResultFileError, write_json, write_result_file
from exporter.loadtest.summary import format_headline, format_result
from exporter.schedule.clock import SystemClock
from exporter.simulator.agent_sre.settings import DEFAULT_CAPACITY
from exporter.simulator.cluster import ClusterError, SimulatedCluster, open_simulated_cluster
from slos.schema.contract import StageSource

_ANY_HOST = ("0.0.0.0", "::")  # noqa: S104 - recognised, not listened on
_NOT_MET, _NO_RESULT = 1, 2
"""Exit codes."""
_ORDER = ("baseline", "throughput", "concurrent", "scalability", "stress", "sustained")
"""Order of a campaign: short runs first, and the one that breaks things late."""
_CAMPAIGN_FORMAT, _CAMPAIGN_VERSION = "slo-probe/campaign", 1


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
    simulate: bool
    capacity: float
    user: str | None
    password_file: str | None
    ca_file: str | None


def _add_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that both commands have."""
    for option in reversed(
        [
            click.option("--at", metavar="URL", help="URL of a running prober."),
            click.option(
                "--config",
                metavar="FILE",
                type=click.Path(path_type=Path),
                help="Configuration file, for a run without a prober.",
            ),
            click.option(
                "--out",
                metavar="DIR",
                type=click.Path(path_type=Path, file_okay=False),
                help="Folder for the result files.",
            ),
            click.option(
                "--any-result", is_flag=True, help="Exit with 0 even if a target was missed."
            ),
            click.option(
                "--compress",
                type=click.FloatRange(min=1),
                default=1.0,
                metavar="N",
                help="Send the plan of the load N times faster; for the scenario sustained.",
            ),
            click.option(
                "--baseline",
                metavar="NAME",
                help="Compare with the baseline of this name in DIR/baselines, or create it.",
            ),
            click.option(
                "--renew-baseline", is_flag=True, help="Replace the baseline by this result."
            ),
            click.option(
                "--simulate",
                is_flag=True,
                help="Simulate the target: replicas of the simulator behind a balancer.",
            ),
            click.option(
                "--capacity",
                type=click.FloatRange(min=0),
                default=DEFAULT_CAPACITY,
                show_default=True,
                metavar="EVENTS_PER_SECOND",
                help="Events per second that a simulated replica can process; 0 is unlimited.",
            ),
            click.option("--user", metavar="NAME", help="User name for basic authentication."),
            click.option("--password-file", metavar="FILE", help="File that holds the password."),
            click.option("--ca-file", metavar="FILE", help="CA certificates to trust, PEM."),
        ]
    ):
        command = option(command)
    return command


@click.command()
@click.argument("name")
@_add_run_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def scenario(*, name: str, as_json: bool, **options: Any) -> None:  # noqa: ANN401 - click's values
    """Run a load scenario.

    NAME is a scenario from the configuration of the prober, such as throughput. With --at, a
    running prober runs it. With --config, this process does, which then serves the canary; the
    normal probes do not run. With --out, everything that was measured is written to DIR/NAME.json.

    Ctrl-C and SIGTERM stop the load: nothing more is sent, events in flight get their verdicts, and
    the partial result is written. Exits with 0 if all targets were met, 1 if one was missed or a
    latency is worse than in the baseline, 2 if there is no valid result.

    \b
    Examples:
      slo-probe scenario throughput --at http://127.0.0.1:9108
      slo-probe scenario baseline --config slo-probe.yaml --out results --baseline main
      slo-probe scenario sustained --config slo-probe.yaml --out results --compress 60
    """
    run_options = _read_options(options)
    (outcome,) = _run_to_end(run_options, [name])
    _print_result(outcome.result, as_json=as_json)
    sys.exit(_choose_exit_code([outcome], any_result=run_options.any_result))


@click.command()
@click.argument("names", nargs=-1)
@_add_run_options
def campaign(*, names: Sequence[str], **options: Any) -> None:  # noqa: ANN401 - click's values
    """Run several load scenarios, one after the other.

    NAMES are scenarios from the configuration; without any, all configured ones run. With --out,
    DIR/campaign.json lists the runs and their files. Ctrl-C stops the running scenario, and the
    others do not start. The exit code is that of the worst scenario.

    \b
    Examples:
      slo-probe campaign --config slo-probe.yaml --out results
      slo-probe campaign baseline stress --at http://127.0.0.1:9108 --out results
    """
    run_options = _read_options(options)
    outcomes = _run_to_end(run_options, names)
    for outcome in outcomes:
        click.echo(format_headline(outcome.result))
    sys.exit(_choose_exit_code(outcomes, any_result=run_options.any_result))


def _read_options(options: dict[str, Any]) -> RunOptions:
    """Read the options.

    Raises:
        click.UsageError: they do not fit together.
    """
    run_options = RunOptions(**options)
    if (run_options.at is None) == (run_options.config is None):
        raise click.UsageError("give either --at or --config")
    if (run_options.user is None) != (run_options.password_file is None):
        raise click.UsageError("--user and --password-file belong together")
    if run_options.renew_baseline and run_options.baseline is None:
        raise click.UsageError("--renew-baseline needs --baseline")
    if run_options.simulate and run_options.config is None:
        raise click.UsageError("--simulate needs --config")
    if run_options.baseline is not None and run_options.out is None:
        raise click.UsageError("--baseline needs --out")
    return run_options


@dataclass(frozen=True, slots=True)
class ScenarioOutcome:
    """Outcome of one scenario: its result, and whether it is worse than the baseline."""

    result: ScenarioResult
    is_worse: bool = False


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
                self.client, name, view, compress=self.options.compress
            )
        self.is_stopped = result.state is ScenarioState.STOPPED
        document = await self.client.read_document(result.id) if self.options.out else None
        return result, document


@dataclass
class _LocalRunner:
    """Runner of scenarios in this process."""

    prober: StandaloneProber
    loaded: LoadedConfig
    options: RunOptions

    @property
    def is_stopped(self) -> bool:
        return self.prober.is_stopped

    async def list_names(self) -> list[str]:
        return list(list_configured(self.loaded.config.scenarios))

    async def run(self, name: str) -> tuple[ScenarioResult, dict[str, Any] | None]:
        with open_progress_view(name) as view:
            return await self.prober.run_scenario(name, view, compress=self.options.compress)


def _run_to_end(options: RunOptions, names: Sequence[str]) -> list[ScenarioOutcome]:
    """Run scenarios; print an error as one line, and exit with 2."""
    loaded = None if options.config is None else load_or_exit(options.config)
    if loaded is not None:
        configure_logging("error")
    settings = None if options.at is None else _read_client_settings(options, options.at)
    try:
        return run_to_exit(_run_all(options, names, loaded=loaded, settings=settings))
    except (NoResultError, ResultFileError, ClusterError) as error:
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
    *,
    loaded: LoadedConfig | None,
    settings: HttpClientSettings | None,
) -> list[ScenarioOutcome]:
    outcomes: list[ScenarioOutcome] = []
    async with _open_runner(options, loaded, settings) as runner:
        chosen = list(names) or _sort_names(await runner.list_names())
        for name in chosen:
            if runner.is_stopped:
                break
            outcomes.append(await _run_one(runner, name, options))
            if options.out and len(chosen) > 1:
                _write_campaign(options.out, chosen, outcomes)
    return outcomes


@contextlib.asynccontextmanager
async def _open_runner(
    options: RunOptions, loaded: LoadedConfig | None, settings: HttpClientSettings | None
) -> AsyncIterator[ScenarioRunner]:
    if loaded is not None:
        async with (
            open_standalone_prober(loaded, print_wait=_print_wait) as prober,
            _open_cluster(options, loaded) as cluster,
        ):
            prober.load_controller.scaler = cluster
            yield _LocalRunner(prober, loaded, options)
    elif settings is not None:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        async with HttpClient("slo-probe", settings, folder=Path(), clock=SystemClock()) as http:
            yield _RemoteRunner(ProberClient(http), options)


@contextlib.asynccontextmanager
async def _open_cluster(
    options: RunOptions, loaded: LoadedConfig
) -> AsyncIterator[SimulatedCluster | None]:
    """Open a simulated target at the address of the configuration, if that was asked for."""
    if not options.simulate:
        yield None
        return
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


async def _run_one(runner: ScenarioRunner, name: str, options: RunOptions) -> ScenarioOutcome:
    """Run a scenario, write its file, and compare it with the baseline.

    Raises:
        NoResultError: it did not start, or its end is unknown.
        ResultFileError: a file cannot be read or written.
    """
    result, document = await runner.run(name)
    if document is None or options.out is None:
        return ScenarioOutcome(result)
    document["command"] = shlex.join(["slo-probe", *sys.argv[1:]])
    click.echo(f"{name}: written to {write_result_file(options.out, document)}", err=True)
    if options.baseline is None or result.verdict in {
        ScenarioVerdict.PARTIAL,
        ScenarioVerdict.INVALID,
    }:
        return ScenarioOutcome(result)
    comparison = compare_with_baseline(
        document,
        options.out / "baselines" / f"{options.baseline}-{name}.json",
        name=options.baseline,
        renew=options.renew_baseline,
    )
    click.echo(format_comparison(comparison), err=True)
    document["comparison"] = comparison.to_json()
    write_result_file(options.out, document)
    return ScenarioOutcome(result, comparison.is_worse)


def _sort_names(names: Sequence[str]) -> list[str]:
    return sorted(names, key=lambda name: (_ORDER.index(name) if name in _ORDER else 99, name))


def _write_campaign(
    folder: Path, names: Sequence[str], outcomes: Sequence[ScenarioOutcome]
) -> None:
    """Write the list of the runs; scenarios that did not run have no verdict.

    Raises:
        ResultFileError: it cannot be written.
    """
    found = {outcome.result.scenario: outcome for outcome in outcomes}
    entries = [
        {
            "scenario": name,
            "file": f"{name}.json" if name in found else None,
            "verdict": found[name].result.verdict.value if name in found else None,
            "is_worse": found[name].is_worse if name in found else None,
        }
        for name in names
    ]
    document = {
        "format": _CAMPAIGN_FORMAT,
        "version": _CAMPAIGN_VERSION,
        "command": shlex.join(["slo-probe", *sys.argv[1:]]),
        "scenarios": entries,
    }
    write_json(folder / "campaign.json", document)


def _print_result(result: ScenarioResult, *, as_json: bool) -> None:
    click.echo(json.dumps(result.to_json(), indent=2) if as_json else format_result(result))


def _choose_exit_code(outcomes: Sequence[ScenarioOutcome], *, any_result: bool) -> int:
    return max((_rate_outcome(outcome, any_result=any_result) for outcome in outcomes), default=2)


def _rate_outcome(outcome: ScenarioOutcome, *, any_result: bool) -> int:
    if outcome.result.verdict in {ScenarioVerdict.INVALID, ScenarioVerdict.PARTIAL}:
        return _NO_RESULT
    if any_result:
        return 0
    if outcome.is_worse or outcome.result.verdict is ScenarioVerdict.MISSED:
        return _NOT_MET
    return _NO_RESULT if outcome.result.verdict is ScenarioVerdict.NO_TARGET else 0
