"""`slo-probe run` and `once` as processes: pages, SIGTERM and SIGKILL."""

import asyncio
import json
import resource
import signal
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.devstack.stack import find_free_port
from exporter.simulator.linear.server import serve_linear_api
from exporter.simulator.linear.settings import Settings as LinearSettings
from slos.schema import contract
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.journal_harness import read_files, read_rows
from tests.exporter.linear.conftest import KEY
from tests.exporter.slo_probe import (
    ROOT,
    RunningProber,
    run_prober,
    run_program,
    wait_until,
    write_config,
)

SOON = (
    "interval: 1s, timeout: 20s, max_in_flight: 50, "
    "settle: 20ms, late_after: 18s, max_send_lag: 10s"
)


async def get_text(client: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with client.get(url) as reply:
        return reply.status, await reply.text()


async def read_sample(
    client: aiohttp.ClientSession, prober: RunningProber, name: str, label: str
) -> float:
    _, exposed = await get_text(client, f"{prober.web}/metrics")
    return sum(
        sample.value
        for family in text_string_to_metric_families(exposed)
        for sample in family.samples
        if sample.name == name and (not label or label in sample.labels.values())
    )


async def test_it_probes(tmp_path: Path, agent: FakeAgent, client: aiohttp.ClientSession) -> None:
    async with run_prober(write_config(tmp_path, agent.url)) as prober:
        agent.canary = prober.canary
        assert await get_text(client, f"{prober.web}/-/ready") == (200, "ready\n")

        async def has_enough_runs() -> bool:
            return await read_sample(client, prober, contract.PROBE_RUNS, "ok") >= 3

        await wait_until(has_enough_runs)
        assert (await get_text(client, f"{prober.web}/-/healthy"))[0] == 200
        async with client.get(f"{prober.web}/runs") as reply:
            runs = await reply.json()
        assert len(runs) >= 3
        assert runs[0]["intended_at"] > runs[-1]["intended_at"]
        done = await prober.stop()
    assert done.code == 0


async def test_sigterm(tmp_path: Path, agent: FakeAgent, client: aiohttp.ClientSession) -> None:
    agent.call_delay = 1.0
    async with run_prober(write_config(tmp_path, agent.url, probe=SOON)) as prober:
        agent.canary = prober.canary
        await asyncio.wait_for(agent.event_received.wait(), 20)
        prober.process.send_signal(signal.SIGTERM)

        async def is_draining() -> bool:
            return (await get_text(client, f"{prober.web}/-/ready"))[0] == 503

        await wait_until(is_draining)
        async with asyncio.timeout(20):
            _, err = await prober.process.communicate()
    assert prober.process.returncode == 0
    assert "ok (executed_once)" in err.decode()
    assert "unknown" not in err.decode()


async def test_the_grace_ends_in_unknown(tmp_path: Path, agent: FakeAgent) -> None:
    agent.replies, agent.executions = False, 0
    file = write_config(tmp_path, agent.url, probe=SOON, sections="shutdown_grace: 200ms")
    async with run_prober(file) as prober:
        await asyncio.wait_for(agent.event_received.wait(), 20)
        begun = time.monotonic()
        done = await prober.stop()
    assert done.code == 0
    assert time.monotonic() - begun < 10
    assert "unknown (shutdown)" in done.err


async def test_a_second_signal_ends_the_wait(tmp_path: Path, agent: FakeAgent) -> None:
    agent.replies, agent.executions = False, 0
    async with run_prober(write_config(tmp_path, agent.url, probe=SOON)) as prober:
        await asyncio.wait_for(agent.event_received.wait(), 20)
        prober.process.send_signal(signal.SIGINT)
        assert prober.process.stderr is not None
        async with asyncio.timeout(20):
            while b"stopping" not in await prober.process.stderr.readline():
                pass
        done = await prober.stop()
    assert done.code == 0
    assert "unknown (shutdown)" in done.err


async def test_a_kill(tmp_path: Path, agent: FakeAgent, client: aiohttp.ClientSession) -> None:
    agent.replies, agent.executions = False, 0
    async with run_prober(write_config(tmp_path, agent.url, probe=SOON)) as prober:
        await asyncio.wait_for(agent.event_received.wait(), 20)
        prober.process.kill()
        await prober.process.communicate()
    cut_off = [
        row[0] for row in read_rows(tmp_path / "journal.sqlite") if row[1] in ("planned", "sent")
    ]
    assert {event["id"] for event in agent.events} <= set(cut_off)

    for expected in (len(cut_off), 0):
        file = write_config(
            tmp_path, agent.url, probe="interval: 1h, timeout: 70s, late_after: 60s"
        )
        async with run_prober(file) as prober:
            # Prometheus must see the counter at zero, or it could not see it rise.
            assert await read_sample(client, prober, contract.PROBE_RUNS, "unknown") == 0
            assert await read_sample(client, prober, contract.PROBE_RUNS, "unknown") == expected
            assert await read_sample(client, prober, contract.CHECKS, "") == 0
            async with client.get(f"{prober.web}/runs") as reply:
                runs = await reply.json()
            await prober.stop()
        restarted = [run["id"] for run in runs if run["reason"] == "prober_restarted"]
        assert sorted(restarted) == sorted(cut_off)


async def test_a_crash_loop_hides_no_run(
    tmp_path: Path, agent: FakeAgent, client: aiohttp.ClientSession
) -> None:
    agent.replies, agent.executions = False, 0
    file = write_config(tmp_path, agent.url, probe=SOON)
    async with run_prober(file) as prober:
        await asyncio.wait_for(agent.event_received.wait(), 20)
        prober.process.kill()
        await prober.process.communicate()
    rare = "interval: 1h, timeout: 70s, late_after: 60s"
    file = write_config(tmp_path, agent.url, probe=rare)
    open_runs = [row for row in read_rows(tmp_path / "journal.sqlite") if row[1] != "cleaned"]
    # For each life: the values of its scrapes. It is killed after the last.
    for values in ([], [0], [], [0, len(open_runs), len(open_runs)], [0, 0], []):
        async with run_prober(file) as prober:
            for value in values:
                assert await read_sample(client, prober, contract.PROBE_RUNS, "unknown") == value
            prober.process.kill()
            await prober.process.communicate()


async def test_a_journal_that_is_taken_away_is_replaced(
    tmp_path: Path, agent: FakeAgent, client: aiohttp.ClientSession
) -> None:
    async with run_prober(write_config(tmp_path, agent.url)) as prober:
        agent.canary = prober.canary
        journal = tmp_path / "journal.sqlite"
        for taken in (1, 2):
            before = await read_sample(client, prober, contract.PROBE_RUNS, "ok")
            if taken == 1:
                journal.unlink()
            else:
                journal.rename(tmp_path / "moved")

            async def is_noticed(count: int = taken, before: float = before) -> bool:
                failures = [
                    await read_sample(client, prober, contract.JOURNAL_FAILURES, operation)
                    for operation in ("open_run", "close_run")
                ]
                ok = await read_sample(client, prober, contract.PROBE_RUNS, "ok")
                return sum(failures) == count and ok >= before + 2

            await wait_until(is_noticed)
        done = await prober.stop()
    assert done.err.count("the file was removed, replaced or moved") == 2
    states = [row[1] for row in read_rows(journal)]
    assert states
    assert set(states) == {"cleaned"}


async def test_a_full_disk(tmp_path: Path, agent: FakeAgent, client: aiohttp.ClientSession) -> None:
    async with run_prober(write_config(tmp_path, agent.url)) as prober:
        agent.canary = prober.canary
        limit = resource.prlimit(prober.process.pid, resource.RLIMIT_FSIZE, (4096, -1))

        async def is_failing_and_probing() -> bool:
            failures = await read_sample(client, prober, contract.JOURNAL_FAILURES, "close_run")
            return (
                failures >= 2 and await read_sample(client, prober, contract.PROBE_RUNS, "ok") >= 2
            )

        await wait_until(is_failing_and_probing)
        assert (await get_text(client, f"{prober.web}/-/healthy"))[0] == 200
        resource.prlimit(prober.process.pid, resource.RLIMIT_FSIZE, limit)
        before = await read_sample(client, prober, contract.PROBE_RUNS, "ok")

        async def is_probing() -> bool:
            return await read_sample(client, prober, contract.PROBE_RUNS, "ok") >= before + 2

        await wait_until(is_probing)
        done = await prober.stop()
    assert "probing continues" in done.err
    written = {row[0] for row in read_rows(tmp_path / "journal.sqlite") if row[1] == "cleaned"}
    assert written == {event["id"] for event in agent.events}


ROOMY = "interval: 6s, timeout: 5s, settle: 20ms, late_after: 4s, max_send_lag: 4s"


async def test_once_prints_json(tmp_path: Path, agent: FakeAgent) -> None:
    port = find_free_port()
    agent.canary = f"http://127.0.0.1:{port}"
    file = write_config(tmp_path, agent.url, canary=port, probe=ROOMY)
    done = await run_program("once", "--config", str(file), "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)
    (result,) = told["runs"]
    assert told["checks"] == []
    assert told["not_observed"] == ["linear_issue_creation", "verification"]
    assert list(result) == [
        "probe",
        "path",
        "id",
        "verdict",
        "reason",
        "stages",
        "sources",
        "bounds",
    ]
    assert (result["probe"], result["path"]) == ("remediation", "direct")
    assert (result["verdict"], result["reason"]) == ("ok", "executed_once")
    stages = "cloudevent_processing remediation_selection lambda_execution end_to_end"
    assert " ".join(result["stages"]) == stages
    assert all(0 <= seconds < 4 for seconds in result["stages"].values())
    assert result["id"] == agent.events[0]["id"]


@pytest.mark.parametrize("is_fast", [False, True])
async def test_once_says_how_long_it_waits_and_does_not_wait_when_it_is_fast(
    tmp_path: Path, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch, *, is_fast: bool
) -> None:
    """The agent opens no issue, which Linear only tells after two seconds."""
    monkeypatch.setenv("LINEAR_API_KEY", KEY)
    port = find_free_port()
    agent.canary = f"http://127.0.0.1:{port}"
    async with serve_linear_api(LinearSettings(key=KEY)) as api:
        linear = "every: 1s, within: 2s, linger: 1s, requests_per_hour: 100000"
        section = f'observers: {{linear: {{url: "{api.url}", key_env: LINEAR_API_KEY, {linear}}}}}'
        file = write_config(tmp_path, agent.url, canary=port, probe=ROOMY, sections=section)
        fast = ["--fast"] if is_fast else []
        done = await run_program("once", "--config", str(file), *fast)
        asked = api.counters.requests
    assert done.code == 0
    assert done.err == ("" if is_fast else "waiting at most 65 s for linear and the clean-up\n")
    assert done.out.splitlines()[-1] == (
        "not observed: linear_issue_creation, verification (no source)"
    )
    assert (asked == 0) is is_fast
    (row,) = read_rows(tmp_path / "journal.sqlite")
    assert row[1:] == ("judged" if is_fast else "cleaned", "ok")


@pytest.mark.parametrize("command", ["run", "once"])
async def test_a_taken_port_is_one_line(tmp_path: Path, agent: FakeAgent, command: str) -> None:
    port = int(agent.url.rpartition(":")[2])
    file = write_config(tmp_path, agent.url, canary=port)
    done = await run_program(command, "--config", str(file))
    assert (done.code, done.out) == (1, "")
    expected = f"error: canary: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert done.err == expected
    assert list(read_files(tmp_path)) == ["probe.yaml"]


async def test_the_command_line_imports_nothing_heavy() -> None:
    program = "import sys, exporter.cli; print({'aiohttp', 'pydantic'} & set(sys.modules))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    out, _ = await process.communicate()
    assert out.decode().strip() == "set()"
