"""Command line of slo-probe.

`slo-probe --help` and shell completion must be quick, so modules that take long to import are
imported by the command that needs them.
"""

import sys
from collections.abc import Collection, Coroutine
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from exporter.config.loader import LoadedConfig
    from exporter.httpclient.settings import HttpClientSettings
    from exporter.loadtest.result import LoadStep, ScenarioResult
    from exporter.probes import ProbeOutcome
    from slos.schema.problem import Problem

Result = TypeVar("Result")
_NOT_MET, _NO_RESULT = 1, 2
"""Exit codes of `scenario`."""
_CHECK_RESULTS = {True: "passed", False: "FAILED", None: "not configured"}

_CONFIG = click.option(
    "--config",
    "config",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Configuration file, YAML.",
)


class _DeferredCommand(click.Command):
    """Command of another module, which is imported when the command is called."""

    def __init__(self, name: str, location: str, **extra: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(name, **extra)
        self._location = location

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's own signature
    ) -> click.Context:  # fmt: skip
        module, _, command = self._location.partition(":")
        found: click.Command = getattr(import_module(module), command)
        return found.make_context(info_name, args, parent, **extra)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(
    package_name="slo-monitor", prog_name="slo-probe", message="%(prog)s %(version)s"
)
def main() -> None:
    """Send synthetic alerts through agent-sre and measure how each one is handled.

    \b
    Examples:
      slo-probe simulate --listen 127.0.0.1:8000 --function-url http://127.0.0.1:8081/
      slo-probe check --config slo-probe.yaml
      slo-probe once --config slo-probe.yaml --json
      slo-probe run --config slo-probe.yaml
      slo-probe scenario throughput --at http://127.0.0.1:9108

    \b
    A minimal configuration (docs/probe-reference.md lists all settings):
      target: {url: http://agent-sre.ai.svc.cluster.local/}
      specs: [slos/agent-sre.yaml]
      probes: {remediation: {}}

    Shell completion: eval "$(_SLO_PROBE_COMPLETE=bash_source slo-probe)", or zsh, fish.
    """


main.add_command(
    _DeferredCommand(
        "simulate",
        "exporter.simulator.agent_sre.cli:simulate",
        help="Simulate agent-sre, with fault injection.",
    )
)
main.add_command(
    _DeferredCommand(
        "simulate-linear",
        "exporter.simulator.linear.cli:simulate_linear",
        help="Simulate the GraphQL API of Linear.",
    )
)


@main.command()
@_CONFIG
def run(config: Path) -> None:
    """Run all probes on their schedule and serve the metrics.

    SIGTERM and Ctrl-C stop it: no new event is sent, and runs in flight get `shutdown_grace` to
    finish.
    """
    from exporter.app import process

    loaded = _load_or_exit(config)
    _configure_logging(loaded.config.log_level)
    _run_to_exit(process.run_prober(loaded, print_line=click.echo))


@main.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option("--fast", "is_fast", is_flag=True, help="Do not wait for observers such as Linear.")
def once(config: Path, *, as_json: bool, is_fast: bool) -> None:
    """Run every probe once.

    Prints the verdict, the reason and the stage times of each run, and the stages that were not
    observed in any run. It first waits for observers such as Linear and for the clean-up, and
    prints the limit on stderr. With --fast it does not wait for observers: the next start with the
    same journal asks them, and archives the Linear issues.

    Exits with 0 if all verdicts are ok, no check failed and every probe did its work, otherwise
    with 1. Slow or unobserved stages, accepted failures and checks that are not configured do not
    affect this.
    """
    from exporter.app import process

    loaded = _load_or_exit(config)
    _configure_logging("error")
    outcomes = _run_to_exit(
        process.run_once(
            loaded,
            print_line=_print_to_terminal,
            print_wait=partial(click.echo, err=True),
            is_fast=is_fast,
        )
    )
    gaps = _list_gaps(outcomes, loaded.observers)
    click.echo(_format_json(outcomes, gaps) if as_json else _format_outcomes(outcomes, gaps))
    are_ok = (
        not outcome.failed
        and all(result.verdict == "ok" for result in outcome.runs)
        and all(
            passed is not False or criterion in outcome.accepted
            for criterion, passed in outcome.checks
        )
        for outcome in outcomes
    )
    sys.exit(0 if all(are_ok) else 1)


@main.command()
@_CONFIG
def check(config: Path) -> None:
    """Check the configuration and its specs.

    Prints all problems with file and line. Exits with 1 if there is an error.
    """
    loaded = _load_or_exit(config)
    probes = ", ".join(loaded.probes)
    click.echo(f"{config}: fine (probes: {probes}; stages with a target: {len(loaded.targets)})")


@main.command()
@_CONFIG
def inventory(config: Path) -> None:
    """Print the metrics and label values that a prober with this configuration can export.

    With `slo-rules build --inventory FILE`, rules are left out whose series it never exports.
    Files that the configuration names are not read.
    """
    from exporter.app.inventory import list_inventory
    from exporter.config.loader import load_sections
    from slos.schema.inventory import render_inventory

    loaded = _report_or_exit(*load_sections(config))
    mark = f"# Generated by slo-probe inventory from {config.name}. Do not edit: change that file."
    click.echo(f"{mark}\n{render_inventory(list_inventory(loaded))}", nl=False)


@main.command()
@click.option("--markdown", is_flag=True, help="Print the reference page instead.")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default="-",
    metavar="FILE|-",
    help="Output file.  [default: -]",
)
@click.option("--check", "is_check", is_flag=True, help="Write no file; exit 1 if it differs.")
def schema(*, markdown: bool, out: Path, is_check: bool) -> None:
    """Print the JSON Schema of a configuration.

    The schema is for editors and pipelines. The reference page also has the event that the prober
    sends and the protocol of the canary.

    \b
    Examples:
      slo-probe schema > slo-probe.schema.json
      slo-probe schema --markdown -o docs/probe-reference.md
    """
    import json

    from exporter.reference.page import render_reference_page
    from exporter.reference.schema import build_config_schema

    schema = json.dumps(build_config_schema(), indent=1) + "\n"
    content = render_reference_page() if markdown else schema
    if str(out) == "-":
        click.echo(content, nl=False)
        return
    error = _compare_or_write(out, content, is_check=is_check)
    if error:
        click.echo(error, err=True)
        sys.exit(1)


def _compare_or_write(out: Path, content: str, *, is_check: bool) -> str | None:
    """Write a generated file, or only compare it; return what is wrong."""
    try:
        present = out.read_text(encoding="utf-8") if out.exists() else ""
        if present == content:
            return None
        if is_check:
            return f"{out} is out of date; run: make rules"
        if present and present.splitlines()[:3] != content.splitlines()[:3]:
            return f"error: {out} was not generated by slo-probe; use another path"
        out.write_text(content, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return f"error: cannot write {out}: {getattr(error, 'strerror', error)}"
    return None


def _load_or_exit(config: Path) -> "LoadedConfig":
    from exporter.config.loader import load_config

    return _report_or_exit(*load_config(config))


def _report_or_exit(loaded: "LoadedConfig | None", problems: "list[Problem]") -> "LoadedConfig":
    from slos.schema.problem import sort_problems

    for problem in sort_problems(problems):
        click.echo(str(problem), err=True)
    if loaded is None:
        sys.exit(1)
    return loaded


def _run_to_exit(coroutine: Coroutine[None, None, Result]) -> Result:
    """Run a coroutine; print an error of the set-up as one line, and exit with 1."""
    import asyncio

    from exporter.httpclient.auth import CredentialsError
    from exporter.journal.sqlite import JournalError
    from exporter.leaderelection import LockError
    from exporter.listener.server import ListenError
    from exporter.plugins import PluginError

    try:
        return asyncio.run(coroutine)
    except (ListenError, JournalError, LockError, CredentialsError, PluginError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


def _configure_logging(level: str) -> None:
    import logging

    logging.basicConfig(
        level=level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )


def _print_to_terminal(line: str) -> None:
    if sys.stderr.isatty():
        click.echo(line, err=True)


def _list_gaps(outcomes: "list[ProbeOutcome]", remote_sources: Collection[str]) -> dict[str, bool]:
    """List the stages that were not observed in any run, and whether a source could have."""
    from exporter.observers import list_visible_stages
    from slos.schema.contract import Stage

    runs = [run for outcome in outcomes for run in outcome.runs]
    visible = {stage for run in runs for stage in list_visible_stages(run.path, remote_sources)}
    seen = {stage for run in runs for stage in run.stages}
    return {stage.value: stage in visible for stage in Stage if runs and stage not in seen}


def _format_json(outcomes: "list[ProbeOutcome]", gaps: dict[str, bool]) -> str:
    import json

    runs = [run.to_json() for outcome in outcomes for run in outcome.runs]
    checks = [
        {
            "criterion": criterion.value,
            "passed": passed,
            "accepted": passed is False and criterion in outcome.accepted,
        }
        for outcome in outcomes
        for criterion, passed in outcome.checks
    ]
    return json.dumps({"runs": runs, "checks": checks, "not_observed": list(gaps)}, indent=2)


def _format_outcomes(outcomes: "list[ProbeOutcome]", gaps: dict[str, bool]) -> str:
    lines = []
    for outcome in outcomes:
        for run in outcome.runs:
            lines.append(f"{run.probe} ({run.path}): {run.verdict}, {run.reason}")
            lines += [f"  {stage:<24} {bounds:8.3f} s" for stage, bounds in run.stages.items()]
        for criterion, passed in outcome.checks:
            is_accepted = passed is False and criterion in outcome.accepted
            result = "accepted" if is_accepted else _CHECK_RESULTS[passed]
            lines.append(f"{criterion}: {result}")
        lines += [f"  {note}" for note in outcome.notes]
    if gaps:
        names = (
            stage if is_visible else f"{stage} (no source)" for stage, is_visible in gaps.items()
        )
        lines.append(f"not observed: {', '.join(names)}")
    return "\n".join(lines)


@main.command()
@click.argument("name")
@click.option(
    "--at", required=True, metavar="URL", help="URL of the prober, such as http://127.0.0.1:9108."
)
@click.option("--any-result", is_flag=True, help="Exit with 0 even if a target was missed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--user", metavar="NAME", help="User name for basic authentication.")
@click.option("--password-file", metavar="FILE", help="File that holds the password.")
@click.option("--ca-file", metavar="FILE", help="CA certificates to trust, PEM.")
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
    """Run a load scenario on a running prober.

    NAME is a scenario from the configuration of the prober, such as throughput. The command waits
    until the scenario has ended; Ctrl-C and SIGTERM stop it. It exits with 0 if all targets were
    met, 1 if one was missed, 2 if there is no result.
    """
    import asyncio

    from pydantic import ValidationError

    from exporter.httpclient.settings import HttpClientSettings
    from exporter.loadtest.prober_client import NoResultError

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
    except NoResultError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(_NO_RESULT)
    except (asyncio.CancelledError, KeyboardInterrupt):
        click.echo("stopped; events in flight still get their verdicts", err=True)
        sys.exit(_NO_RESULT)
    _print_result(result, as_json=as_json)
    sys.exit(_choose_exit_code(result, any_result=any_result))


def _print_result(result: "ScenarioResult", *, as_json: bool) -> None:
    import json

    from exporter.loadtest.summary import format_result

    click.echo(json.dumps(result.to_json(), indent=2) if as_json else format_result(result))


def _choose_exit_code(result: "ScenarioResult", *, any_result: bool) -> int:
    from exporter.loadtest.result import ScenarioState

    if any_result and result.state is ScenarioState.COMPLETED:
        return 0
    return {True: 0, False: _NOT_MET, None: _NO_RESULT}[result.is_met]


async def _run_remote(settings: "HttpClientSettings", name: str) -> "ScenarioResult":
    """Run a scenario on the prober; SIGTERM stops it as Ctrl-C does."""
    import asyncio
    import signal

    from exporter.httpclient.client import HttpClient
    from exporter.loadtest.prober_client import ProberClient, run_remote_scenario
    from exporter.schedule.clock import SystemClock

    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with HttpClient("slo-probe", settings, folder=Path(), clock=SystemClock()) as http:
        return await run_remote_scenario(ProberClient(http), name, _print_step)


def _print_step(result: "ScenarioResult", step: "LoadStep") -> None:
    from exporter.loadtest.summary import format_step

    click.echo(format_step(result, step), err=True)


if __name__ == "__main__":
    main(prog_name="slo-probe")
