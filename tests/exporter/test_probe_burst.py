"""The burst probe: concurrent alerts, and the criteria that they check."""

import asyncio
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporter.journal.journal import create_open_run
from exporter.model.bounds import Bounds
from exporter.probes import ProbeOutcome, burst
from exporter.schedule.clock import SystemClock
from exporter.schedule.open_loop import Slot
from slos.schema.contract import Criterion, DeliveryPath, Stage, StageSource, Verdict
from slos.schema.units import Duration
from tests.exporter.conftest import Serve
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.in_process_prober import InProcessProber, run_prober

SETTINGS = burst.Settings(
    timeout=Duration.from_parts(seconds=2),
    settle=Duration(100),
    late_after=Duration(1500),
    max_send_lag=Duration.from_parts(seconds=1),
    sizes=[10],
)
RACE, DEADLOCK = Criterion.NO_RACE, Criterion.NO_DEADLOCK


class MixingAgent(FakeAgent):
    """Takes the parameters of one event for those of another, once ten are there."""

    async def _call_canary(self, event: dict[str, object]) -> None:
        async with asyncio.timeout(10):
            while len(self.events) < 10:  # noqa: ASYNC110 - ten requests set no event
                await asyncio.sleep(0.01)
        place = self.events.index(event)
        if place < 2:
            event = {**event, "data": self.events[1 - place]["data"]}
        await super()._call_canary(event)


async def run_burst(prober: InProcessProber) -> ProbeOutcome:
    (probe,) = burst.build_probes(SETTINGS, prober.context)
    clock = SystemClock()
    return await probe.run(Slot(clock.now(), clock.wall()))


def count_verdicts(outcome: ProbeOutcome) -> Counter[Verdict]:
    return Counter(result.verdict for result in outcome.runs)


async def test_a_whole_burst_is_executed_once(prober: InProcessProber, agent: FakeAgent) -> None:
    outcome = await run_burst(prober)
    assert count_verdicts(outcome) == {Verdict.OK: 10}
    assert len({event["id"] for event in agent.events}) == 10
    assert dict(outcome.checks) == {RACE: True, DEADLOCK: True}


def test_a_burst_is_told_on_one_line_with_its_quantiles() -> None:
    run = create_open_run("burst_100", DeliveryPath.DIRECT, "run", 0.0)
    seen: list[dict[Stage, dict[str, Bounds]]]
    seen = [
        {Stage.END_TO_END: {StageSource.CANARY: Bounds.exactly((number + 1) / 100)}}
        for number in range(100)
    ]
    results = [replace(run, verdict=Verdict.OK, stage_times=each) for each in seen]
    lost = replace(run, verdict=Verdict.LOST)
    line = "100 of 101 ok, end to end p50 0.505s, p95 0.951s, p99 0.990s"
    assert burst.summarize_burst([*results, lost]) == line
    assert burst.summarize_burst([results[0], lost]) == "1 of 2 ok"


@pytest.mark.parametrize(
    ("knobs", "verdict", "checks"),
    [
        ({"executions": 2}, Verdict.DUPLICATED, {RACE: True, DEADLOCK: True}),
        ({"parameter_overrides": {"nonce": "x"}}, Verdict.CORRUPTED, {RACE: False, DEADLOCK: True}),
        ({"executions": 0}, Verdict.LOST, {DEADLOCK: True}),
        ({"executions": 0, "status": 500}, Verdict.REJECTED, {DEADLOCK: True}),
        ({"executions": 0, "replies": False}, Verdict.TIMEOUT, {DEADLOCK: False}),
        ({"executions": 0, "aborts_connection": True}, Verdict.UNREACHABLE, {}),
        ({"aborts_connection": True}, Verdict.TIMEOUT, {DEADLOCK: True}),
    ],
    ids=["twice", "altered", "lost", "refused", "hangs", "cut_off", "reply_lost"],
)
async def test_only_what_was_shown_is_a_check(
    prober: InProcessProber,
    agent: FakeAgent,
    knobs: dict[str, Any],
    verdict: Verdict,
    checks: dict[Criterion, bool],
) -> None:
    """Lost events show neither the absence of races nor that of deadlocks."""
    for knob, value in knobs.items():
        setattr(agent, knob, value)
    outcome = await run_burst(prober)
    assert count_verdicts(outcome) == {verdict: 10}
    assert dict(outcome.checks) == checks


async def test_two_events_whose_parameters_are_mixed_up_are_a_race(
    path: Path, serving: Serve
) -> None:
    mixed = MixingAgent()
    async with run_prober(path, await serving(mixed.build_app())) as prober:
        mixed.canary = prober.canary_url
        outcome = await run_burst(prober)
    assert count_verdicts(outcome) == {Verdict.OK: 8, Verdict.CORRUPTED: 2}
    assert dict(outcome.checks) == {RACE: False, DEADLOCK: True}


async def test_a_prober_at_fault_shows_nothing(prober: InProcessProber, agent: FakeAgent) -> None:
    await prober.components.canary_server.cleanup()
    outcome = await run_burst(prober)
    assert count_verdicts(outcome) == {Verdict.UNKNOWN: 10}
    assert (outcome.checks, agent.events) == ((), [])


def test_each_size_has_a_plan_and_a_name_of_its_own() -> None:
    names = [name for name, _ in burst.list_label_pairs(burst.Settings())]
    assert names == ["burst_10", "burst_50", "burst_100"]
