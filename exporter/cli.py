"""Command line of `slo-probe`: parses arguments, prints results, sets the exit status."""

import asyncio
import importlib
import json
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import aiohttp
import click
from pydantic import ValidationError

from exporter.httpclient.settings import HttpClientSettings
from exporter.loadtest.client import (
    CannotRunError,
    ProberClient,
    format_result,
    format_step,
    run_remote_scenario,
)
from exporter.loadtest.result import LoadStep, ScenarioResult, ScenarioState

if TYPE_CHECKING:
    from exporter.config.loader import LoadedConfig
    from exporter.prober.context import ProbeOutcome


Given = TypeVar("Given")
_CONFIG = click.option(
    "--config",
    "config",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The configuration, YAML.",
)

_NOT_MET, _NO_RESULT = 1, 2


class _DeferredCommand(click.Command):
    """A command of another module, imported when it is called."""

    def __init__(self, name: str, location: str, **extra: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(name, **extra)
        self._location = location

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's own signature
    ) -> click.Context:  # fmt: skip
        module, _, command = self._location.partition(":")
        found: click.Command = getattr(importlib.import_module(module), command)
        return found.make_context(info_name, args, parent, **extra)


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        from exporter import read_version  # noqa: PLC0415 - reads the file system

        click.echo(f"slo-probe {read_version()}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
              help="Show the version and exit.")  # fmt: skip
def main() -> None:
    """Send synthetic alerts through agent-sre and prove what became of each one.

    \b
    Examples:
      slo-probe simulate --listen 127.0.0.1:8000 --function-url http://127.0.0.1:8081/
      slo-probe check --config slo-probe.yaml
      slo-probe once --config slo-probe.yaml --json
      slo-probe run --config slo-probe.yaml
      slo-probe scenario throughput --at http://127.0.0.1:9108

    \b
    A configuration, the rest are defaults (docs/operating.md has them all):
      target: {url: http://agent-sre.ai.svc.cluster.local/}
      specs: [slos/agent-sre.yaml]
      probes: {remediation: {}}

    Shell completion: eval "$(_SLO_PROBE_COMPLETE=bash_source slo-probe)", or zsh, fish.
    """


main.add_command(
    _DeferredCommand(
        "simulate",
        "exporter.simulator.agent_sre.cli:simulate",
        help="Behave like agent-sre, faults included.",
    )
)
main.add_command(
    _DeferredCommand(
        "simulate-linear",
        "exporter.simulator.linear.cli:simulate_linear",
        help="Behave like Linear's API, as far as probes need it.",
    )
)
main.add_command(
    _DeferredCommand(
        "scenario",
        "exporter.loadtest.command:scenario",
        help="Have a running prober send a load, and tell what came of it.",
    )
)


@main.command()
@_CONFIG
def run(config: Path) -> None:
    """Probe around the clock and serve the metrics.

    Ends on SIGTERM or Ctrl-C: no new event is sent, runs under way get `shutdown_grace`.
    """
    from exporter.app import process  # noqa: PLC0415 - keeps --help quick

    loaded = _load_or_exit(config)
    _configure_logging(loaded.config.log_level)
    _run_to_exit(process.run_prober(loaded, print_line=click.echo))


@main.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def once(config: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Run every probe once.

    Prints verdict, reason and stage times; exits with 0 only when every verdict is ok.
    """
    from exporter.app import process  # noqa: PLC0415 - keeps --help quick

    loaded = _load_or_exit(config)
    _configure_logging("error")
    outcomes = _run_to_exit(process.run_once(loaded, print_line=_print_to_terminal))
    click.echo(_format_json(outcomes) if as_json else _format_outcomes(outcomes))
    are_ok = (
        not outcome.failed
        and all(result.verdict == "ok" for result in outcome.runs)
        and all(passed for _, passed in outcome.checks)
        for outcome in outcomes
    )
    sys.exit(0 if all(are_ok) else 1)


@main.command()
@_CONFIG
def check(config: Path) -> None:
    """Read the configuration and its specs, and say what is wrong."""
    loaded = _load_or_exit(config)
    probes = ", ".join(loaded.probes)
    click.echo(f"{config}: fine (probes: {probes}; stages with a target: {len(loaded.targets)})")


def _load_or_exit(config: Path) -> "LoadedConfig":
    from exporter.config.loader import load_config  # noqa: PLC0415 - keeps --help quick
    from slos.schema.problem import sort_problems  # noqa: PLC0415 - likewise

    loaded, problems = load_config(config)
    for problem in sort_problems(problems):
        click.echo(str(problem), err=True)
    if loaded is None:
        sys.exit(1)
    return loaded


def _run_to_exit(coroutine: Coroutine[None, None, Given]) -> Given:
    """Run a coroutine; print an error that only a person can fix as one line, and exit with 1."""
    import asyncio  # noqa: PLC0415 - keeps --help quick

    from exporter.journal.sqlite import JournalError  # noqa: PLC0415 - likewise
    from exporter.leaderelection import LockError  # noqa: PLC0415 - likewise
    from exporter.listener import ListenError  # noqa: PLC0415 - likewise
    from exporter.observers.linear.settings import LinearKeyError  # noqa: PLC0415 - likewise
    from exporter.plugins import PluginError  # noqa: PLC0415 - likewise

    try:
        return asyncio.run(coroutine)
    except (ListenError, JournalError, LockError, LinearKeyError, PluginError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _configure_logging(level: str) -> None:
    import logging  # noqa: PLC0415 - keeps --help quick

    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )


def _print_to_terminal(line: str) -> None:
    if sys.stderr.isatty():
        click.echo(line, err=True)


def _format_json(outcomes: "list[ProbeOutcome]") -> str:
    import json  # noqa: PLC0415 - keeps --help quick

    runs = [run.to_json() for outcome in outcomes for run in outcome.runs]
    checks = [
        {"criterion": criterion.value, "passed": passed}
        for outcome in outcomes
        for criterion, passed in outcome.checks
    ]
    return json.dumps({"runs": runs, "checks": checks}, indent=2)


def _format_outcomes(outcomes: "list[ProbeOutcome]") -> str:
    lines = []
    for outcome in outcomes:
        for run in outcome.runs:
            lines.append(f"{run.probe} ({run.path}): {run.verdict}, {run.reason}")
            lines += [f"  {stage:<24} {seconds:8.3f} s" for stage, seconds in run.stages.items()]
        lines += [
            f"{criterion}: {'passed' if passed else 'FAILED'}"
            for criterion, passed in outcome.checks
        ]
        lines += [f"  {note}" for note in outcome.notes]
    return "\n".join(lines)


if __name__ == "__main__":
    main(prog_name="slo-probe")


@click.command()
@click.argument("name")
@click.option("--at", required=True, metavar="URL", help="Where the prober serves its pages.")
@click.option("--any-result", is_flag=True, help="Exit with 0 also when it is not as promised.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--user", metavar="NAME", help="Whom to log in as.")
@click.option("--password-file", metavar="FILE", help="The file that holds the password.")
@click.option("--ca-file", metavar="FILE", help="The authorities to trust, PEM.")
def scenario(  # noqa: PLR0913 - one argument per option
    *,
    name: str,
    at: str,
    any_result: bool,
    as_json: bool,
    user: str | None,
    password_file: str | None,
    ca_file: str | None,
) -> None:
    """Have the prober at URL send the load NAME: throughput, stress or scalability.

    Waits for the end. Ctrl-C and SIGTERM stop the load. Exits with 0 when all that was promised
    was kept, 1 when it was not, 2 when there is no result.
    """
    if (user is None) != (password_file is None):
        raise click.UsageError("--user and --password-file belong together")
    auth = {"basic_auth": {"username": user, "password_file": password_file}} if user else {}
    trust = {"tls": {"ca_file": ca_file}} if ca_file else {}
    try:
        settings = HttpClientSettings.model_validate({"url": at, **auth, **trust})
    except ValidationError as error:
        raise click.UsageError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    try:
        result = asyncio.run(_run_remote(settings, name))
    except CannotRunError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(_NO_RESULT)
    except (asyncio.CancelledError, KeyboardInterrupt):
        click.echo("stopped; what is on its way still gets its verdict", err=True)
        sys.exit(_NO_RESULT)
    click.echo(json.dumps(result.to_json(), indent=2) if as_json else format_result(result))
    sys.exit(_choose_exit_code(result, any_result=any_result))


def _choose_exit_code(result: ScenarioResult, *, any_result: bool) -> int:
    if any_result and result.state is ScenarioState.COMPLETED:
        return 0
    return {True: 0, False: _NOT_MET, None: _NO_RESULT}[result.is_met]


async def _run_remote(settings: HttpClientSettings, name: str) -> ScenarioResult:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with aiohttp.ClientSession(headers={"User-Agent": "slo-probe"}) as session:
        return await run_remote_scenario(ProberClient(settings, session), name, _print_step)


def _print_step(result: ScenarioResult, step: LoadStep) -> None:
    click.echo(format_step(result, step), err=True)
