"""Command `slo-rules backfill`: the recorded series of new SLOs for the past."""

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from generator import build
from generator.backfill.computation import Computation, read_computed
from generator.backfill.estimate import Estimate, estimate_tasks
from generator.backfill.expressions import MixedSubqueryError
from generator.backfill.samples import count_samples, format_openmetrics
from generator.backfill.tasks import DAY, RuleTask, list_days, list_tasks, set_times
from generator.clients import remote_write
from generator.clients.json_api import APIError
from generator.clients.prometheus import read_prometheus, read_retention
from generator.clients.promtool import BlockError, write_blocks
from generator.clients.range_queries import RangeReader
from generator.clients.temporary_prometheus import TemporaryPrometheus, run_temporary_prometheus
from generator.commands import _report, _values
from generator.commands._options import add_read_options, spec_argument
from generator.commands._request import parse_inputs, parse_read_settings, parse_spec_settings
from generator.files.sample_cache import open_sample_cache
from generator.files.sources import STDOUT
from generator.model import SLO
from generator.pipeline import BuildPlan
from slos.schema.units import Duration, format_count, format_names

_LISTED = 5
# To compute and to write a sample; most of it is the work of this program.
_SECONDS_PER_SAMPLE = 5e-5
_HOUR = 3_600_000
_BLOCK = 2 * _HOUR
# Prometheus still writes the block of this time, and forgets it if it finds a newer block.
_HEAD = 3 * _HOUR


@dataclass(frozen=True, slots=True)
class _Target:
    """Destination of the samples: a folder of blocks, a receiver, or neither for an estimate."""

    folder: Path | None
    receiver: str | None


@click.command("backfill")
@spec_argument
@add_read_options
@click.option(
    "--prometheus",
    "prometheus_url",
    required=True,
    metavar="URL",
    callback=_values.check_web_address,
    help="URL of the Prometheus that has the raw series.",
)
@click.option(
    "--from",
    "age",
    type=_values.DurationType(),
    metavar="DURATION",
    help="How far back to compute.  [default: the longest period, and one coarse step]",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="New folder of TSDB blocks, without the last three hours.",
)
@click.option(
    "--remote-write",
    "receiver",
    metavar="URL",
    callback=_values.check_web_address,
    help="URL of a receiver of remote write, like http://localhost:9090/api/v1/write.",
)
@click.option("--dry-run", is_flag=True, help="Print the estimate and write nothing.")
@click.option(
    "--chunk",
    type=_values.DurationType(),
    default=Duration(DAY),
    show_default=True,
    metavar="DURATION",
    help="Longest range of one query.",
)
@click.option(
    "--promtool",
    default="promtool",
    metavar="PATH",
    help="Path of promtool.  [default: promtool on PATH]",
)
@click.option(
    "--prometheus-program",
    default="prometheus",
    metavar="PATH",
    help="Path of prometheus, which runs for the computation.  [default: prometheus on PATH]",
)
def command(  # noqa: PLR0913 - click's way
    *,
    prometheus_url: str,
    age: Duration | None,
    out: Path | None,
    receiver: str | None,
    chunk: Duration,
    promtool: str,
    prometheus_program: str,
    dry_run: bool,
    **options: Any,  # noqa: ANN401 - read by parse_spec_settings
) -> None:
    """Compute the recorded series of SLOs for the past.

    Evaluates the recording rules of the specs over the raw series that a Prometheus has, at the
    times at which the rules would have been evaluated, up to the oldest sample of each series that
    is recorded already. Writes TSDB blocks with -o, or sends the samples with --remote-write. Give
    the same specs and options as to build.

    \b
    Examples:
      slo-rules backfill shop.yaml --prometheus http://localhost:9090 --dry-run
      slo-rules backfill shop.yaml --prometheus http://localhost:9090 -o blocks
      slo-rules backfill shop.yaml --prometheus http://localhost:9090 \\
        --remote-write http://localhost:9090/api/v1/write
    """
    target = _Target(out, receiver)
    _check_target(target, dry_run=dry_run)
    programs = () if dry_run else (prometheus_program, *([promtool] if out else []))
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        click.echo(f"error: {missing[0]!r} not found; install Prometheus", err=True)
        sys.exit(1)
    plan = _plan_specs(options)
    cache = open_sample_cache("backfill")
    raw = RangeReader(
        prometheus_url, cache, 1, now=round(time.time() * 1000), longest_chunk=chunk.ms
    )
    try:
        # Other requests are repeated; a wrong address is to be reported at once.
        read_prometheus(prometheus_url, "query", query="vector(1)")
        tasks, end = _find_work(plan, replace(raw, cache=None), age, blocks=bool(out))
        metrics = frozenset(task.rule.record for task in tasks)
        estimates = list(estimate_tasks(tasks, replace(raw, cache=None), metrics))
        _print_estimates(estimates)
        _print_unknown(tasks, estimates, raw)
        if dry_run or not estimates:
            return
        with run_temporary_prometheus(prometheus_program) as store:
            computation = Computation(raw, replace(raw, cache=None), store, metrics, end)
            for number, task in enumerate(tasks):
                _print_progress(f"rule {number + 1} of {len(tasks)}", number + 1 == len(tasks))
                if task.times:
                    computation.compute_task(number, task)
                computation.copy_recorded(task, tasks)
            _write_samples(target, store, tasks, promtool)
    except (APIError, BlockError, MixedSubqueryError) as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    if cache:
        cache.remove_used()


def _check_target(target: _Target, *, dry_run: bool) -> None:
    if target.folder and target.receiver:
        raise click.UsageError("-o and --remote-write exclude each other")
    if not (target.folder or target.receiver or dry_run):
        raise click.UsageError("add -o DIR, --remote-write URL or --dry-run")
    if target.folder and target.folder.exists():
        raise click.UsageError(f"{target.folder} exists; name a new folder")


def _plan_specs(options: dict[str, Any]) -> BuildPlan:
    """Plan the specs; print the problems and exit if there are errors."""
    plan = build.plan_inputs(
        parse_inputs(options),
        parse_spec_settings(options),
        out=STDOUT,
        read_settings=parse_read_settings(options),
    )
    if plan.has_errors:
        _report.print_problems(list(plan.problems))
        sys.exit(1)
    return plan


def _find_work(
    plan: BuildPlan, recorded: RangeReader, age: Duration | None, *, blocks: bool
) -> tuple[list[RuleTask], int]:
    """Find the times of all rules, and the end of the backfill."""
    now = round(time.time() * 1000)
    end = (now - _HEAD) // _BLOCK * _BLOCK if blocks else now
    slos = [slo for slo in plan.slos if isinstance(slo, SLO)]
    reach = max((slo.period.ms + slo.steps.coarse.ms for slo in slos), default=DAY)
    start = max(now - (age.ms if age else reach), 0)
    specs = [spec_plan for each in plan.plans for spec_plan in each.spec_plans]
    tasks = set_times(
        list_tasks(specs),
        start,
        end,
        lambda selector: recorded.find_first_sample(selector, start, now),
    )
    return tasks, end


def _print_estimates(estimates: Sequence[Estimate]) -> None:
    for each in estimates:
        span = f"{_format_time(each.start)} to {_format_time(each.end)}"
        click.echo(f"{each.slo}: about {format_count(each.samples, 'sample')}, {span}", err=True)
    samples = sum(each.samples for each in estimates)
    seconds = sum(each.seconds for each in estimates)
    if not estimates:
        click.echo("nothing to compute: all of the time is recorded already", err=True)
        return
    total = f"about {format_count(samples, 'sample')}"
    rest = samples * _SECONDS_PER_SAMPLE
    click.echo(
        f"total: {total}, in about {max(1, round(seconds + rest))} s, "
        f"{round(seconds)} s of them for reading",
        err=True,
    )


def _print_unknown(
    tasks: Sequence[RuleTask], estimates: Sequence[Estimate], reader: RangeReader
) -> None:
    """Print what cannot be known of the past."""
    if missing := [each.slo for each in estimates if not each.has_data]:
        _warn(f"no raw series in the last hour for {format_names(missing, _LISTED)}")
    starts = [task.times[0] for task in tasks if task.times]
    try:
        retention = read_retention(reader.url)
    except APIError:  # only Prometheus tells it
        retention = None
    oldest = time.time() * 1000 - retention.ms if retention else 0
    if starts and min(starts) < oldest:
        _warn(f"samples older than {retention} are not kept; nothing is known before")
    if any(task.times and task.first_sample is None for task in tasks):
        _warn(
            "some rules have recorded nothing yet, so the offset of their evaluations is not "
            "known, and the time until they are loaded stays empty; load the rules first"
        )


def _warn(text: str) -> None:
    click.echo(f"warning: {text}", err=True)


def _write_samples(
    target: _Target, store: TemporaryPrometheus, tasks: Sequence[RuleTask], promtool: str
) -> None:
    days = list_days(tasks)
    if target.folder:
        lines = (
            line
            for start in days
            for task in tasks
            for line in format_openmetrics(read_computed(store, task, start, start + DAY))
        )
        blocks = write_blocks(lines, target.folder, promtool)
        click.echo(f"{target.folder}: {format_count(blocks, 'block')}", err=True)
    if target.receiver:
        _send_samples(target.receiver, store, tasks, days)


def _send_samples(
    receiver: str, store: TemporaryPrometheus, tasks: Sequence[RuleTask], days: Sequence[int]
) -> None:
    """Send the newest day first, so that a later run goes on where an interrupted one stopped."""
    sent = 0
    for number, start in enumerate(reversed(days)):
        _print_progress(f"day {number + 1} of {len(days)}", number + 1 == len(days))
        for task in tasks:
            series = read_computed(store, task, start, start + DAY)
            if series:
                remote_write.write_series(
                    receiver, [(dict(labels), samples) for labels, samples in series.items()]
                )
                sent += count_samples(series.values())
    click.echo(f"{receiver}: {format_count(sent, 'sample')}", err=True)


def _print_progress(text: str, is_last: bool) -> None:  # noqa: FBT001 - as in click
    if sys.stderr.isatty():
        click.echo(f"\r{text}", nl=is_last, err=True)


def _format_time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")
