"""Commands that run load scenarios: `slo-probe scenario` and `slo-probe campaign`."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from exporter.commands.campaign import ScenarioOutcome, run_to_end
from exporter.commands.scenario_runner import RunOptions
from exporter.loadtest.result import ScenarioResult, ScenarioVerdict
from exporter.loadtest.result_file import ResultFileError
from exporter.loadtest.summary import format_headline, format_result
from exporter.simulator.agent_sre.settings import DEFAULT_CAPACITY

_NOT_MET, _NO_RESULT = 1, 2
"""Exit codes."""
_BASELINE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""Name of a baseline. It is a part of the name of a file."""


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
                help="Send the plan of the load N times faster, 1 to 10,000; for sustained only.",
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
                "--resume", is_flag=True, help="Go on with a run that was interrupted or stopped."
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
@click.option(
    "--emit",
    type=click.Choice(["k6"]),
    help="Write a script and a TestRun for this engine to DIR, and send nothing.",
)
@click.option(
    "--runners",
    type=click.IntRange(1, 1000),
    default=4,
    show_default=True,
    metavar="N",
    help="Runners of the engine, which share the load.",
)
@click.option(
    "--multiply",
    type=click.FloatRange(min=0, min_open=True, max=10_000),
    default=1.0,
    metavar="N",
    help="Multiply the rates for the engine by N.",
)
@click.option("--remote-write", metavar="URL", help="URL to which the runners write their metrics.")
def scenario(
    *,
    name: str,
    as_json: bool,
    emit: str | None,
    runners: int,
    multiply: float,
    remote_write: str | None,
    **options: Any,  # noqa: ANN401 - click's values
) -> None:
    """Run a load scenario.

    NAME is a scenario from the configuration of the prober, such as throughput. With --at, a
    running prober runs it. With --config, this process runs it and serves the canary;
    probes do not run. With --out, everything that was measured is written to DIR/NAME.json.

    Ctrl-C and SIGTERM stop the load: nothing more is sent, events in flight get their verdicts, and
    the partial result is written. Exits with 0 if all targets were met, 1 if one was missed or a
    latency is worse than in the baseline, 2 if there is no valid result or the command is wrong.

    With --emit, nothing is sent: DIR gets the script of a load engine, and a folder for kustomize.

    \b
    Examples:
      slo-probe scenario throughput --at http://127.0.0.1:9108
      slo-probe scenario baseline --config slo-probe.yaml --out results --baseline main
      slo-probe scenario sustained --config slo-probe.yaml --out results --compress 60
      slo-probe scenario throughput --config slo-probe.yaml --emit k6 --multiply 20 --out k6
    """
    run_options = _read_options(options)
    if emit is not None:
        _emit(run_options, name, runners=runners, multiply=multiply, remote_write=remote_write)
        return
    (outcome,) = run_to_end(run_options, [name], partial(_print_result, as_json=as_json))
    sys.exit(_choose_exit_code([outcome], any_result=run_options.any_result))


@click.command()
@click.argument("names", nargs=-1)
@_add_run_options
def campaign(*, names: Sequence[str], **options: Any) -> None:  # noqa: ANN401 - click's values
    """Run several load scenarios, one after the other.

    NAMES are scenarios from the configuration; without any, all configured ones run. With --out,
    DIR/campaign.json lists the runs and their files. A scenario that is refused does not keep the
    others from running. Ctrl-C stops the running scenario, and the others do not start. The exit
    code is that of the worst scenario.

    \b
    Examples:
      slo-probe campaign --config slo-probe.yaml --out results
      slo-probe campaign baseline stress --at http://127.0.0.1:9108 --out results
    """
    run_options = _read_options(options)
    if len(set(names)) < len(names):
        raise click.UsageError("a scenario is named twice; its second file would replace the first")
    outcomes = run_to_end(run_options, names, _print_headline)
    sys.exit(_choose_exit_code(outcomes, any_result=run_options.any_result))


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the report; by default, that of the result files.",
)
def report(*, folder: Path, out: Path | None) -> None:
    """Write the report over the result files of a folder.

    DIR holds the files of `slo-probe scenario --out DIR` or `slo-probe campaign --out DIR`, which
    write the report as well, or summaries of k6. The report is report.html, report.md and
    report.json: the verdict on each acceptance criterion of VAL-008, charts, bottlenecks with their
    evidence, and a plan.

    \b
    Examples:
      slo-probe report results
      slo-probe report results --out docs/report
    """
    from exporter.report.writer import write_report

    try:
        page = write_report(folder, out)
    except ResultFileError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(_NO_RESULT)
    click.echo(f"written to {page}")


def _emit(
    options: RunOptions, name: str, *, runners: int, multiply: float, remote_write: str | None
) -> None:
    """Write the files for a load engine.

    Raises:
        click.UsageError: the options do not fit together.
    """
    if options.config is None or options.out is None:
        raise click.UsageError("--emit needs --config and --out")
    from exporter.app.command_line import load_or_exit
    from exporter.app.k6_files import K6Options, write_k6_files
    from exporter.k6.plan import K6PlanError

    loaded = load_or_exit(options.config, code=_NO_RESULT)
    try:
        remarks = write_k6_files(
            loaded,
            name,
            options.out,
            K6Options(runners, multiply, options.compress, remote_write),
        )
    except (K6PlanError, ResultFileError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(_NO_RESULT)
    for remark in remarks:
        click.echo(remark)
    click.echo(f"written to {options.out}; apply it with: kubectl apply -k {options.out}")


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
    if run_options.baseline is not None and not _BASELINE_NAME.fullmatch(run_options.baseline):
        raise click.UsageError(
            f"the baseline {run_options.baseline!r} is no name; use letters, digits, '.', '_' and "
            "'-', and begin with a letter or digit"
        )
    return run_options


def _print_headline(result: ScenarioResult) -> None:
    click.echo(format_headline(result))


def _print_result(result: ScenarioResult, *, as_json: bool) -> None:
    click.echo(json.dumps(result.to_json(), indent=2) if as_json else format_result(result))


def _choose_exit_code(outcomes: Sequence[ScenarioOutcome], *, any_result: bool) -> int:
    return max((_rate_outcome(outcome, any_result=any_result) for outcome in outcomes), default=2)


def _rate_outcome(outcome: ScenarioOutcome, *, any_result: bool) -> int:
    verdict = ScenarioVerdict.PARTIAL if outcome.result is None else outcome.result.verdict
    if outcome.error or verdict in {ScenarioVerdict.INVALID, ScenarioVerdict.PARTIAL}:
        return _NO_RESULT
    if any_result:
        return 0
    if outcome.is_worse or verdict is ScenarioVerdict.MISSED:
        return _NOT_MET
    return _NO_RESULT if verdict is ScenarioVerdict.NO_TARGET else 0
