"""`slo-probe run, once, check, scenario`; parses, prints, exits."""

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

from exporter.httpclient.settings import SourceSettings
from exporter.loadtest.client import Asking, CannotRunError, carried_out, step_line, table
from exporter.loadtest.result import Result, State, Step

if TYPE_CHECKING:
    from exporter.config.loader import Loaded
    from exporter.prober.context import Outcome


Given = TypeVar("Given")
_CONFIG = click.option(
    "--config",
    "config",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The configuration, YAML.",
)

_NOT_KEPT, _NO_RESULT = 1, 2


class _Deferred(click.Command):
    """A command of another module, imported when it is called."""

    def __init__(self, name: str, place: str, **extra: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(name, **extra)
        self._place = place

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's own signature
    ) -> click.Context:  # fmt: skip
        module, _, command = self._place.partition(":")
        found: click.Command = getattr(importlib.import_module(module), command)
        return found.make_context(info_name, args, parent, **extra)


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    if wanted:
        from exporter import version  # noqa: PLC0415 - reads the file system

        click.echo(f"slo-probe {version()}")
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
    _Deferred(
        "simulate",
        "exporter.simulator.agent_sre.cli:simulate",
        help="Behave like agent-sre, faults included.",
    )
)
main.add_command(
    _Deferred(
        "simulate-linear",
        "exporter.simulator.linear.cli:simulate_linear",
        help="Behave like Linear's API, as far as probes need it.",
    )
)
main.add_command(
    _Deferred(
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

    loaded = _load(config)
    _log_to_stderr(loaded.config.log_level)
    _go(process.run(loaded, say=click.echo))


@main.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def once(config: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Run every probe once.

    Prints verdict, reason and stage times; exits with 0 only when every verdict is ok.
    """
    from exporter.app import process  # noqa: PLC0415 - keeps --help quick

    loaded = _load(config)
    _log_to_stderr("error")
    outcomes = _go(process.once(loaded, tell=_tell_terminal))
    click.echo(_json(outcomes) if as_json else _lines(outcomes))
    fine = (
        not outcome.failed
        and all(result.verdict == "ok" for result in outcome.results)
        and all(passed for _, passed in outcome.checks)
        for outcome in outcomes
    )
    sys.exit(0 if all(fine) else 1)


@main.command()
@_CONFIG
def check(config: Path) -> None:
    """Read the configuration and its specs, and say what is wrong."""
    loaded = _load(config)
    probes = ", ".join(loaded.probes)
    click.echo(f"{config}: fine (probes: {probes}; stages with a target: {len(loaded.targets)})")


def _load(config: Path) -> "Loaded":
    from exporter.config.loader import load  # noqa: PLC0415 - keeps --help quick
    from slos.schema.problem import in_order  # noqa: PLC0415 - likewise

    loaded, problems = load(config)
    for problem in in_order(problems):
        click.echo(str(problem), err=True)
    if loaded is None:
        sys.exit(1)
    return loaded


def _go(work: Coroutine[None, None, Given]) -> Given:
    """Run a coroutine; print an error that only a person can fix as one line, and exit with 1."""
    import asyncio  # noqa: PLC0415 - keeps --help quick

    from exporter.journal.sqlite import JournalError  # noqa: PLC0415 - likewise
    from exporter.leaderelection import LeaseError  # noqa: PLC0415 - likewise
    from exporter.listener import ListenError  # noqa: PLC0415 - likewise
    from exporter.observers.linear.settings import LinearKeyError  # noqa: PLC0415 - likewise
    from exporter.plugins import PluginError  # noqa: PLC0415 - likewise

    try:
        return asyncio.run(work)
    except (ListenError, JournalError, LeaseError, LinearKeyError, PluginError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _log_to_stderr(level: str) -> None:
    import logging  # noqa: PLC0415 - keeps --help quick

    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )


def _tell_terminal(line: str) -> None:
    if sys.stderr.isatty():
        click.echo(line, err=True)


def _json(outcomes: "list[Outcome]") -> str:
    import json  # noqa: PLC0415 - keeps --help quick

    results = [result.as_json() for outcome in outcomes for result in outcome.results]
    checks = [
        {"criterion": criterion.value, "passed": passed}
        for outcome in outcomes
        for criterion, passed in outcome.checks
    ]
    return json.dumps({"runs": results, "checks": checks}, indent=2)


def _lines(outcomes: "list[Outcome]") -> str:
    lines = []
    for outcome in outcomes:
        for result in outcome.results:
            lines.append(f"{result.probe} ({result.path}): {result.verdict}, {result.reason}")
            lines += [f"  {stage:<24} {seconds:8.3f} s" for stage, seconds in result.stages.items()]
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
    login = {"basic_auth": {"username": user, "password_file": password_file}} if user else {}
    trust = {"tls": {"ca_file": ca_file}} if ca_file else {}
    try:
        settings = SourceSettings.model_validate({"url": at, **login, **trust})
    except ValidationError as error:
        raise click.UsageError(error.errors()[0]["msg"].removeprefix("Value error, ")) from error
    try:
        result = asyncio.run(_carried_out(settings, name))
    except CannotRunError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(_NO_RESULT)
    except (asyncio.CancelledError, KeyboardInterrupt):
        click.echo("stopped; what is on its way still gets its verdict", err=True)
        sys.exit(_NO_RESULT)
    click.echo(json.dumps(result.as_json(), indent=2) if as_json else table(result))
    sys.exit(_code(result, any_result=any_result))


def _code(result: Result, *, any_result: bool) -> int:
    if any_result and result.state is State.COMPLETED:
        return 0
    return {True: 0, False: _NOT_KEPT, None: _NO_RESULT}[result.met]


async def _carried_out(settings: SourceSettings, name: str) -> Result:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with aiohttp.ClientSession(headers={"User-Agent": "slo-probe"}) as session:
        return await carried_out(Asking(settings, session), name, _tell_step)


def _tell_step(result: Result, step: Step) -> None:
    click.echo(step_line(result, step), err=True)
