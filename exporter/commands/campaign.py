"""Scenarios one after the other, their result files, and comparison with a baseline."""

import asyncio
import contextlib
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from exporter.app.command_line import configure_logging, load_or_exit, run_to_exit
from exporter.commands.scenario_runner import (
    RunOptions,
    ScenarioRunner,
    open_runner,
    read_client_settings,
)
from exporter.httpclient.settings import HttpClientSettings
from exporter.loadtest.named_baselines import (
    compare_with_baseline,
    format_comparison,
    read_baseline,
)
from exporter.loadtest.prober_client import NoResultError
from exporter.loadtest.result import ScenarioResult, ScenarioVerdict
from exporter.loadtest.result_file import (
    ResultFileError,
    check_folder,
    write_json,
    write_result_file,
)
from exporter.loadtest.scaling import ScaleError
from exporter.schedule.tasks import run_in_background

if TYPE_CHECKING:
    from exporter.config.loader import LoadedConfig

_NO_RESULT = 2
"""Exit code of a run without a result."""
_ORDER = ("baseline", "throughput", "concurrent", "scalability", "stress", "sustained")
"""Order of a campaign: short runs first, and the one that breaks things late."""
_CAMPAIGN_FORMAT, _CAMPAIGN_VERSION = "slo-probe/campaign", 1
_FOLDER_CHECK_INTERVAL = 5.0
"""Seconds between two checks that the result can be written."""


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
        settings = None if options.at is None else read_client_settings(options, options.at)
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


async def _run_all(
    options: RunOptions,
    names: Sequence[str],
    print_result: Callable[[ScenarioResult], None],
    *,
    loaded: "LoadedConfig | None",
    settings: HttpClientSettings | None,
) -> list[ScenarioOutcome]:
    outcomes: list[ScenarioOutcome] = []
    async with open_runner(options, loaded, settings) as runner:
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
