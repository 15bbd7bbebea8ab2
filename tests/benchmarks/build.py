"""`python -m tests.benchmarks.build`: how long `slo-rules build` takes, and what it needs.

Writes a thousand and ten thousand spec files of one SLO each, builds a rule file from each with
the real program, and prints time, memory and the start-up of `--version`.
"""

import os
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from tests.benchmarks.report import render_results, render_table
from tests.benchmarks.targets import TargetResult

_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-build.md"
_COUNTS = (1_000, 10_000)
_RUNS = 5
_STARTS = 20
_SECONDS_AT_MOST = 1.5
_MEGABYTES_AT_MOST = 400
_START_AT_MOST = 0.120
# Ten times the specs may take so much more than ten times the time, for noise.
_LINEAR = 1.2
_SPEC = """\
version: prometheus/v1
service: service-{number}
labels: {{owner: team-{team}}}
slos:
  - name: requests-availability
    description: Requests of service {number} do not fail.
    objective: 99.{objective}
    sli:
      events:
        error_query: sum(rate(http_total{{job="service-{number}",code=~"5.."}}[{{{{.window}}}}]))
        total_query: sum(rate(http_total{{job="service-{number}"}}[{{{{.window}}}}]))
    alerting:
      name: Service{number}Failing
      annotations: {{runbook_url: "https://runbooks.example/service-{number}"}}
      page_alert: {{labels: {{team: team-{team}}}}}
"""


@dataclass(frozen=True, slots=True)
class BuildRun:
    """One call of the program.

    Attributes:
        seconds: by the clock.
        cpu: seconds of processor time, all threads.
        megabytes: of memory at its highest.
    """

    seconds: float
    cpu: float
    megabytes: float


def measure_build(count: int) -> BuildRun:
    """Build a rule file from each of `count` spec files, and see that all are there."""
    with TemporaryDirectory() as folder:
        specs, rules = Path(folder, "specs"), Path(folder, "rules")
        specs.mkdir()
        for number in range(count):
            text = _SPEC.format(number=number, team=number % 17, objective=1 + number % 9)
            (specs / f"service-{number}.yaml").write_text(text)
        run = _run_slo_rules("build", str(specs), "-o", str(rules), "--format", "prometheus")
        rule_files = len(list(rules.glob("*.yaml")))
        if rule_files != count:
            raise click.ClickException(f"{rule_files} rule files from {count} specs")
        return run


def _run_slo_rules(*arguments: str) -> BuildRun:
    program = Path(sysconfig.get_path("scripts"), "slo-rules")
    started = time.monotonic()
    process = subprocess.Popen(
        [program, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"slo-rules {arguments[0]} ended with {process.returncode}")
    return BuildRun(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@click.command()
@click.option("--check", is_flag=True, help="Exit 1 when a target is missed.")
@click.option("--specs", "counts", multiple=True, type=int, help="Only so many; repeatable.")
def main(*, check: bool, counts: tuple[int, ...]) -> None:
    """Measure the generator; the documentation is written by a whole run only."""
    best: dict[int, BuildRun] = {}
    for count in counts or _COUNTS:
        runs = []
        for number in range(_RUNS):
            click.echo(f"{count} specs, run {number + 1} of {_RUNS}", err=True)
            runs.append(measure_build(count))
        best[count] = min(runs, key=lambda run: run.seconds)
    starts = sorted(_run_slo_rules("--version").seconds for _ in range(_STARTS))
    target_results = list(check_targets(best, starts))
    text = "\n".join([_render_runs(best), _render_starts(starts), render_results(target_results)])
    click.echo(text)
    if not counts:
        _PAGE.write_text(f"{_HEAD}\n{text}")
        click.echo(f"wrote {_PAGE.name}", err=True)
    if check and not all(result.met for result in target_results):
        sys.exit(1)


def check_targets(best: dict[int, BuildRun], starts: list[float]) -> list[TargetResult]:
    """Check the targets; `starts` are sorted seconds."""
    found = []
    small_run, large_run = (best.get(count) for count in _COUNTS)
    if small_run:
        target = f"1,000 specs: under {_SECONDS_AT_MOST} s"
        reached = f"{small_run.seconds:.2f} s"
        found.append(TargetResult(target, reached, small_run.seconds < _SECONDS_AT_MOST))
    if large_run:
        target = f"10,000 specs: under {_MEGABYTES_AT_MOST} MB"
        found.append(
            TargetResult(
                target, f"{large_run.megabytes:.0f} MB", large_run.megabytes < _MEGABYTES_AT_MOST
            )
        )
    if small_run and large_run:
        growth = large_run.seconds / small_run.seconds / 10
        found.append(
            TargetResult(
                "10,000 specs: in linear time", f"{10 * growth:.1f} times", growth <= _LINEAR
            )
        )
    start = starts[len(starts) // 2]
    target = f"--version: under {_START_AT_MOST * 1000:.0f} ms"
    found.append(TargetResult(target, f"{start * 1000:.0f} ms", start < _START_AT_MOST))
    return found


def _render_runs(best: dict[int, BuildRun]) -> str:
    rows = [
        (
            f"{count:,}",
            f"{run.seconds:.2f}",
            f"{run.cpu:.2f}",
            f"{1000 * run.seconds / count:.2f}",
            f"{run.megabytes:.0f}",
        )
        for count, run in best.items()
    ]
    return render_table(("spec files", "seconds", "CPU seconds", "ms a spec", "MB"), rows)


def _render_starts(starts: list[float]) -> str:
    row = (f"{1000 * starts[0]:.0f}", f"{1000 * starts[len(starts) // 2]:.0f}")
    return render_table(("--version, best (ms)", "median (ms)"), [row])


_HEAD = f"""\
# Benchmark of the generator

Made by `make bench-build`; do not edit. Spec files of one SLO each become as many rule files;
queries are parsed and checked. The best of {_RUNS} runs, {_STARTS} starts of `--version`. Times
are of one machine.
"""

if __name__ == "__main__":
    main()
