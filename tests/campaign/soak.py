"""`python -m tests.campaign.soak`: minutes of steady load with reloads; memory must stay flat.

Each run counts as a second, so that the leak detector that judges agent-sre can judge the prober,
with all its gates as they are.
"""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import requests
from prometheus_client.parser import text_string_to_metric_families

from exporter.devstack.stack import find_free_port, start_process, wait_for_line
from exporter.leakdetection.detector import LeakFinding, detect_leaks
from exporter.leakdetection.policy import SLOW_POLICY, LeakSignal
from exporter.leakdetection.series import ProcessLife, Samples, SignalSeries
from slos.schema.contract import PREFIX, LeakVerdict
from tests.benchmarks.probe.processes import BenchmarkProber, run_prober
from tests.benchmarks.report import render_results, render_table
from tests.benchmarks.targets import TargetResult
from tests.campaign import DOCS, write_section

_TITLE = "Soak"
_PLOT = DOCS / "soak.svg"
_JUDGED_MINUTES = 20
_READING_INTERVAL = 3.0
_RELOAD_INTERVAL = 10.0
_CONFIG = """\
target: {{url: "{target}/"}}
canary: {{listen: "127.0.0.1:{canary}"}}
web: {{listen: "127.0.0.1:0"}}
journal: {{path: journal.sqlite, keep_runs: 5000}}
log_level: warning
observers:
  linear:
    url: "{linear}"
    key_file: linear.key
    requests_per_hour: 20000
    every: 5s
    within: 30s
    linger: 20s
probes:
  sustained:
    interval: {interval}ms
    timeout: 20s
    late_after: 19s
    settle: 200ms
    max_send_lag: 15s
    max_in_flight: 1000
"""
"""The time to wait for a second issue is longer than that between two reloads."""


@dataclass(frozen=True, slots=True)
class SoakReading:
    """The prober at one moment."""

    seconds: float
    runs: int
    rss: int
    files: int
    series: int
    backlog: int
    backlog_age: float
    verdicts: dict[str, int]


def run_soak(minutes: float, rate: float, folder: Path) -> list[SoakReading]:
    """Run one to its end."""
    with _run_stand_ins(folder) as config, run_prober(folder, config(rate)) as running:
        stop = threading.Event()
        reloading = threading.Thread(target=_reload_until, args=(running.web, stop))
        reloading.start()
        try:
            started = time.monotonic()
            readings = []
            while (elapsed := time.monotonic() - started) < minutes * 60:
                readings.append(_take_reading(running, elapsed))
                time.sleep(_READING_INTERVAL)
        finally:
            stop.set()
            reloading.join()
    return readings


@contextlib.contextmanager
def _run_stand_ins(folder: Path) -> Iterator[Callable[[float], str]]:
    """Run stand-ins for agent-sre and Linear; gives a function that writes the configuration."""
    key, canary = folder / "linear.key", find_free_port()
    key.write_text("a stand-in takes any key")
    program = [sys.executable, "-m", "exporter.cli"]
    with contextlib.ExitStack() as children:

        def start_stand_in(name: str, *options: str | Path) -> str:
            command = [*program, name, "--listen", "127.0.0.1:0", *options]
            child = start_process(name, command, folder=folder)
            children.callback(child.stop)
            return wait_for_line(child, "listening on ")

        linear = start_stand_in("simulate-linear", "--keep-issues", "5000")
        target = start_stand_in(
            "simulate", "--capacity", "0", "--function-url", f"http://127.0.0.1:{canary}/",
            "--linear-url", linear, "--linear-key-file", key,
        )  # fmt: skip
        yield lambda rate: _CONFIG.format(
            target=target, canary=canary, linear=linear, interval=round(1000 / rate)
        )


def _reload_until(web: str, stop: threading.Event) -> None:
    while not stop.wait(_RELOAD_INTERVAL):
        requests.post(f"{web}/-/reload", timeout=60).raise_for_status()


def _take_reading(running: BenchmarkProber, seconds: float) -> SoakReading:
    samples = [
        sample
        for family in text_string_to_metric_families(running.get_page())
        for sample in family.samples
    ]
    verdicts: dict[str, int] = {}
    for sample in samples:
        if sample.name == f"{PREFIX}probe_runs_total" and sample.value:
            verdicts[sample.labels["verdict"]] = int(sample.value)
    values = {sample.name: sample.value for sample in samples if not sample.labels}
    return SoakReading(
        seconds,
        sum(verdicts.values()),
        running.read_rss(),
        len(list(Path(f"/proc/{running.child.process.pid}/fd").iterdir())),
        len(samples),
        int(values[f"{PREFIX}cleanup_backlog"]),
        values[f"{PREFIX}cleanup_backlog_age_seconds"],
        verdicts,
    )


def judge_readings(readings: Sequence[SoakReading], signal: LeakSignal) -> LeakFinding:
    """Let the leak detector judge the last minutes; its warm-up comes before them."""
    last = readings[-1]
    from_run = max(
        (
            reading.runs
            for reading in readings
            if reading.seconds <= last.seconds - _JUDGED_MINUTES * 60
        ),
        default=0,
    )
    start = max(from_run - SLOW_POLICY.warm_up, 0.0)
    kept = [reading for reading in readings if reading.runs >= start]
    runs = [float(reading.runs) for reading in kept]
    values = [reading.rss if signal is LeakSignal.RSS else reading.files for reading in kept]
    life = ProcessLife(starts=(start,), events=Samples.from_readings(runs, runs))
    series = SignalSeries(signal, "slo-probe", Samples.from_readings(runs, values), life)
    return detect_leaks([series]).current[0]


def check_targets(readings: Sequence[SoakReading]) -> list[TargetResult]:
    """Check what the soak is for."""
    last, half = readings[-1], readings[len(readings) // 2 :]
    memory, files = (
        judge_readings(readings, signal) for signal in (LeakSignal.RSS, LeakSignal.OPEN_FILES)
    )
    wrong = {verdict: count for verdict, count in last.verdicts.items() if verdict != "ok"}
    series = {reading.series for reading in half}
    return [
        TargetResult("memory: no leak, says our own detector", _describe(memory), _passes(memory)),
        TargetResult("open files: no leak", _describe(files), _passes(files)),
        TargetResult("series: the same number", _join(series), len(series) == 1),
        TargetResult("every run is ok", f"{last.runs:,} runs, {wrong or 'no other'}", not wrong),
        TargetResult(
            "clean-up: no run waits longer than two minutes",
            f"{max(reading.backlog_age for reading in readings):.0f} s",
            all(reading.backlog_age < 120 for reading in readings),
        ),
    ]


def _passes(finding: LeakFinding) -> bool:
    return finding.verdict is LeakVerdict.PASS


def _join(values: set[int]) -> str:
    return " to ".join(f"{value:,}" for value in sorted({min(values), max(values)}))


def _describe(finding: LeakFinding) -> str:
    text = f"{finding.verdict.name.lower()} ({finding.reason})"
    if finding.measurement is None:
        return text
    trend = finding.measurement.trend
    low, slope, high = (f"{value / 3.6:.3g}" for value in (trend.low, trend.slope, trend.high))
    return f"{text}; {slope} ({low} to {high}) per 1,000 runs"


def render_soak(readings: Sequence[SoakReading]) -> str:
    """The prober at every fifth minute."""
    rows, due = [], 60.0
    for reading in (*readings, readings[-1]):
        if reading.seconds >= due or reading is readings[-1]:
            rows.append(
                (
                    f"{reading.seconds / 60:.0f}", f"{reading.runs:,}",
                    f"{reading.rss / 1e6:.1f}", str(reading.files), f"{reading.series:,}",
                    f"{reading.backlog:,}", f"{reading.backlog_age:.0f}",
                )
            )  # fmt: skip
            due += 300 if due > 60 else 240
    columns = ("minute", "runs", "RSS (MB)", "files", "series", "waiting", "oldest (s)")
    return render_table(columns, list(dict.fromkeys(rows)))


def draw_plot(readings: Sequence[SoakReading]) -> str:
    """Draw memory over time as SVG, from zero."""
    width, height, left = 720, 240, 50
    end = readings[-1].seconds
    top = max(reading.rss for reading in readings) / 1e6 * 1.2

    def place(seconds: float, megabytes: float) -> tuple[float, float]:
        x = left + seconds / end * (width - left - 10)
        return round(x, 1), round(height - 30 - megabytes / top * (height - 50), 1)

    points = " ".join("{},{}".format(*place(r.seconds, r.rss / 1e6)) for r in readings)
    marks = []
    for step in range(5):
        x, y = place(end * step / 4, top * step / 5)
        marks.append(f'<text x="{x}" y="{height - 10}">{end / 60 * step / 4:.0f} min</text>')
        marks.append(f'<text x="4" y="{y}">{top * step / 5:.0f} MB</text>')
        marks.append(f'<line x1="{left}" x2="{width - 10}" y1="{y}" y2="{y}" stroke="#ddd"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f'{"".join(marks)}<polyline points="{points}" fill="none" stroke="#1f60c4"/></svg>\n'
    )


@click.command()
@click.option("--minutes", type=float, default=30.0, show_default=True)
@click.option("--rate", type=float, default=25.0, show_default=True, help="Events a second.")
@click.option("--record", type=Path, help="Where to write the readings.")
def main(*, minutes: float, rate: float, record: Path | None) -> None:
    """Run a soak, and write its section of the page."""
    with TemporaryDirectory(prefix="soak-") as folder:
        readings = run_soak(minutes, rate, Path(folder))
    if record is not None:
        record.write_text("".join(json.dumps(asdict(each)) + "\n" for each in readings))
    results = check_targets(readings)
    _PLOT.write_text(draw_plot(readings))
    text = _TEXT.format(
        minutes=readings[-1].seconds / 60,
        rate=readings[-1].runs / readings[-1].seconds,
        results=render_results(results),
        table=render_soak(readings),
    )
    write_section(_TITLE, text)
    click.echo(text)
    sys.exit(not all(result.met for result in results))


_TEXT = """\
`make soak MINUTES=30`: {minutes:.0f} minutes at {rate:.1f} events a second on a machine shared with
other work, with a reload every 10 s, Linear issues and their clean-up. Each run counts as a second
for the leak detector; its slope is of the last 20 minutes, in bytes or files per 1,000 runs.

{results}
{table}
![Memory of the prober over the soak](soak.svg)
"""

if __name__ == "__main__":
    main()
