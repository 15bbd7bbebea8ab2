"""Soak test: hours of one probe a second, run in minutes; checks memory and journal.

Each run counts as a second, so that our own leak detector can judge the prober as it would judge
agent-sre, with all its gates as they are: it wants two hours and 6,000 events of warm-up and four
hours more. What grows with the clock instead of the runs is not seen here.
"""

import contextlib
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.devstack.stack import find_free_port
from exporter.leakdetection.detector import LeakFinding, detect_leaks
from exporter.leakdetection.policy import MIN_BYTES_PER_EVENT, LeakSignal
from exporter.leakdetection.series import ProcessLife, Samples, SignalSeries
from slos.schema.contract import LeakVerdict
from tests.benchmarks.probe.processes import BenchmarkProber, run_prober, run_target
from tests.benchmarks.probe.throughput import build_config
from tests.benchmarks.report import render_table
from tests.benchmarks.targets import TargetResult

HOURS_TO_JUDGE = 7
_KEPT_RUNS = 1_000
_ROWS_AT_MOST = _KEPT_RUNS + 1_000
"""Those under way are never dropped."""
_BYTES_AT_MOST = 16_000_000
_READING_INTERVAL = 0.2


@dataclass(frozen=True, slots=True)
class ResourceReading:
    """The prober after so many runs."""

    runs: int
    rss: int
    rows: int
    journal: int
    """Bytes of its files."""


@dataclass(frozen=True, slots=True)
class SoakResult:
    """Readings of a soak test, and the finding of the leak detector.

    `requested_hours` are the hours there were to be; a machine too slow for them has fewer.
    """

    requested_hours: int
    readings: Sequence[ResourceReading]
    finding: LeakFinding


def measure_hours(count: int, folder: Path, *, interval: str = "4ms") -> SoakResult:
    """So many accelerated hours, of 3,600 runs each."""
    canary = find_free_port()
    with run_target(folder, canary, core=1) as port:
        text = build_config(port, canary, interval=interval, keep=_KEPT_RUNS)
        with run_prober(folder, text, core=0) as running:
            readings = [_take_reading(running, folder)]
            deadline = time.monotonic() + count * 60
            while readings[-1].runs < count * 3600 and time.monotonic() < deadline:
                time.sleep(_READING_INTERVAL)
                readings.append(_take_reading(running, folder))
    return SoakResult(count, readings, judge_readings(readings))


def _take_reading(running: BenchmarkProber, folder: Path) -> ResourceReading:
    runs = int(sum(running.read_counter("probe_runs_total", "probe").values()))
    files = [path.stat().st_size for path in folder.glob("journal.sqlite*")]
    return ResourceReading(runs, running.read_rss(), _count_rows(folder), sum(files))


def _count_rows(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite", timeout=5)) as journal:
        (count,) = journal.execute("SELECT count(*) FROM runs").fetchone()
        return int(count)


def judge_readings(readings: Sequence[ResourceReading]) -> LeakFinding:
    """Run the leak detector on the readings; each run counts as one second."""
    seconds = [reading.runs for reading in readings]
    events = Samples.from_readings(seconds, seconds)
    samples = Samples.from_readings(seconds, [reading.rss for reading in readings])
    series = SignalSeries(
        LeakSignal.RSS, "slo-probe", samples, ProcessLife(starts=(0.0,), events=events)
    )
    return detect_leaks([series]).current[0]


def check_targets(result: SoakResult) -> list[TargetResult]:
    """Check the targets; leaks are not checked if too few hours were requested."""
    rows = max(reading.rows for reading in result.readings)
    size = max(reading.journal for reading in result.readings)
    runs = result.readings[-1].runs
    is_bounded = rows <= _ROWS_AT_MOST and size <= _BYTES_AT_MOST and runs > _ROWS_AT_MOST
    text = f"{rows:,} rows, {size / 1e6:.1f} MB after {runs:,} runs"
    journal = TargetResult(f"hours: journal of {_KEPT_RUNS:,} runs stays bounded", text, is_bounded)
    finding = result.finding
    if finding.measurement is None and result.requested_hours < HOURS_TO_JUDGE:
        return [journal]
    grown = finding.measurement.per_event if finding.measurement else None
    verdict_text = f"{finding.verdict.name.lower()} ({finding.reason})"
    is_flat = grown is not None and grown < MIN_BYTES_PER_EVENT
    return [
        journal,
        TargetResult(
            "hours: no leak, says our own detector",
            verdict_text,
            finding.verdict is LeakVerdict.PASS,
        ),
        TargetResult(
            f"hours: floor grows by less than {MIN_BYTES_PER_EVENT} bytes a run",
            "not measured" if grown is None else f"{grown:.1f} bytes",
            is_flat,
        ),
    ]


def render_hours(result: SoakResult) -> str:
    """Memory and journal at the end of each hour."""
    rows = []
    for hour in range(1, result.readings[-1].runs // 3600 + 1):
        hour_reading = next(reading for reading in result.readings if reading.runs >= hour * 3600)
        rows.append(
            (
                str(hour),
                f"{hour_reading.runs:,}",
                f"{hour_reading.rss / 1e6:.1f}",
                f"{hour_reading.rows:,}",
                f"{hour_reading.journal / 1e6:.1f}",
            )
        )  # fmt: skip
    return render_table(("hour", "runs", "RSS (MB)", "journal (runs)", "journal (MB)"), rows)
