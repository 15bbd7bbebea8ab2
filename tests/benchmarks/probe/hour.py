"""One probe a second for hours, in minutes: whether memory and journal stay where they are.

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

from exporter.devstack.stack import free_port
from exporter.probes.leak.detector import Finding, judge
from exporter.probes.leak.policy import BYTES_PER_EVENT, Signal
from exporter.probes.leak.series import Life, Samples, Series
from slos.schema.contract import LeakVerdict
from tests.benchmarks.probe.programs import Prober, prober, target
from tests.benchmarks.probe.throughput import config
from tests.benchmarks.report import table
from tests.benchmarks.targets import Result

HOURS_TO_JUDGE = 7
_KEPT = 1_000
_ROWS_AT_MOST = _KEPT + 1_000
"""Those under way are never dropped."""
_BYTES_AT_MOST = 16_000_000
_EVERY = 0.2


@dataclass(frozen=True, slots=True)
class Reading:
    """The prober after so many runs."""

    runs: int
    rss: int
    rows: int
    journal: int
    """Bytes of its files."""


@dataclass(frozen=True, slots=True)
class Hours:
    """What was read, and what the detector says.

    `asked` are the hours there were to be; on a machine too slow for them there are fewer.
    """

    asked: int
    readings: Sequence[Reading]
    finding: Finding


def hours(count: int, folder: Path, *, interval: str = "4ms") -> Hours:
    """So many accelerated hours, of 3,600 runs each."""
    canary = free_port()
    with target(folder, canary, core=1) as port:
        text = config(port, canary, interval=interval, keep=_KEPT)
        with prober(folder, text, core=0) as running:
            readings = [_reading(running, folder)]
            deadline = time.monotonic() + count * 60
            while readings[-1].runs < count * 3600 and time.monotonic() < deadline:
                time.sleep(_EVERY)
                readings.append(_reading(running, folder))
    return Hours(count, readings, judged(readings))


def _reading(running: Prober, folder: Path) -> Reading:
    runs = int(sum(running.counts("probe_runs_total", "probe").values()))
    files = [path.stat().st_size for path in folder.glob("journal.sqlite*")]
    return Reading(runs, running.rss(), _rows(folder), sum(files))


def _rows(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite", timeout=5)) as journal:
        (count,) = journal.execute("SELECT count(*) FROM runs").fetchone()
        return int(count)


def judged(readings: Sequence[Reading]) -> Finding:
    """What our own detector says of the readings, each run taken for a second."""
    seconds = [reading.runs for reading in readings]
    events = Samples.of(seconds, seconds)
    samples = Samples.of(seconds, [reading.rss for reading in readings])
    series = Series(Signal.RSS, "slo-probe", samples, Life(starts=(0.0,), events=events))
    return judge([series]).current[0]


def results(found: Hours) -> list[Result]:
    """Which targets were reached; of leaks nothing only where too few hours were asked for."""
    rows = max(reading.rows for reading in found.readings)
    size = max(reading.journal for reading in found.readings)
    runs = found.readings[-1].runs
    bounded = rows <= _ROWS_AT_MOST and size <= _BYTES_AT_MOST and runs > _ROWS_AT_MOST
    text = f"{rows:,} rows, {size / 1e6:.1f} MB after {runs:,} runs"
    journal = Result(f"hours: journal of {_KEPT:,} runs stays bounded", text, bounded)
    finding = found.finding
    if finding.measured is None and found.asked < HOURS_TO_JUDGE:
        return [journal]
    grown = finding.measured.per_event if finding.measured else None
    said = f"{finding.verdict.name.lower()} ({finding.reason})"
    flat = grown is not None and grown < BYTES_PER_EVENT
    return [
        journal,
        Result("hours: no leak, says our own detector", said, finding.verdict is LeakVerdict.PASS),
        Result(
            f"hours: floor grows by less than {BYTES_PER_EVENT} bytes a run",
            "not measured" if grown is None else f"{grown:.1f} bytes",
            flat,
        ),
    ]


def of_hours(found: Hours) -> str:
    """Memory and journal at the end of each hour."""
    rows = []
    for hour in range(1, found.readings[-1].runs // 3600 + 1):
        at = next(reading for reading in found.readings if reading.runs >= hour * 3600)
        rows.append(
            (str(hour), f"{at.runs:,}", f"{at.rss / 1e6:.1f}", f"{at.rows:,}",
             f"{at.journal / 1e6:.1f}")
        )  # fmt: skip
    return table(("hour", "runs", "RSS (MB)", "journal (runs)", "journal (MB)"), rows)
