"""`python -m tests.benchmarks.build`: how long `slo-rules build` takes, and what it needs.

Writes spec files of one SLO each, builds them with the real program, and prints the time, the
processor time and the memory of each kind of build, the time of each stage, and what one SLO costs
in each format. Sloth builds the same specs where it is on the PATH.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import click

from tests.benchmarks.report import render_results, render_table
from tests.benchmarks.targets import TargetResult

_PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-build.md"
_RUNS = 3
_START_AT_MOST = 0.120
_OF_SLOTH, _CPU_OF_SLOTH = 0.8, 1.2
# Ten times the specs may take so much more than ten times the processor time, for noise.
_LINEAR = 1.2
ONE, THOUSAND, MANY = "1 spec", "1,000 specs", "10,000 specs"
CHANGED, UNCHANGED = "1,000 specs, one changed", "1,000 specs, none changed"
ALL_FORMATS, SLOTH, START = "500 specs, all formats", "1,000 specs, Sloth", "--version"
# These take most of the time, and their figures change least from run to run.
_RUN_ONCE = (MANY, ALL_FORMATS)
_SECONDS_AT_MOST = {ONE: 0.25, CHANGED: 0.4, MANY: 8.0, ALL_FORMATS: 8.0, START: _START_AT_MOST}
_MEGABYTES_AT_MOST = {MANY: 300}
SPEC = """\
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
    """One call of a program.

    Attributes:
        seconds: by the clock.
        cpu: seconds of processor time, of all its processes.
        megabytes: of memory at its highest, of its largest process.
    """

    seconds: float
    cpu: float
    megabytes: float


def measure_build(count: int, *, all_formats: bool = False) -> BuildRun:
    """Build `count` spec files into a new folder, and see that all rule files are there."""
    with _BuildFolder(count) as folder:
        run = folder.build(*(() if all_formats else ("--format", "prometheus")))
        rules = folder.rules / "prometheus" if all_formats else folder.rules
        rule_files = len(list(rules.glob("*.yaml")))
        if rule_files != count:
            raise click.ClickException(f"{rule_files} rule files from {count} specs")
        return run


def measure_rebuild(count: int, *, changes: bool) -> BuildRun:
    """Build `count` spec files again, one of them changed or none."""
    with _BuildFolder(count) as folder:
        folder.build("--format", "prometheus")
        if changes:
            folder.write_spec(count // 2, objective=95)
        return folder.build("--format", "prometheus")


def measure_sloth(count: int) -> BuildRun:
    """Build the same spec files with Sloth."""
    with _BuildFolder(count) as folder:
        folder.rules.mkdir()  # Sloth does not create it
        return _run("sloth", "generate", "-i", str(folder.specs), "-o", str(folder.rules))


class _BuildFolder(TemporaryDirectory[str]):
    """Temporary folder with spec files, their rules and a cache of its own."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.specs, self.rules = Path(self.name, "specs"), Path(self.name, "rules")
        self.specs.mkdir()
        for number in range(count):
            self.write_spec(number, objective=1 + number % 9)

    def __enter__(self) -> Self:  # type: ignore[override] # for its methods
        return self

    def write_spec(self, number: int, *, objective: int) -> None:
        """Write a spec file."""
        text = SPEC.format(number=number, team=number % 17, objective=objective)
        (self.specs / f"service-{number}.yaml").write_text(text)

    def build(self, *options: str) -> BuildRun:
        """Build the specs."""
        out = ("-o", str(self.rules))
        cache = str(Path(self.name, "cache"))
        return run_slo_rules("build", str(self.specs), *out, *options, XDG_CACHE_HOME=cache)


# An installed program has its bytecode, so a checkout may write it; the first run is not measured.
_ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}


def run_slo_rules(*arguments: str, **environment: str) -> BuildRun:
    """Run the installed program."""
    program = str(Path(sysconfig.get_path("scripts"), "slo-rules"))
    return _run(program, *arguments, **environment)


def _run(program: str, *arguments: str, **environment: str) -> BuildRun:
    started = time.monotonic()
    process = subprocess.Popen(
        [program, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**_ENVIRONMENT, **environment},
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{program} {arguments[0]} ended with {process.returncode}")
    return BuildRun(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


_MEASURES: Mapping[str, Callable[[], BuildRun]] = {
    START: partial(run_slo_rules, "--version"),
    ONE: partial(measure_build, 1),
    THOUSAND: partial(measure_build, 1_000),
    SLOTH: partial(measure_sloth, 1_000),
    CHANGED: partial(measure_rebuild, 1_000, changes=True),
    UNCHANGED: partial(measure_rebuild, 1_000, changes=False),
    MANY: partial(measure_build, 10_000),
    ALL_FORMATS: partial(measure_build, 500, all_formats=True),
}


@click.command()
@click.option("--check", is_flag=True, help="Exit 1 when a target is missed.")
@click.option("--runs", default=_RUNS, show_default=True, help="Runs of each shorter build.")
@click.option(
    "--only", multiple=True, type=click.Choice(list(_MEASURES)), help="Only this; repeatable."
)
def main(*, check: bool, runs: int, only: tuple[str, ...]) -> None:
    """Measure the generator; the documentation is written by a whole run only."""
    names = [each for each in only or _MEASURES if each != SLOTH or shutil.which("sloth")]
    found: dict[str, list[BuildRun]] = {name: [] for name in names}
    measure_build(1, all_formats=True)
    for number in range(runs):  # in turns, so that other work on the machine is the same for all
        for name in names:
            if number and name in _RUN_ONCE:
                continue
            found[name].append(_MEASURES[name]())
            latest = found[name][-1]
            click.echo(f"{name}: {latest.seconds:.1f} s, {latest.cpu:.1f} s of CPU", err=True)
    # Imported late: a process that is started has the memory of this one at first.
    from tests.benchmarks.build_stages import measure_formats, measure_stages  # noqa: PLC0415

    best = {name: choose_best(each) for name, each in found.items()}
    target_results = list(check_targets(best))
    text = "\n".join(
        [
            _render_runs(best),
            render_table(("stage of 1,000 specs in one process", "CPU s"), measure_stages(SPEC)),
            render_table(
                ("format, one SLO", "files", "rules", "series", "bytes"), measure_formats(SPEC)
            ),
            render_results(target_results),
        ]
    )
    click.echo(text)
    if not only:
        head = _HEAD.format(runs=runs, load=os.getloadavg()[-1], processors=os.cpu_count())
        _PAGE.write_text(f"{head}\n{text}")
        click.echo(f"wrote {_PAGE.name}", err=True)
    if check and not all(result.met for result in target_results):
        sys.exit(1)


def choose_best(runs: list[BuildRun]) -> BuildRun:
    """The least of each figure: whatever else runs on the machine only adds to them."""
    return BuildRun(
        min(run.seconds for run in runs),
        min(run.cpu for run in runs),
        min(run.megabytes for run in runs),
    )


def check_targets(best: Mapping[str, BuildRun]) -> Iterator[TargetResult]:
    """Check the targets of the builds that were measured."""
    for name, limit in _SECONDS_AT_MOST.items():
        if name in best:
            seconds = best[name].seconds
            yield TargetResult(f"{name}: under {limit:g} s", f"{seconds:.2f} s", seconds < limit)
    for name, most in _MEGABYTES_AT_MOST.items():
        if name in best:
            size = best[name].megabytes
            yield TargetResult(f"{name}: under {most} MB", f"{size:.0f} MB", size < most)
    if THOUSAND in best and MANY in best:
        growth = best[MANY].cpu / best[THOUSAND].cpu
        target = f"{MANY}: in linear time"
        yield TargetResult(target, f"{growth:.1f} times", growth <= 10 * _LINEAR)
    if THOUSAND in best and SLOTH in best:
        part = best[THOUSAND].seconds / best[SLOTH].seconds
        target = f"{THOUSAND}: at most {_OF_SLOTH} of Sloth's time"
        yield TargetResult(target, f"{part:.2f} of it", part <= _OF_SLOTH)
        part = best[THOUSAND].cpu / best[SLOTH].cpu
        target = f"{THOUSAND}: at most {_CPU_OF_SLOTH} of Sloth's processor time"
        yield TargetResult(target, f"{part:.2f} of it", part <= _CPU_OF_SLOTH)


def _render_runs(best: Mapping[str, BuildRun]) -> str:
    rows = [
        (name, f"{run.seconds:.2f}", f"{run.cpu:.2f}", f"{run.megabytes:.0f}")
        for name, run in best.items()
    ]
    return render_table(("build", "seconds", "CPU seconds", "MB"), rows)


_HEAD = """\
# Benchmark of the generator

Made by `make bench-build`; do not edit. Spec files of one SLO each become as many rule files;
queries are parsed and checked. Each build is that of the installed program into a new folder,
except where it says that specs have changed since the last one. The least figures of {runs} runs in
turns, of one run of 10,000 specs and of all formats; MB are those of the largest process. Times are
of one machine; its load average was {load:.0f} on {processors} processors, and seconds by the clock
mean little above one for each. Sloth is measured where it is on the PATH.
"""

if __name__ == "__main__":
    main()
