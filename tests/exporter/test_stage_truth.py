"""Stage times under concurrency: what the prober says holds against the truth of the test.

`STAGE_TRUTH=20` makes the loads twenty times as large.
"""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.httpclient.client import Reply
from exporter.model.alert import Alert
from exporter.model.bounds import Bounds
from exporter.model.run import Run
from exporter.paths import direct
from exporter.prober.runner import AlertJob
from exporter.schedule.open_loop import Slot, send_open_loop
from slos.schema.contract import Stage, StageSource, Verdict
from tests.exporter.conftest import Serve
from tests.exporter.in_process_prober import (
    PATIENT_SETTINGS,
    TARGETS,
    InProcessProber,
    run_prober,
)
from tests.exporter.pooling_agent import PoolingAgent, TruthfulClock, note_run

SCALE = int(os.environ.get("STAGE_TRUTH", "1"))
TOLERANCE = 0.005


class NotingPath(direct.Path):
    """The direct path; notes when each reply came."""

    replied_at: dict[str, float]

    async def send_alert(self, alert: Alert) -> Reply:
        reply = await super().send_alert(alert)
        self.replied_at[alert.id] = reply.at
        return reply


@dataclass
class Load:
    """Runs of a load, and the truth about each."""

    runs: list[Run]
    slots: dict[str, float]
    clock: TruthfulClock
    path: NotingPath

    def list_truths(self, run: Run) -> dict[Stage, float]:
        contact, _, _, finished = self.clock.contacts[run.id]
        intended = self.slots[run.id]
        return {
            Stage.CLOUDEVENT_PROCESSING: self.path.replied_at[run.id]
            - intended
            - (finished - contact),
            Stage.REMEDIATION_SELECTION: contact - intended,
            Stage.LAMBDA_EXECUTION: finished - contact,
            Stage.END_TO_END: finished - intended,
        }

    def iter_times(self) -> Iterator[tuple[Run, Bounds, float]]:
        """Iterate over the stages of all runs that a busy machine got through: prober and truth."""
        executed = [run for run in self.runs if run.verdict is Verdict.OK]
        assert executed
        for run in executed:
            truths = self.list_truths(run)
            assert truths.keys() == run.stages.keys()
            for stage, truth in truths.items():
                yield run, run.stages[stage], truth

    def was_suspended(self, run: Run) -> bool:
        """Return whether a busy machine suspended the canary while it answered a run."""
        _, _, before, after = self.clock.contacts[run.id]
        return after - before > TOLERANCE

    def count_certain(self, stage: Stage) -> int:
        return sum(run.stages[stage].is_certain for run in self.runs)


async def run_load(
    folder: Path,
    serving: Serve,
    offsets: list[float],
    *,
    seed: int,
    connections: int = 16,
    traces_checks: bool = False,
) -> tuple[Load, InProcessProber]:
    agent = PoolingAgent(seed, connections=connections, traces_checks=traces_checks)
    clock = TruthfulClock()
    target, agent.proxy = await serving(agent.build_app()), await serving(agent.build_proxy())
    async with run_prober(folder / "journal.sqlite", target, clock=clock) as prober:
        agent.canary = prober.canary_url
        path = NotingPath(direct.Settings(), prober.context.path_context)
        path.replied_at = {}
        job = AlertJob("remediation", path, PATIENT_SETTINGS.to_deadlines(TARGETS))
        slots: dict[str, float] = {}

        async def run_slot(slot: Slot) -> Run:
            run = await prober.components.alert_runner.run(job, slot)
            slots[run.id] = slot.intended
            return run

        start = Slot(clock.now() + 0.1, clock.wall() + 0.1)
        async with asyncio.timeout(120):
            runs = await send_open_loop(offsets, start, run_slot, clock=clock)
    return Load(list(runs), slots, clock, path), prober


@pytest.fixture(autouse=True)
def mark_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell the clock whose request the canary handles."""
    from exporter.prober import canary  # noqa: PLC0415

    class MarkingCanary(canary.Canary):
        def __init__(self, *args, **rest) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN002, ANN003
            super().__init__(*args, **rest)
            self.app.middlewares.append(note_run)

    monkeypatch.setattr("exporter.app.components.Canary", MarkingCanary)


@pytest.mark.parametrize(("size", "connections"), [(10, 1), (50, 16), (100, 100)])
async def test_every_time_of_a_burst_holds_the_truth(
    tmp_path: Path, serving: Serve, size: int, connections: int
) -> None:
    for seed in range(SCALE):
        load, _ = await run_load(
            tmp_path, serving, [0.0] * size, seed=seed, connections=connections
        )
        for _, bounds, truth in load.iter_times():
            assert bounds.low - TOLERANCE <= truth <= bounds.high + TOLERANCE
        suspended = sum(map(load.was_suspended, load.runs))
        assert load.count_certain(Stage.END_TO_END) == size - suspended > 0


async def test_a_burst_with_traced_health_checks_is_exact(tmp_path: Path, serving: Serve) -> None:
    load, _ = await run_load(tmp_path, serving, [0.0] * 50, seed=3, traces_checks=True)
    for run, bounds, truth in load.iter_times():
        assert bounds.is_certain or load.was_suspended(run)
        assert bounds.low - TOLERANCE <= truth <= bounds.high + TOLERANCE


async def test_every_time_at_a_hundred_a_second_holds_the_truth(
    tmp_path: Path, serving: Serve
) -> None:
    offsets = [number / 100 for number in range(150 * SCALE)]
    load, _ = await run_load(tmp_path, serving, offsets, seed=1)
    for _, bounds, truth in load.iter_times():
        assert bounds.low - TOLERANCE <= truth <= bounds.high + TOLERANCE


async def test_single_events_are_exact(tmp_path: Path, serving: Serve) -> None:
    for seed in range(3 * SCALE):
        load, _ = await run_load(tmp_path, serving, [0.0], seed=seed)
        for run, bounds, truth in load.iter_times():
            assert bounds.is_certain or load.was_suspended(run)
            assert bounds.low - TOLERANCE <= truth <= bounds.high + TOLERANCE


async def test_a_burst_misses_no_target_on_a_guess(tmp_path: Path, serving: Serve) -> None:
    """None took a minute, so none counts as missed, however wide its bounds are."""
    load, prober = await run_load(tmp_path, serving, [0.0] * 50, seed=5)
    labels = {"probe": "remediation", "path": "direct"}
    for stage in load.runs[0].stages:
        assert prober.read_sample("checks_total", criterion=f"AC1.{stage}", result="fail") == 0
        assert prober.read_sample("checks_total", criterion=f"AC1.{stage}", result="pass") == 50
        uncertain = sum(not run.stages[stage].is_certain for run in load.runs)
        intervals = prober.read_sample(
            "stage_intervals_total", **labels, stage=stage, result="pass"
        )
        assert (intervals or 0) == uncertain
    assert load.count_certain(Stage.LAMBDA_EXECUTION) < 50
    source = {"stage": Stage.LAMBDA_EXECUTION, "source": StageSource.CANARY}
    assert prober.read_sample("stage_duration_seconds_count", **labels, **source) == 50
