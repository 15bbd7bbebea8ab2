"""A target that stands still once: what the prober sees, what was, and what a closed loop sees."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from exporter.devstack.stack import free_port
from tests.benchmarks.probe.closed_loop import latencies
from tests.benchmarks.probe.programs import quantile, target
from tests.benchmarks.probe.throughput import Measured, measure
from tests.benchmarks.report import table
from tests.benchmarks.targets import Result

INTERVAL = 0.01
_STALL_AT, _STALL = 5.0, 2.0
_OPTIONS = ["--stall-at", str(_STALL_AT), "--stall", str(_STALL)]
_SHARES = (0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
_OFF_AT_MOST = 0.05
"""Of the two-second stall; the steady figures are held to 2 ms elsewhere."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """Seconds, each in order."""

    open_loop: Measured
    truth: Sequence[float]
    seen: Sequence[float]
    closed_truth: Sequence[float]
    closed: Sequence[float]


def stalled(folder: Path, *, seconds: float) -> Stalled:
    """The prober and a closed loop against the same stall, at the same rate."""
    open_folder, closed_folder = folder / "open", folder / "closed"
    open_folder.mkdir()
    closed_folder.mkdir()
    by_plan = measure(
        open_folder, seconds=seconds, interval=f"{INTERVAL * 1000:.0f}ms", options=_OPTIONS
    )
    canary = free_port()
    with target(closed_folder, canary, *_OPTIONS, core=1) as port:
        closed = asyncio.run(latencies(port, canary, seconds=seconds, interval=INTERVAL))
    rows = json.loads((closed_folder / "truth.json").read_text())
    return Stalled(
        by_plan,
        truth=sorted(event.injected for event in by_plan.events),
        seen=sorted(event.measured for event in by_plan.events),
        closed_truth=sorted(injected for _, _, injected, _ in rows),
        closed=sorted(closed),
    )


def results(found: Stalled) -> list[Result]:
    """Whether the stall shows as it was."""
    worst = max((abs(_off(found, share)) for share in _SHARES[:-1]), default=float("inf"))
    hidden = quantile(found.closed, 0.99) / quantile(found.truth, 0.99)
    return [
        Result(
            f"stall: every quantile within {1000 * _OFF_AT_MOST:.0f} ms of the truth",
            f"{1000 * worst:.1f} ms",
            worst <= _OFF_AT_MOST,
        ),
        Result(
            "stall: no missed slot", f"{found.open_loop.missed:.0f}", not found.open_loop.missed
        ),
        Result(
            "stall: a closed loop hides it (p99 below half the truth)",
            f"{100 * hidden:.0f} % of the truth",
            hidden < 0.5,
        ),
    ]


def _off(found: Stalled, share: float) -> float:
    return quantile(found.seen, share) - quantile(found.truth, share)


def of_stall(found: Stalled) -> str:
    """The three distributions beside each other."""
    rows = [
        (
            "max" if share == 1 else f"p{100 * share:g}",
            *(
                f"{1000 * quantile(values, share):.0f}"
                for values in (found.truth, found.seen, found.closed)
            ),
        )
        for share in _SHARES
    ]
    rows.append(("events", *(f"{len(v):,}" for v in (found.truth, found.seen, found.closed))))
    return table(("ms", "truth of the plan", "the prober", "a closed loop"), rows)
