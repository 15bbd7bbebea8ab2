"""Random faults and random kills: whether every verdict is the truth, and all is accounted for."""

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

from exporter.devstack.stack import Child, announced, free_port, start
from tests.benchmarks.probe.accounts import FAULTS, Campaign
from tests.benchmarks.probe.programs import Prober, on_core, prober, until

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
class Plan:
    """What a campaign consists of.

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


def campaign(plan: Plan, folder: Path) -> Campaign:
    """Run one to its end."""
    begun, found = time.monotonic(), Campaign()
    chance, canary = random.Random(plan.seed), free_port()
    (folder / "linear.key").write_text("a stand-in takes any key")
    with _target(folder, canary, plan) as child:
        config = _CONFIG.format(
            target=announced(child, "listening on "),
            linear=announced(child, "linear on "),
            canary=canary,
            interval=plan.interval,
        )
        for _ in range(plan.kills):
            _life(folder, config, found, seconds=chance.uniform(0.2, plan.longest_life))
        _last_life(folder, config, found, wanted=plan.runs)
    found.runs = _rows(folder)
    lines = (folder / "drawn.jsonl").read_text().splitlines()
    found.drawn = dict(map(json.loads, lines))
    found.issues = json.loads((folder / "drawn.linear.json").read_text())
    found.seconds = time.monotonic() - begun
    return found


@contextlib.contextmanager
def _target(folder: Path, canary: int, plan: Plan) -> Iterator[Child]:
    module, record = "tests.benchmarks.probe.fault_target", folder / "drawn.jsonl"
    options = ["--canary", str(canary), "--record", str(record), "--seed", str(plan.seed)]
    command = [sys.executable, "-m", module, *options, *FAULTS]
    child = on_core(None, lambda: start("target", command, folder=folder))
    try:
        yield child
    finally:
        child.stop()


def _life(folder: Path, config: str, found: Campaign, *, seconds: float) -> None:
    """A prober that serves for a while and is killed; what it counted last is noted."""
    with prober(folder, config) as running:
        seen = _verdicts(running)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(min(0.2, max(deadline - time.monotonic(), 0.0)))
            seen = _verdicts(running)
        running.child.process.kill()
        running.child.process.wait()
        found.kills.append(time.time())
        found.counted += seen


def _last_life(folder: Path, config: str, found: Campaign, *, wanted: int) -> None:
    """A prober that makes the number full; then one that only finishes and cleans up."""
    with prober(folder, config) as running:
        until(lambda: _finished(folder) >= wanted, seconds=wanted / 4 + 60)
        found.counted += _drained(running)
    idle = config.replace("sustained:", "remediation:").replace("    interval:", "    #")
    idle = idle.replace("max_in_flight: 1000", "interval: 1h\n    jitter: 0%")
    with prober(folder, idle) as running:
        until(lambda: not _unfinished(folder), seconds=120, pause=0.5)
        found.counted += _verdicts(running)


def _drained(running: Prober) -> Counter[str]:
    """The last counts of a prober that ends in peace: no run starts, those under way end."""
    running.child.process.terminate()
    seen = Counter[str]()
    with contextlib.suppress(OSError):
        while running.child.process.poll() is None:
            seen = _verdicts(running)
            time.sleep(0.05)
    running.child.process.wait()
    return seen


def _verdicts(running: Prober) -> Counter[str]:
    seen = running.counts("probe_runs_total", "verdict")
    return Counter({verdict: int(count) for verdict, count in seen.items()})


def _rows(folder: Path) -> list[tuple[str, str, str, str, float]]:
    with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as journal:
        query = "SELECT id, state, verdict, reason, intended_at FROM runs ORDER BY seq"
        return journal.execute(query).fetchall()


def _finished(folder: Path) -> int:
    return sum(verdict != "unknown" for _, _, verdict, *_ in _rows(folder))


def _unfinished(folder: Path) -> int:
    return sum(state != "cleaned" for _, state, *_ in _rows(folder))
