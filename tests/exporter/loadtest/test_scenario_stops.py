"""Load scenarios that are stopped: by failures, a reload, a lost lease, a shutdown or a kill."""

import asyncio
import json
import os
import resource
import signal
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from exporter.loadtest.result import ScenarioResult, ScenarioState
from slos.schema.contract import Scenario
from tests.exporter.conftest import Serve
from tests.exporter.environment import (
    RARE_REMEDIATION,
    ProberEnvironment,
    ProberProcess,
    build_remediation,
    wait_until,
)
from tests.exporter.loadtest.scenario_process import (
    ENDLESS,
    configure_scenarios,
    count_runs_by_probe,
    read_runs,
    read_scenario_metrics,
    read_state,
    start_scenario,
    wait_for_result,
)
from tests.exporter.slo_probe import start_program, wait_for_end
from tests.exporter.slo_probe import wait_until as wait_until_async
from tests.exporter.test_failover import replace_lease_holder

COMPLETED = "scenario_completed_timestamp_seconds"
LOAD = "scenario_throughput"


async def reload(prober: ProberProcess, _: ProberEnvironment) -> None:
    url = await prober.wait_for_url("web")
    async with aiohttp.ClientSession() as client, client.post(f"{url}/-/reload") as reply:
        assert reply.status == 200


async def steal_lease(prober: ProberProcess, environment: ProberEnvironment) -> None:
    """Hold the lease until the prober is on standby; it leads again if the lease is free sooner."""

    async def is_on_standby() -> bool:
        return (await prober.get_page("/-/scenario"))[0] == HTTPStatus.SERVICE_UNAVAILABLE

    other_holder = replace_lease_holder(environment.folder / "journal.sqlite.lease")
    await wait_until_async(is_on_standby)
    os.close(other_holder)


async def make_runs_fail(_: ProberProcess, environment: ProberEnvironment) -> None:
    environment.agent.faults.set("error")


@pytest.mark.parametrize(
    ("cause", "reason"),
    [(reload, "reloaded"), (steal_lease, "lease_lost"), (make_runs_fail, "normal_failures")],
)
async def test_a_load_is_stopped_at_once(
    environment: ProberEnvironment,
    cause: Callable[[ProberProcess, ProberEnvironment], Awaitable[None]],
    reason: str,
) -> None:
    configure_scenarios(environment, normal_failures=2, throughput=ENDLESS)
    environment.settings["probes"] = build_remediation("200ms")
    async with environment.run_prober() as prober:
        await start_scenario(prober, "throughput", events=4)
        await cause(prober, environment)
        result = await wait_for_result(prober, "throughput")
        assert (result["state"], result["reason"], result["met"]) == ("stopped", reason, None)
        assert 4 <= result["events"] < 60
        assert (await read_scenario_metrics(prober)).select(COMPLETED, "throughput") == {}
        environment.agent.faults.set("none")
        # Runs that were due but not sent when the lease was lost are unknown.
        known = {"ok", "rejected", *(["unknown"] if reason == "lease_lost" else [])}
        assert {run[2] for run in read_runs(environment) if run[3] == LOAD} <= known
        assert count_runs_by_probe(environment)[LOAD] == result["events"]


async def test_a_shutdown_stops_a_load(environment: ProberEnvironment, tmp_path: Path) -> None:
    configure_scenarios(environment, throughput=ENDLESS)
    async with environment.run_prober() as prober:
        await start_scenario(prober, "throughput", events=4)
        environment.agent.faults.set("hang")
        before = environment.agent.counters.received
        await wait_until(lambda: count_runs_by_probe(environment)[LOAD] > before + 2)
        assert (await prober.stop()).code == 0
    assert environment.count_states().keys() <= {"judged", "observed", "cleaned"}
    (result,) = json.loads((tmp_path / "journal.sqlite.scenarios").read_text())
    assert (result["state"], result["reason"]) == ("stopped", "shutdown")
    environment.agent.faults.set("none")
    async with environment.run_prober() as again:
        await again.wait_for_url("web")
        await wait_until(
            lambda: (
                not environment.list_open_issues()
                and set(environment.count_states()) == {"cleaned"}
            )
        )


async def test_a_killed_load_is_cleaned_up(environment: ProberEnvironment) -> None:
    configure_scenarios(environment, throughput=ENDLESS)
    async with environment.run_prober() as prober:
        url = await prober.wait_for_url("web")
        command = await start_program("scenario", "throughput", "--at", url)
        await wait_until(lambda: count_runs_by_probe(environment)[LOAD] > 1)
        environment.agent.faults.set("slow:lambda_execution:1.5")
        await wait_until(lambda: environment.count_states()["sent"] > 2)
        await prober.kill()
        cut_off = {run[0]: run[1] for run in read_runs(environment)}
    environment.agent.faults.set("none")
    environment.settings["web"] = {"listen": url.removeprefix("http://")}
    async with environment.run_prober(environment.write_config(probes=RARE_REMEDIATION)) as again:
        await again.wait_for_url("canary")
        await wait_until(
            lambda: (
                not environment.list_open_issues()
                and set(environment.count_states()) == {"cleaned"}
            )
        )
        told = await wait_for_end(command)
        assert (told.code, "cut_off" in told.out) == (2, True)
        await again.read_counter("in_flight")  # what an earlier process left is counted after it
        assert (await again.read_counter("probe_runs_total", "probe")).total() == 0
        assert (await again.read_counter("canary_requests_total", "outcome")).total() == 0
        shown = await read_scenario_metrics(again)
        assert shown.select(COMPLETED, "throughput") == {}
        assert json.loads((await again.get_page("/runs"))[1]) == []
        (result,) = (await read_state(again))["results"]["throughput"]
        assert (result["state"], result["reason"]) == ("stopped", "cut_off")
    verdicts: dict[str, Any] = {run[0]: run[2] for run in read_runs(environment)}
    assert set(verdicts) == set(cut_off)
    unjudged = {run for run, read_state in cut_off.items() if read_state in {"planned", "sent"}}
    assert {run for run, verdict in verdicts.items() if verdict == "unknown"} == unjudged


async def test_a_terminated_scenario_command_stops_the_load(environment: ProberEnvironment) -> None:
    configure_scenarios(environment, throughput=ENDLESS)
    async with environment.run_prober() as prober:
        command = await start_program(
            "scenario", "throughput", "--at", await prober.wait_for_url("web")
        )
        await wait_until(lambda: count_runs_by_probe(environment)[LOAD] > 3)
        command.send_signal(signal.SIGTERM)
        assert (await wait_for_end(command)).code == 2
        assert (await wait_for_result(prober, "throughput"))["reason"] == "operator"


async def test_a_stopped_command_shows_each_step_once(environment: ProberEnvironment) -> None:
    steps = {**ENDLESS, "rates": [5, 6, 7], "hold": "1s"}
    configure_scenarios(environment, throughput=steps)
    async with environment.run_prober() as prober:
        url = await prober.wait_for_url("web")
        command = await start_program("scenario", "throughput", "--at", url)
        assert command.stderr is not None
        async with asyncio.timeout(60):
            first = (await command.stderr.readline()).decode()
        command.send_signal(signal.SIGINT)
        told = await wait_for_end(command)
        assert (told.code, "5 events a second" in first) == (2, True), told
        assert "5 events a second" not in told.err


async def test_a_second_interrupt_still_stops_the_load(environment: ProberEnvironment) -> None:
    configure_scenarios(environment, throughput=ENDLESS)
    async with environment.run_prober() as prober:
        url = await prober.wait_for_url("web")
        command = await start_program("scenario", "throughput", "--at", url)
        await wait_until(lambda: count_runs_by_probe(environment)[LOAD] > 3)
        command.send_signal(signal.SIGINT)
        command.send_signal(signal.SIGTERM)
        assert (await wait_for_end(command)).code == 2
        assert (await wait_for_result(prober, "throughput"))["reason"] == "operator"


async def test_late_calls_of_load_runs_are_not_counted(
    environment: ProberEnvironment,
) -> None:
    configure_scenarios(
        environment, throughput={**ENDLESS, "timeout": "900ms", "late_after": "800ms"}
    )
    async with environment.run_prober() as prober:
        await start_scenario(prober, "throughput", events=3)
        environment.agent.faults.set("slow:lambda_execution:1.5")
        await wait_until(lambda: environment.agent.counters.calls > 8)
        await asyncio.sleep(0)
        assert (await prober.read_counter("canary_requests_total", "outcome")).total() == 0


async def test_a_command_terminated_before_the_answer_stops_the_load(serving: Serve) -> None:
    run_scenario: list[str] = []
    begins, may_answer = asyncio.Event(), asyncio.Event()

    async def page(request: web.Request) -> web.Response:
        run_scenario.append(request.method)
        if request.method == "POST":
            begins.set()
            await may_answer.wait()
        return web.json_response(answer.to_json(), status=202)

    answer = ScenarioResult("0", Scenario.STRESS, ScenarioState.RUNNING, 0.0, unit="")
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", page)
    process = await start_program("scenario", "stress", "--at", await serving(app))
    async with asyncio.timeout(30):
        await begins.wait()
    process.send_signal(signal.SIGTERM)
    status = Path(f"/proc/{process.pid}/status")
    await wait_until(lambda: "ShdPnd:\t0000000000000000" in status.read_text())
    may_answer.set()
    told = await wait_for_end(process)
    assert told.code == 2
    assert (run_scenario[0], run_scenario[-1]) == ("POST", "DELETE"), told


async def test_a_full_disk_of_the_journal_stops_a_load(environment: ProberEnvironment) -> None:
    configure_scenarios(environment, linear="none", throughput=ENDLESS)
    async with environment.run_prober() as prober:
        await start_scenario(prober, "throughput", events=4)
        limit = resource.prlimit(prober.process.pid, resource.RLIMIT_FSIZE, (4096, -1))
        result = await wait_for_result(prober, "throughput")
        resource.prlimit(prober.process.pid, resource.RLIMIT_FSIZE, limit)
        assert (result["state"], result["reason"]) == ("stopped", "journal")
        assert 4 <= result["events"] < 100
        done = await prober.stop()
    assert "scenario throughput: stopped, because the journal cannot be written" in done.err
