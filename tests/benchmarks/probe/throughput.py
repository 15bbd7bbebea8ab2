"""Throughput of the prober: 500 events a second on one core, sent on time and measured right."""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from exporter.devstack.stack import find_free_port
from slos.schema.contract import SCHEDULE_LAG
from tests.benchmarks.probe.processes import (
    BenchmarkProber,
    compute_quantile,
    run_prober,
    run_target,
)
from tests.benchmarks.report import render_table
from tests.benchmarks.targets import TargetResult

_LAG_AT_MOST = 0.010
_ERROR_AT_MOST = 0.002
_SHARES = (0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
_CONFIG = """\
target: {{url: "http://127.0.0.1:{target}/"}}
canary: {{listen: "127.0.0.1:{canary}"}}
web: {{listen: "127.0.0.1:0"}}
journal: {{path: journal.sqlite, keep_runs: {keep}}}
log_level: error
probes:
  sustained:
    interval: {interval}
    timeout: {timeout}
    late_after: {late}
    settle: 50ms
    max_in_flight: 10000
    max_send_lag: 5s
    jitter: 0%
"""


@dataclass(frozen=True, slots=True)
class MeasuredEvent:
    """One event as both sides saw it, in seconds.

    Attributes:
        arrival: from the intended send until the target had it, by the wall clock.
        injected: from there until the target called the canary.
        measured: from the intended send until the canary had answered, as the prober has it.
    """

    arrival: float
    injected: float
    measured: float


@dataclass(frozen=True, slots=True)
class ThroughputResult:
    """Result of one minute of load.

    Attributes:
        events: that both sides know, in the order of the plan.
        verdicts: runs by verdict.
        missed: slots that were not used.
        lag: the distribution of the prober's own histogram: share of sends by upper bound.
        cpu: cores that the prober used.
        rate: events a second.
        load: average load of the machine before it began.
    """

    events: Sequence[MeasuredEvent]
    verdicts: dict[str, float]
    missed: float
    lag: Sequence[tuple[float, float]]
    cpu: float
    rate: float
    load: float


def build_config(target_port: int, canary: int, *, interval: str, keep: int = 1_000_000,
           timeout: str = "4s", late: str = "3s") -> str:  # fmt: skip
    """A configuration that sends at a steady rate."""
    return _CONFIG.format(
        target=target_port, canary=canary, interval=interval, keep=keep, timeout=timeout, late=late
    )


def measure_throughput(
    folder: Path, *, seconds: float, interval: str = "2ms", options: Sequence[str] = ()
) -> ThroughputResult:
    """Let the prober send for a while; prober and target have a core each."""
    load, canary = os.getloadavg()[0], find_free_port()
    with run_target(folder, canary, *options, core=1) as port:
        text = build_config(port, canary, interval=interval, timeout="9s", late="8s")
        with run_prober(folder, text, core=0) as running:
            cpu, started = running.read_cpu_seconds(), time.monotonic()
            time.sleep(seconds)
            cpu, elapsed = running.read_cpu_seconds() - cpu, time.monotonic() - started
            exposition = running.get_page()
            _stop_prober(running)
    return ThroughputResult(
        events=_read_events(folder),
        verdicts=_sum_counter(exposition, "verdict"),
        missed=sum(_sum_counter(exposition, "probe", "missed_runs").values()),
        lag=_read_lag(exposition),
        cpu=cpu / elapsed,
        rate=sum(_sum_counter(exposition, "verdict").values()) / elapsed,
        load=load,
    )


def _stop_prober(running: BenchmarkProber) -> None:
    """End in peace, so that what is under way reaches the journal."""
    running.child.process.terminate()
    running.child.process.wait(30)


def _sum_counter(exposition: str, label: str, name: str = "probe_runs") -> dict[str, float]:
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name.endswith(f"{name}_total") and sample.value:
                found[sample.labels[label]] = found.get(sample.labels[label], 0) + sample.value
    return found


def _read_lag(exposition: str) -> list[tuple[float, float]]:
    buckets = [
        (float(sample.labels["le"]), sample.value)
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == f"{SCHEDULE_LAG}_bucket"
    ]
    total = max(count for _, count in buckets) or 1.0
    return [(bound, count / total) for bound, count in buckets]


def _read_events(folder: Path) -> list[MeasuredEvent]:
    truth = {row[0]: row[1:] for row in json.loads((folder / "truth.json").read_text())}
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as journal:
        rows = journal.execute("SELECT id, intended_at, seen FROM runs ORDER BY seq").fetchall()
    found = []
    for run_id, intended, stages_json in rows:
        times = json.loads(stages_json).get("end_to_end", {})
        if run_id in truth and "canary" in times:
            wall, injected, _ = truth[run_id]
            # A busy machine may suspend the prober while it answers: then it has two bounds.
            measured = times["canary"][1] if isinstance(times["canary"], list) else times["canary"]
            found.append(MeasuredEvent(wall - intended, injected, measured))
    return found


def compute_quantile_error(measured: ThroughputResult, share: float) -> float:
    """By how much a quantile of what was measured lies above that of what was injected."""
    events = measured.events
    return compute_quantile(sorted(e.measured for e in events), share) - compute_quantile(
        sorted(e.injected for e in events), share
    )


def compute_share_in_time(measured: ThroughputResult) -> float:
    """The share of events that were sent within the lag that is allowed."""
    return next(share for bound, share in measured.lag if bound >= _LAG_AT_MOST)


def check_targets(measured: ThroughputResult, *, rate: int) -> list[TargetResult]:
    """Check the targets."""
    ok = measured.verdicts.get("ok", 0.0)
    runs = sum(measured.verdicts.values())
    found = [
        TargetResult(
            f"{rate} events/s: sent", f"{measured.rate:.0f}/s", measured.rate >= 0.99 * rate
        ),
        TargetResult(f"{rate} events/s: all ok", f"{ok:,.0f} of {runs:,.0f}", 0 < runs == ok),
        TargetResult(
            f"{rate} events/s: p99 send lag below {_LAG_AT_MOST * 1000:.0f} ms",
            f"{100 * compute_share_in_time(measured):.2f} % within",
            compute_share_in_time(measured) >= 0.99,
        ),
        TargetResult(
            f"{rate} events/s: no missed slot", f"{measured.missed:.0f}", measured.missed == 0
        ),
    ]
    for share in (0.5, 0.99):
        gap = compute_quantile_error(measured, share) if measured.events else float("inf")
        target_text = f"{rate} events/s: p{100 * share:.0f} within {_ERROR_AT_MOST * 1000:.0f} ms"
        found.append(TargetResult(target_text, f"{gap * 1000:+.2f} ms", abs(gap) <= _ERROR_AT_MOST))
    return found


def render_latencies(measured: ThroughputResult) -> str:
    """Quantiles of both sides, in milliseconds."""
    columns = {
        "injected": sorted(event.injected for event in measured.events),
        "measured": sorted(event.measured for event in measured.events),
        "measured less injected": sorted(e.measured - e.injected for e in measured.events),
        "intended send to arrival": sorted(event.arrival for event in measured.events),
    }
    rows = [
        (
            "max" if share == 1 else f"p{100 * share:g}",
            *(f"{1000 * compute_quantile(values, share):.2f}" for values in columns.values()),
        )
        for share in _SHARES
    ]
    return render_table(("ms", *columns), rows)


def render_attempts(attempts: Sequence[ThroughputResult]) -> str:
    """Render the result of each attempt, with the load of the machine."""
    columns = ("events/s", "cores", "sent within 10 ms", "p50 off by", "p99 off by", "load before")
    rows = [
        (
            f"{attempt.rate:.0f}",
            f"{attempt.cpu:.2f}",
            f"{100 * compute_share_in_time(attempt):.2f} %",
            f"{1000 * compute_quantile_error(attempt, 0.5):+.2f} ms",
            f"{1000 * compute_quantile_error(attempt, 0.99):+.2f} ms",
            f"{attempt.load:.1f}",
        )
        for attempt in attempts
    ]
    return render_table(columns, rows)
