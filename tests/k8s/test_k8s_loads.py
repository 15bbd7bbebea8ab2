"""Commands of the CronJobs, run against a prober with the scenarios of an overlay."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from exporter.devstack.stack import find_free_port
from tests.exporter.environment import (
    RARE_REMEDIATION,
    ProberEnvironment,
    ProberProcess,
    run_environment,
)
from tests.exporter.loadtest.scenario_process import (
    BUSY_MACHINE,
    QUICK,
    count_runs_by_probe,
    wait_for_result,
)
from tests.exporter.slo_probe import ProcessResult, start_program, wait_for_end
from tests.exporter.tls_files import TlsFiles
from tests.k8s.manifests import Json, Manifests, build_overlay, build_with_component, read_sections

SOON: Json = {"within": "1s", "linger": "200ms"}
"""When the last is known of an issue."""
SMALL: Json = {
    "throughput": {
        "rates": [10, 20],
        "hold": "1s",
        "steady": 0,
        "targets": {"lambda_execution": 5},
    },
    "stress": {"rest": "1s", "recover_within": "10s", "ramp_up": None},
}


def _allow_scenarios(environment: ProberEnvironment, section: Json) -> None:
    """Let the prober send what an overlay allows, with short waits, and where need be less."""
    own: Json = {key: each for key, each in section.items() if key != "scalability"}
    for name in SMALL.keys() & own.keys():
        own[name] = {**own[name], **QUICK, **SMALL[name]}
    own["validity"] = BUSY_MACHINE
    environment.settings["scenarios"], environment.settings["probes"] = own, RARE_REMEDIATION


async def _run_job(overlay: Manifests, scenario: str, prober: ProberProcess) -> ProcessResult:
    """Run the command of a CronJob's pod to its end; only the prober is elsewhere."""
    pod: Any = dict(overlay.list_pods())[f"slo-probe-{scenario}"]
    (container,) = pod["spec"]["containers"]
    *words, _ = container["args"]
    return await wait_for_end(await start_program(*words, await prober.wait_for_url("web")))


@pytest.mark.parametrize("name", ["dev", "pro"])
async def test_the_weekly_job_ends_well(name: str, tmp_path: Path) -> None:
    async with run_environment(tmp_path, **SOON) as environment:
        _allow_scenarios(environment, build_overlay(name).config["scenarios"])
        async with environment.run_prober() as prober:
            done = await _run_job(build_overlay(name), "stress", prober)
            assert (done.code, "stress: met" in done.out) == (0, True), done
            levels = build_overlay(name).config["scenarios"]["stress"]["levels"]
            assert count_runs_by_probe(environment)["scenario_stress"] == 1 + sum(levels)


def test_both_clusters_with_linear_itself_send_the_same() -> None:
    assert build_overlay("studio").config["scenarios"] == build_overlay("pro").config["scenarios"]


async def test_the_nightly_job_ends_well_beside_a_stand_in(tmp_path: Path) -> None:
    overlay = build_with_component("linear-stand-in", tmp_path, overlay_name="pro")
    async with run_environment(tmp_path, **SOON) as environment:
        _allow_scenarios(environment, read_sections()["scenarios"])
        async with environment.run_prober() as prober:
            done = await _run_job(overlay, "throughput", prober)
            assert (done.code, "throughput: met" in done.out) == (0, True), done


async def test_the_stand_in_serves_where_its_pod_says_and_agent_sre_calls(tmp_path: Path) -> None:
    pod: Any = dict(
        build_with_component("linear-stand-in", tmp_path, overlay_name="pro").list_pods()
    )["linear-stand-in"]
    (container,) = pod["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    (mount,) = container["volumeMounts"]
    files, moved = TlsFiles(tmp_path), {number: find_free_port() for number in ports.values()}
    text = " ".join(container["args"]).replace(mount["mountPath"], str(tmp_path))
    for number, other in moved.items():
        text = text.replace(f"0.0.0.0:{number}", f"127.0.0.1:{other}")
    process = await start_program(*text.split())
    try:
        assert process.stdout
        async with asyncio.timeout(30):
            assert (await process.stdout.readline()).startswith(b"listening on ")
        async with aiohttp.ClientSession() as session:
            for probe in ("readinessProbe", "livenessProbe"):
                asked = container[probe]["httpGet"]
                url = f"http://127.0.0.1:{moved[ports[asked['port']]]}{asked['path']}"
                async with session.get(url) as reply:
                    assert reply.status == 200
            url = f"https://127.0.0.1:{moved[ports['https']]}/graphql"
            async with session.post(url, json={}, ssl=files.build_client_context()) as reply:
                assert reply.status == 401, "Linear asks for a key"
    finally:
        process.terminate()
        await wait_for_end(process)


async def test_a_job_does_not_fail_because_agent_sre_does(tmp_path: Path) -> None:
    """The alerts tell that; a Job that fails every night would only be another one."""
    async with run_environment(tmp_path, **SOON) as environment:
        _allow_scenarios(environment, build_overlay("pro").config["scenarios"] | {"throughput": {}})
        environment.settings["scenarios"]["throughput"]["targets"] = {"lambda_execution": 500}
        async with environment.run_prober() as prober:
            done = await _run_job(build_overlay("pro"), "throughput", prober)
            assert (done.code, "throughput: NOT MET" in done.out) == (0, True), done
            assert (await wait_for_result(prober, "throughput"))["met"] is False


async def test_a_job_fails_when_there_is_no_result(tmp_path: Path) -> None:
    async with run_environment(tmp_path, **SOON) as environment:
        _allow_scenarios(environment, build_overlay("pro").config["scenarios"])
        async with environment.run_prober() as prober:
            assert (await _run_job(build_overlay("pro"), "throughput", prober)).code == 2, (
                "not configured"
            )
            environment.agent.faults.set("error")
            stopped = await _run_job(build_overlay("pro"), "stress", prober)
            assert (stopped.code, "target_not_ok" in stopped.out) == (2, True), stopped
