"""Command line of slo-probe.

`slo-probe --help` and shell completion must be quick, so modules that take long to import are
imported by the command that needs them.
"""

import gc
import os
import sys
from collections.abc import Collection
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exporter.app.command_line import (
    CONFIG_OPTION,
    configure_logging,
    load_or_exit,
    report_or_exit,
    run_to_exit,
)

if TYPE_CHECKING:
    from exporter.probes import ProbeOutcome

# Looking for plugins of pydantic reads the metadata of every installed package.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

_CHECK_RESULTS = {True: "passed", False: "FAILED", None: "not configured"}


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
      slo-probe campaign --config slo-probe.yaml --out results
      slo-probe report results

    \b
    A minimal configuration (docs/probe-reference.md lists all settings):
      target: {url: http://agent-sre.ai.svc.cluster.local/}
      specs: [slos/agent-sre.yaml]
      probes: {remediation: {}}

    Shell completion: eval "$(_SLO_PROBE_COMPLETE=bash_source slo-probe)", or zsh, fish.
    """
    # Imports make few reference cycles; collecting them takes a tenth of the time to start.
    gc.disable()


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
@CONFIG_OPTION
def run(config: Path) -> None:
    """Run all probes on their schedule and serve the metrics.

    SIGTERM and Ctrl-C stop it: no new event is sent, and runs in flight get `shutdown_grace` to
    finish.
    """
    from exporter.app import process

    loaded = load_or_exit(config)
    configure_logging(loaded.config.log_level)
    run_to_exit(process.run_prober(loaded, print_line=click.echo))


@main.command()
@CONFIG_OPTION
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

    loaded = load_or_exit(config)
    configure_logging("error")
    outcomes = run_to_exit(
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
@CONFIG_OPTION
def check(config: Path) -> None:
    """Check the configuration and its specs.

    Prints all problems with file and line. Exits with 1 if there is an error.
    """
    loaded = load_or_exit(config)
    probes = ", ".join(loaded.probes)
    click.echo(f"{config}: fine (probes: {probes}; stages with a target: {len(loaded.targets)})")


@main.command()
@CONFIG_OPTION
def inventory(config: Path) -> None:
    """Print the metrics and label values that a prober with this configuration can export.

    With `slo-rules build --inventory FILE`, rules are left out whose series it never exports.
    Files that the configuration names are not read.
    """
    from exporter.app.plugin_set import list_inventory
    from exporter.config.loader import load_sections
    from slos.schema.inventory import render_inventory

    loaded = report_or_exit(*load_sections(config))
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


main.add_command(
    _DeferredCommand(
        "scenario",
        "exporter.commands.scenario:scenario",
        help="Run a load scenario.",
    )
)
main.add_command(
    _DeferredCommand(
        "campaign",
        "exporter.commands.scenario:campaign",
        help="Run several load scenarios, one after the other.",
    )
)
main.add_command(
    _DeferredCommand(
        "report",
        "exporter.commands.scenario:report",
        help="Write the report over the result files of a folder.",
    )
)


if __name__ == "__main__":
    main(prog_name="slo-probe")
