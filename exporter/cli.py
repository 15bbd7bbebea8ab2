"""Command line of slo-probe: parses arguments, wires, prints, exits. Heavy imports are deferred.

Exit codes: 0 fine; 1 problems, a run that was not ok, or an address that is taken; 2 usage.
"""

import importlib
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from exporter.config import Loaded
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
        from exporter.version import version  # noqa: PLC0415 - reads the file system

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
    from exporter import app  # noqa: PLC0415 - keeps --help quick

    loaded = _load(config)
    _log_to_stderr(loaded.config.log_level)
    _go(app.run(loaded, say=click.echo))


@main.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def once(config: Path, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Run every probe once.

    Prints verdict, reason and stage times; exits with 0 only when every verdict is ok.
    """
    from exporter import app  # noqa: PLC0415 - keeps --help quick

    loaded = _load(config)
    _log_to_stderr("error")
    outcomes = _go(app.once(loaded, tell=_tell_terminal))
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
    from exporter.config import load  # noqa: PLC0415 - keeps --help quick
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
    from exporter.listen import ListenError  # noqa: PLC0415 - likewise
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
