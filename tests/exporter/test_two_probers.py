"""Two programs on one lease, in a file or in Kubernetes: one sends, the other takes over."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.exporter.house import House, Prober, house, remediation, stopped_when, until
from tests.exporter.journal_desk import rows
from tests.exporter.program import ROOT
from tests.exporter.program import until as until_true
from tests.exporter.test_lease_api_server import Cluster

TAKE_OVER = 5.0
"""Seconds: `duration` and `retry` as set, and a busy machine."""


def second(at: House) -> Path:
    """The configuration of the second: the same but for the canary's port."""
    return at.write("second.yaml", canary={"listen": "127.0.0.1:0"})


async def standing_by(prober: Prober) -> None:
    await prober.url("web")
    assert "standing by" in prober.said[0]
    assert (await prober.get("/-/healthy"))[0] == 200
    assert (await prober.get("/-/ready"))[0] == 503
    assert (await prober.counts("lease_held")).total() == 0
    assert (await prober.counts("probe_runs_total", "verdict")).total() == 0


async def ready(prober: Prober, status: int = 200) -> None:
    async def told() -> bool:
        return (await prober.get("/-/ready"))[0] == status

    await until_true(told)


async def test_after_a_kill_the_other_takes_over(at: House) -> None:
    async with at.prober() as first:
        await first.url("canary")
        async with at.prober(second(at)) as other:
            await standing_by(other)
            assert (await first.counts("lease_held")).total() == 1
            await until(lambda: at.states()["cleaned"] + at.states()["judged"] > 5)
            await standing_by(other)
            other.signal(signal.SIGHUP)  # a standby has nothing to reload, and lives on
            assert (await other.get("/-/healthy"))[0] == 200
            await first.kill()
            killed_at, before = time.monotonic(), at.agent.executed.received
            await ready(other)
            assert time.monotonic() - killed_at < TAKE_OVER
            assert (await other.counts("lease_held")).total() == 1
            await until(lambda: at.agent.executed.received > before + 3)
            await other.stop()
        runs = rows(at.journal)
        assert len({row[0] for row in runs}) == len(runs)
        sent = Counter(issue["description"] for issue in at.linear.issues()
                       if issue["title"].startswith("[Alert]"))  # fmt: skip
        assert set(sent.values()) == {1}
        assert len(runs) >= at.agent.executed.received


async def test_who_takes_over_is_ready_for_a_while_before_it_sends(at: House) -> None:
    """Only a prober that is ready is called, and it takes a while until everybody knows."""
    at.settings["canary"]["reachable_after"] = "2s"
    file = at.write("second.yaml", canary={"listen": "127.0.0.1:0", "reachable_after": "2s"})
    async with at.prober() as first:
        await first.url("canary")
        async with at.prober(file) as other:
            await standing_by(other)
            await until(lambda: at.agent.executed.received > 3)
            assert (await first.stop()).code == 0
            before = at.agent.executed.received
            await ready(other)
            seen = time.monotonic()
            assert at.agent.executed.received == before
            await until(lambda: at.agent.executed.received > before)
            assert time.monotonic() - seen > 1
            assert (await other.counts("missed_runs_total")).total() == 0
            assert (await other.counts("probe_runs_total", "verdict"))["lost"] == 0


async def test_a_lost_lease_stops_the_sending(at: House, tmp_path: Path) -> None:
    at.settings["probes"] = remediation("50ms")
    async with at.prober() as prober:
        await ready(prober)
        await until(lambda: at.agent.executed.received > 3)
        thief = steal(tmp_path / "journal.sqlite.lease")
        await ready(prober, 503)
        await asyncio.sleep(0.3)  # what was under way has left by now
        received = at.agent.executed.received
        assert (await prober.counts("lease_held")).total() == 0
        assert (await prober.get("/-/healthy"))[0] == 200
        await asyncio.sleep(1)  # twenty slots
        assert at.agent.executed.received == received
        os.close(thief)
        await ready(prober)
        await until(lambda: at.agent.executed.received > received + 3)
        assert (await prober.stop()).code == 0


def steal(lease: Path) -> int:
    """Put another file in the place of the lease's, locked."""
    other = lease.with_suffix(".other")
    file = os.open(other, os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    other.rename(lease)
    return file


TIMES = {"kind": "kubernetes", "name": "probe", "retry": "200ms"}
SHORT = TIMES | {"renew_deadline": "1s", "duration": "2s"}
LONG = TIMES | {"renew_deadline": "100s", "duration": "150s"}


@dataclass
class Pods:
    """A house in a cluster."""

    house: House
    cluster: Cluster

    @contextlib.asynccontextmanager
    async def pod(self, name: str, **changes: object) -> AsyncIterator[Prober]:
        """The program in a pod; the first pod's canary is the one that is called."""
        canary = {} if name == "a" else {"canary": {"listen": "127.0.0.1:0"}}
        file = self.house.write(f"{name}.yaml", **canary, **changes)
        environment = os.environ | dict(self.cluster.account.environment)
        command = ["-m", "tests.exporter.pod", str(self.cluster.account.folder)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, "run", "--config", str(file),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=environment | {"PYTHONPATH": str(ROOT), "POD_NAME": name},
        )  # fmt: skip
        prober = Prober(process)
        try:
            await prober.url("web")
            yield prober
        finally:
            if process.returncode is None:
                await prober.kill()

    @property
    def holder(self) -> str:
        return str(self.cluster.server.leases.spec["holderIdentity"]).partition("_")[0]


@pytest.fixture
async def pods(tmp_path: Path) -> AsyncIterator[Pods]:
    (tmp_path / "account").mkdir()
    cluster = Cluster(tmp_path / "account")
    runner = await cluster.start()
    async with house(tmp_path) as at:
        at.settings["lease"] = SHORT
        yield Pods(at, cluster)
    await runner.cleanup()


async def test_a_stopped_holder_gives_the_lease_up(pods: Pods) -> None:
    pods.house.settings["lease"] = LONG
    async with pods.pod("a") as first, pods.pod("b") as second:
        await ready(first)
        assert "standing by" in second.said[0]
        done = await first.stop()
        assert done.code == 0
        stopped_at = time.monotonic()
        await ready(second)
        assert time.monotonic() - stopped_at < 20
        assert pods.holder == "b"
        assert (await second.stop()).code == 0
    assert pods.holder == ""


async def test_a_holder_that_stood_still_sends_nothing_more_when_it_goes_on(pods: Pods) -> None:
    own = {"journal": {"path": "b.sqlite"}}
    pods.house.settings["probes"] = remediation("50ms")
    async with pods.pod("a") as first, pods.pod("b", **own) as second:
        await until(lambda: pods.house.agent.executed.received > 5)
        await stopped_when(first, lambda: pods.house.states()["planned"] > 0)
        planned = {run for run, state, _ in rows(pods.house.journal) if state == "planned"}
        await ready(second)
        await until(lambda: len(rows(pods.house.folder / "b.sqlite")) > 5)
        first.signal(signal.SIGCONT)
        await ready(first, 503)
        await until_true(lambda: gave_the_journal_up(pods.house.journal))
        assert pods.holder == "b"
        assert {reason(pods.house.journal, run) for run in planned} == {"lease_lost"}
        assert (await first.counts("lease_held")).total() == 0
        assert (await first.get("/-/healthy"))[0] == 200
        assert (await first.stop()).code == 0
        assert (await second.stop()).code == 0


async def test_a_shared_journal_is_handed_over(pods: Pods) -> None:
    async with pods.pod("a") as first, pods.pod("b") as second:
        await until(lambda: pods.house.agent.executed.received > 5)
        first.signal(signal.SIGSTOP)
        await until(lambda: pods.holder == "b")
        await asyncio.sleep(0.5)
        received = pods.house.agent.executed.received
        assert (await second.get("/-/ready"))[0] == 503  # a program that hangs keeps the journal
        assert (await second.get("/-/healthy"))[0] == 200
        first.signal(signal.SIGCONT)
        await ready(second)
        await until(lambda: pods.house.agent.executed.received > received + 5)
        await second.kill()
        await ready(first)  # which may be on duty again
        before = pods.house.agent.executed.received
        await until(lambda: pods.house.agent.executed.received > before + 5)
        assert pods.holder == "a"
        done = await first.stop()
    assert done.code == 0
    assert "the lease is lost" in done.err
    runs = rows(pods.house.journal)
    assert len({run for run, *_ in runs}) == len(runs)
    assert len(runs) >= pods.house.agent.executed.received


async def test_without_api_server_nothing_is_sent(pods: Pods) -> None:
    looks = {"availability": {"interval": "300ms", "timeout": "250ms"}}
    pods.house.settings["probes"] |= looks
    async with pods.pod("a") as prober:
        await until(lambda: pods.house.agent.executed.received > 5)
        (pods.house.folder / "a.yaml").write_text("probes: {}")
        prober.signal(signal.SIGHUP)
        await until_true(lambda: took_its_configuration(prober, is_=False))
        await until_true(lambda: shows_whether_the_target_is_up(prober))
        pods.cluster.server.hanging = True
        await ready(prober, 503)
        await until_true(lambda: gave_the_journal_up(pods.house.journal))
        received = pods.house.agent.executed.received
        await asyncio.sleep(0.5)  # five slots
        assert pods.house.agent.executed.received == received
        assert not await shows_whether_the_target_is_up(prober)  # it does not know any more
        assert await took_its_configuration(prober)  # for it has nothing to take
        pods.cluster.server.hanging = False
        await ready(prober)
        await until(lambda: pods.house.agent.executed.received > received + 5)
        await until_true(lambda: took_its_configuration(prober, is_=False))
        assert (await prober.stop()).code == 0


async def took_its_configuration(prober: Prober, *, is_: bool = True) -> bool:
    return (await prober.counts("config_last_reload_successful")).total() == int(is_)


async def shows_whether_the_target_is_up(prober: Prober) -> bool:
    return "agent_sre_validation_up{" in (await prober.get("/metrics"))[1]


def reason(journal: Path, run: str) -> str:
    """Why a run has its verdict."""
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        query = "SELECT reason FROM runs WHERE id = ?"
        return str(connection.execute(query, (run,)).fetchone()[0])


async def gave_the_journal_up(journal: Path) -> bool:
    """Whether another could take it now."""
    locked = await asyncio.create_subprocess_exec("flock", "-n", str(journal), "true")
    return await locked.wait() == 0
