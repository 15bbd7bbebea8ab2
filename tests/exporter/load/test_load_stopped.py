"""A load that does not come to its end leaves nothing behind, and is no result."""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.exporter.house import SELDOM, House, Prober, house, remediation, until
from tests.exporter.load.loads import (
    ENDLESS,
    begun,
    by_probe,
    gauges,
    over,
    probes,
    scenarios,
    state,
)
from tests.exporter.program import ended, start
from tests.exporter.test_two_probers import steal

COMPLETED = "scenario_completed_timestamp_seconds"
LOAD = "scenario_throughput"


async def by_reload(prober: Prober, _: House) -> None:
    url = await prober.url("web")
    async with aiohttp.ClientSession() as client, client.post(f"{url}/-/reload") as reply:
        assert reply.status == 200


async def by_lease(_: Prober, at: House) -> None:
    os.close(steal(at.folder / "journal.sqlite.lease"))


async def by_failures(_: Prober, at: House) -> None:
    at.agent.faults.set("error")


@pytest.mark.parametrize(
    ("cause", "reason"),
    [(by_reload, "reloaded"), (by_lease, "lease_lost"), (by_failures, "normal_failures")],
)
async def test_a_load_is_stopped_at_once(
    tmp_path: Path, cause: Callable[[Prober, House], Awaitable[None]], reason: str
) -> None:
    async with house(tmp_path) as at:
        scenarios(at, normal_failures=2, throughput=ENDLESS)
        at.settings["probes"] = remediation("200ms")
        async with at.prober() as prober:
            await begun(prober, "throughput", events=4)
            await cause(prober, at)
            result = await over(prober, "throughput")
            assert (result["state"], result["reason"], result["met"]) == ("stopped", reason, None)
            assert 4 <= result["events"] < 60
            assert (await gauges(prober)).of(COMPLETED, "throughput") == {}
            at.agent.faults.set("none")
            # What was due and not yet sent when the lease was lost is nobody's fault but ours.
            known = {"ok", "rejected", *(["unknown"] if reason == "lease_lost" else [])}
            assert {run[2] for run in probes(at) if run[3] == LOAD} <= known
            assert by_probe(at)[LOAD] == result["events"]


async def test_a_shutdown_ends_a_load(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        scenarios(at, throughput=ENDLESS)
        at.settings["probes"] = SELDOM
        async with at.prober() as prober:
            await begun(prober, "throughput", events=4)
            at.agent.faults.set("hang")
            before = at.agent.executed.received
            await until(lambda: by_probe(at)[LOAD] > before + 2)
            assert (await prober.stop()).code == 0
        assert at.states().keys() <= {"judged", "observed", "cleaned"}
        (result,) = json.loads((tmp_path / "journal.sqlite.scenarios").read_text())
        assert (result["state"], result["reason"]) == ("stopped", "shutdown")
        at.agent.faults.set("none")
        async with at.prober() as again:
            await again.url("web")
            await until(lambda: not at.left() and set(at.states()) == {"cleaned"})


async def test_a_killed_load_is_cleaned_up(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        scenarios(at, throughput=ENDLESS)
        at.settings["probes"] = SELDOM
        async with at.prober() as prober:
            url = await prober.url("web")
            asking = await start("scenario", "throughput", "--at", url)
            await until(lambda: by_probe(at)[LOAD] > 1)
            at.agent.faults.set("slow:lambda_execution:1.5")
            await until(lambda: at.states()["sent"] > 2)
            await prober.kill()
            cut_off = {run[0]: run[1] for run in probes(at)}
        at.agent.faults.set("none")
        at.settings["web"] = {"listen": url.removeprefix("http://")}
        async with at.prober(at.write(probes=SELDOM)) as again:
            await again.url("canary")
            await until(lambda: not at.left() and set(at.states()) == {"cleaned"})
            told = await ended(asking)
            assert (told.code, "cut_off" in told.out) == (2, True)
            await again.counts("in_flight")  # what an earlier process left is counted after it
            assert (await again.counts("probe_runs_total", "probe")).total() == 0
            assert (await again.counts("canary_requests_total", "outcome")).total() == 0
            shown = await gauges(again)
            assert shown.of(COMPLETED, "throughput") == {}
            assert json.loads((await again.get("/runs"))[1]) == []
            (result,) = (await state(again))["results"]["throughput"]
            assert (result["state"], result["reason"]) == ("stopped", "cut_off")
        verdicts: dict[str, Any] = {run[0]: run[2] for run in probes(at)}
        assert set(verdicts) == set(cut_off)
        unjudged = {run for run, state in cut_off.items() if state in {"planned", "sent"}}
        assert {run for run, verdict in verdicts.items() if verdict == "unknown"} == unjudged


async def test_whoever_waits_no_longer_stops_the_load(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        scenarios(at, throughput=ENDLESS)
        at.settings["probes"] = SELDOM
        async with at.prober() as prober:
            asking = await start("scenario", "throughput", "--at", await prober.url("web"))
            await until(lambda: by_probe(at)[LOAD] > 3)
            asking.send_signal(signal.SIGTERM)
            assert (await ended(asking)).code == 2
            assert (await over(prober, "throughput"))["reason"] == "operator"


async def test_what_is_called_after_its_verdict_counts_for_nobody(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        scenarios(at, throughput={**ENDLESS, "timeout": "900ms", "late_after": "800ms"})
        at.settings["probes"] = SELDOM
        async with at.prober() as prober:
            await begun(prober, "throughput", events=3)
            at.agent.faults.set("slow:lambda_execution:1.5")
            await until(lambda: at.agent.executed.calls > 8)
            await asyncio.sleep(0)
            assert (await prober.counts("canary_requests_total", "outcome")).total() == 0
