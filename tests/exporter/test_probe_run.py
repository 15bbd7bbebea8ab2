"""`slo-probe run` as a program: it serves, drains on SIGTERM, and accounts for a kill -9."""

import asyncio
import resource
import signal
import time
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from slos.schema import contract
from tests.exporter.fake_agent import FakeAgent
from tests.exporter.journal_desk import rows
from tests.exporter.program import Running, config, running, until

SOON = (
    "interval: 1s, timeout: 20s, max_in_flight: 50, "
    "settle: 20ms, late_after: 18s, max_send_lag: 10s"
)


async def text(client: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    async with client.get(url) as reply:
        return reply.status, await reply.text()


async def value(client: aiohttp.ClientSession, prober: Running, name: str, label: str) -> float:
    _, exposed = await text(client, f"{prober.web}/metrics")
    return sum(
        sample.value
        for family in text_string_to_metric_families(exposed)
        for sample in family.samples
        if sample.name == name and (not label or label in sample.labels.values())
    )


async def test_it_probes(tmp_path: Path, agent: FakeAgent, client: aiohttp.ClientSession) -> None:
    async with running(config(tmp_path, agent.url)) as prober:
        agent.canary = prober.canary
        assert await text(client, f"{prober.web}/-/ready") == (200, "ready\n")

        async def enough() -> bool:
            return await value(client, prober, contract.PROBE_RUNS, "ok") >= 3

        await until(enough)
        assert (await text(client, f"{prober.web}/-/healthy"))[0] == 200
        async with client.get(f"{prober.web}/runs") as reply:
            runs = await reply.json()
        assert len(runs) >= 3
        assert runs[0]["intended_at"] > runs[-1]["intended_at"]
        done = await prober.stop()
    assert done.code == 0


async def test_sigterm(tmp_path: Path, agent: FakeAgent, client: aiohttp.ClientSession) -> None:
    agent.call_after = 1.0
    async with running(config(tmp_path, agent.url, probe=SOON)) as prober:
        agent.canary = prober.canary
        async with asyncio.timeout(20):
            await agent.received.wait()
        prober.process.send_signal(signal.SIGTERM)

        async def draining() -> bool:
            return (await text(client, f"{prober.web}/-/ready"))[0] == 503

        await until(draining)
        async with asyncio.timeout(20):
            _, err = await prober.process.communicate()
    assert prober.process.returncode == 0
    assert "ok (executed_once)" in err.decode()
    assert "unknown" not in err.decode()


async def test_the_grace_ends_in_unknown(tmp_path: Path, agent: FakeAgent) -> None:
    agent.replies = False
    agent.executions = 0
    file = config(tmp_path, agent.url, probe=SOON, rest="shutdown_grace: 200ms")
    async with running(file) as prober:
        async with asyncio.timeout(20):
            await agent.received.wait()
        begun = time.monotonic()
        done = await prober.stop()
    assert done.code == 0
    assert time.monotonic() - begun < 10
    assert "unknown (shutdown)" in done.err


async def test_a_second_signal_ends_the_wait(tmp_path: Path, agent: FakeAgent) -> None:
    agent.replies = False
    agent.executions = 0
    async with running(config(tmp_path, agent.url, probe=SOON)) as prober:
        async with asyncio.timeout(20):
            await agent.received.wait()
        prober.process.send_signal(signal.SIGINT)
        assert prober.process.stderr is not None
        async with asyncio.timeout(20):
            while b"stopping" not in await prober.process.stderr.readline():
                pass
        done = await prober.stop()
    assert done.code == 0
    assert "unknown (shutdown)" in done.err


async def test_a_kill(tmp_path: Path, agent: FakeAgent, client: aiohttp.ClientSession) -> None:
    agent.replies = False
    agent.executions = 0
    async with running(config(tmp_path, agent.url, probe=SOON)) as prober:
        async with asyncio.timeout(20):
            await agent.received.wait()
        prober.process.kill()
        await prober.process.communicate()
    cut_off = [row[0] for row in rows(tmp_path / "journal.sqlite") if row[1] in ("planned", "sent")]
    assert {event["id"] for event in agent.events} <= set(cut_off)

    for expected in (len(cut_off), 0):
        file = config(tmp_path, agent.url, probe="interval: 1h, timeout: 70s, late_after: 60s")
        async with running(file) as prober:
            # Prometheus must see the counter at zero, or it could not see it rise.
            assert await value(client, prober, contract.PROBE_RUNS, "unknown") == 0
            assert await value(client, prober, contract.PROBE_RUNS, "unknown") == expected
            assert await value(client, prober, contract.CHECKS, "") == 0
            async with client.get(f"{prober.web}/runs") as reply:
                runs = await reply.json()
            await prober.stop()
        restarted = [run["id"] for run in runs if run["reason"] == "prober_restarted"]
        assert sorted(restarted) == sorted(cut_off)


async def test_a_full_disk(tmp_path: Path, agent: FakeAgent, client: aiohttp.ClientSession) -> None:
    async with running(config(tmp_path, agent.url)) as prober:
        agent.canary = prober.canary
        limit = resource.prlimit(prober.process.pid, resource.RLIMIT_FSIZE, (4096, -1))

        async def failing() -> bool:
            return await value(client, prober, contract.JOURNAL_FAILURES, "close_run") >= 2

        await until(failing)
        assert await value(client, prober, contract.PROBE_RUNS, "ok") >= 2
        assert (await text(client, f"{prober.web}/-/healthy"))[0] == 200
        resource.prlimit(prober.process.pid, resource.RLIMIT_FSIZE, limit)
        before = await value(client, prober, contract.PROBE_RUNS, "ok")

        async def going_on() -> bool:
            return await value(client, prober, contract.PROBE_RUNS, "ok") >= before + 2

        await until(going_on)
        done = await prober.stop()
    assert "probing goes on" in done.err
    written = {row[0] for row in rows(tmp_path / "journal.sqlite") if row[1] == "cleaned"}
    assert written == {event["id"] for event in agent.events}
