"""Campaign of random faults and kills; every verdict is checked, and every event is counted."""

import contextlib
import json
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.devstack.stack import ChildProcess, find_free_port, start_process, wait_for_line
from tests.benchmarks.probe.campaign_result import FAULTS, CampaignResult
from tests.benchmarks.probe.processes import BenchmarkProber, run_prober, start_on_core, wait_until

_CONFIG = """\
target: {{url: "{target}/"}}
canary: {{listen: "127.0.0.1:{canary}"}}
web: {{listen: "127.0.0.1:0"}}
journal: {{path: journal.sqlite}}
observers:
  linear:
    url: "{linear}"
    key_file: linear.key
    requests_per_hour: 1000000
    every: 500ms
    within: 4s
    linger: 4s
probes:
  sustained:
    interval: {interval}
    timeout: 4s
    late_after: 1500ms
    settle: 500ms
    max_send_lag: 30s
    max_in_flight: 1000
"""
"""A duplicate follows at once, so half a second is time enough; the rest is generous, so that a
busy machine is never taken for a fault."""


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """Plan of a campaign.

    Attributes:
        runs: with a verdict, at least.
        kills: of the prober, each at a random moment.
        interval: between two runs.
        seed: of everything that is drawn.
        longest_life: seconds that a prober serves at most before it is killed.
    """

    runs: int
    kills: int
    interval: str = "50ms"
    seed: int = 0
    longest_life: float = 12.0


def run_campaign(plan: CampaignPlan, folder: Path) -> CampaignResult:
    """Run one to its end."""
    started, result = time.monotonic(), CampaignResult()
    rng, canary = random.Random(plan.seed), find_free_port()
    (folder / "linear.key").write_text("a stand-in takes any key")
    with _run_target(folder, canary, plan) as child:
        config = _CONFIG.format(
            target=wait_for_line(child, "listening on "),
            linear=wait_for_line(child, "linear on "),
            canary=canary,
            interval=plan.interval,
        )
        for _ in range(plan.kills):
            _run_until_killed(folder, config, result, seconds=rng.uniform(0.2, plan.longest_life))
        _run_to_end(folder, config, result, runs=plan.runs)
    result.runs = _read_rows(folder)
    lines = (folder / "drawn.jsonl").read_text().splitlines()
    result.faults_by_event = dict(map(json.loads, lines))
    result.issues = json.loads((folder / "drawn.linear.json").read_text())
    result.seconds = time.monotonic() - started
    return result


@contextlib.contextmanager
def _run_target(folder: Path, canary: int, plan: CampaignPlan) -> Iterator[ChildProcess]:
    module, record = "tests.benchmarks.probe.fault_target", folder / "drawn.jsonl"
    options = ["--canary", str(canary), "--record", str(record), "--seed", str(plan.seed)]
    command = [sys.executable, "-m", module, *options, *FAULTS]
    child = start_on_core(None, lambda: start_process("target", command, folder=folder))
    try:
        yield child
    finally:
        child.stop()


def _run_until_killed(folder: Path, config: str, result: CampaignResult, *, seconds: float) -> None:
    """A prober that serves for a while and is killed; what it counted last is noted."""
    with run_prober(folder, config) as running:
        verdicts = _read_verdicts(running)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(min(0.2, max(deadline - time.monotonic(), 0.0)))
            verdicts = _read_verdicts(running)
        running.child.process.kill()
        running.child.process.wait()
        result.kills.append(time.time())
        result.exported_verdicts += verdicts


def _run_to_end(folder: Path, config: str, result: CampaignResult, *, runs: int) -> None:
    """A prober that makes the number full; then one that only finishes and cleans up."""
    with run_prober(folder, config) as running:
        wait_until(lambda: _count_finished(folder) >= runs, seconds=runs / 4 + 60)
        result.exported_verdicts += _drain_prober(running)
    idle = config.replace("sustained:", "remediation:").replace("    interval:", "    #")
    idle = idle.replace("max_in_flight: 1000", "interval: 1h\n    jitter: 0%")
    with run_prober(folder, idle) as running:
        wait_until(lambda: not _count_unfinished(folder), seconds=120, pause=0.5)
        result.exported_verdicts += _read_verdicts(running)


def _drain_prober(running: BenchmarkProber) -> Counter[str]:
    """The last counts of a prober that ends in peace: no run starts, those under way end."""
    running.child.process.terminate()
    verdicts = Counter[str]()
    with contextlib.suppress(OSError):
        while running.child.process.poll() is None:
            verdicts = _read_verdicts(running)
            time.sleep(0.05)
    running.child.process.wait()
    return verdicts


def _read_verdicts(running: BenchmarkProber) -> Counter[str]:
    counts = running.read_counter("probe_runs_total", "verdict")
    return Counter({verdict: int(count) for verdict, count in counts.items()})


def _read_rows(folder: Path) -> list[tuple[str, str, str, str, float]]:
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as journal:
        query = "SELECT id, state, verdict, reason, intended_at FROM runs ORDER BY seq"
        return journal.execute(query).fetchall()


def _count_finished(folder: Path) -> int:
    return sum(verdict != "unknown" for _, _, verdict, *_ in _read_rows(folder))


def _count_unfinished(folder: Path) -> int:
    return sum(state != "cleaned" for _, state, *_ in _read_rows(folder))
