"""Failover between two probers that share a lease."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.exporter.environment import (
    ProberEnvironment,
    ProberProcess,
    build_remediation,
    run_environment,
    stop_when,
    wait_until,
)
from tests.exporter.forked_program import fork_program
from tests.exporter.journal_harness import read_rows
from tests.exporter.leaderelection.test_api_server import Cluster
from tests.exporter.slo_probe import wait_until as until_true

TAKE_OVER = 5.0
"""Seconds: `duration` and `retry` as set, and a busy machine."""


def write_standby_config(environment: ProberEnvironment) -> Path:
    """The configuration of the second: the same but for the canary's port."""
    return environment.write_config("second.yaml", canary={"listen": "127.0.0.1:0"})


async def check_standby(prober: ProberProcess) -> None:
    await prober.wait_for_url("web")
    assert "on standby" in prober.output_lines[0]
    assert (await prober.get_page("/-/healthy"))[0] == 200
    assert (await prober.get_page("/-/ready"))[0] == 503
    assert (await prober.read_counter("lease_held")).total() == 0
    assert (await prober.read_counter("probe_runs_total", "verdict")).total() == 0


async def wait_for_ready(prober: ProberProcess, status: int = 200) -> None:
    async def told() -> bool:
        return (await prober.get_page("/-/ready"))[0] == status

    await until_true(told)


async def test_after_a_kill_the_other_takes_over(environment: ProberEnvironment) -> None:
    async with environment.run_prober() as first:
        await first.wait_for_url("canary")
        async with environment.run_prober(write_standby_config(environment)) as other:
            await check_standby(other)
            assert (await first.read_counter("lease_held")).total() == 1
            await wait_until(
                lambda: (
                    environment.count_states()["cleaned"] + environment.count_states()["judged"] > 5
                )
            )
            await check_standby(other)
            other.send_signal(signal.SIGHUP)  # a standby has nothing to reload, and lives on
            assert (await other.get_page("/-/healthy"))[0] == 200
            await first.kill()
            killed_at, before = time.monotonic(), environment.agent.counters.received
            await wait_for_ready(other)
            assert time.monotonic() - killed_at < TAKE_OVER
            assert (await other.read_counter("lease_held")).total() == 1
            await wait_until(lambda: environment.agent.counters.received > before + 3)
            await other.stop()
        runs = read_rows(environment.journal)
        assert len({row[0] for row in runs}) == len(runs)
        sent = Counter(issue["description"] for issue in environment.linear.list_issues()
                       if issue["title"].startswith("[Alert]"))  # fmt: skip
        assert set(sent.values()) == {1}
        assert len(runs) >= environment.agent.counters.received


async def test_who_takes_over_is_ready_for_a_while_before_it_sends(
    environment: ProberEnvironment,
) -> None:
    """Only a prober that is ready is called, and it takes a while until everybody knows."""
    environment.settings["canary"]["reachable_after"] = "2s"
    file = environment.write_config(
        "second.yaml", canary={"listen": "127.0.0.1:0", "reachable_after": "2s"}
    )
    async with environment.run_prober() as first:
        await first.wait_for_url("canary")
        async with environment.run_prober(file) as other:
            await check_standby(other)
            await wait_until(lambda: environment.agent.counters.received > 3)
            assert (await first.stop()).code == 0
            before = environment.agent.counters.received
            await wait_for_ready(other)
            seen = time.monotonic()
            assert environment.agent.counters.received == before
            await wait_until(lambda: environment.agent.counters.received > before)
            assert time.monotonic() - seen > 1
            assert (await other.read_counter("missed_runs_total")).total() == 0
            assert (await other.read_counter("probe_runs_total", "verdict"))["lost"] == 0


async def test_a_lost_lease_stops_the_sending(
    environment: ProberEnvironment, tmp_path: Path
) -> None:
    environment.settings["probes"] = build_remediation("50ms")
    async with environment.run_prober() as prober:
        await wait_for_ready(prober)
        await wait_until(lambda: environment.agent.counters.received > 3)
        other_holder = replace_lease_holder(tmp_path / "journal.sqlite.lease")
        await wait_for_ready(prober, 503)
        await asyncio.sleep(0.3)  # what was under way has left by now
        received = environment.agent.counters.received
        assert (await prober.read_counter("lease_held")).total() == 0
        assert (await prober.get_page("/-/healthy"))[0] == 200
        await asyncio.sleep(1)  # twenty slots
        assert environment.agent.counters.received == received
        os.close(other_holder)
        await wait_for_ready(prober)
        await wait_until(lambda: environment.agent.counters.received > received + 3)
        assert (await prober.stop()).code == 0


async def test_a_removed_lease_file_is_noticed_and_the_prober_goes_on(
    environment: ProberEnvironment, tmp_path: Path
) -> None:
    lease = tmp_path / "journal.sqlite.lease"
    async with environment.run_prober() as prober:
        await wait_until(lambda: environment.agent.counters.received > 3)
        lease.unlink()

        async def is_counted() -> bool:
            return (await prober.read_counter("lease_file_losses_total")).total() == 1

        await until_true(is_counted)
        assert lease.exists()
        received = environment.agent.counters.received
        await wait_until(lambda: environment.agent.counters.received > received + 3)
        done = await prober.stop()
    assert done.err.count("was removed, replaced or moved while this prober held it") == 1
    assert "going on standby" not in done.err


def replace_lease_holder(lease: Path) -> int:
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
class ProberPods:
    """Probers as pods of one cluster, with a Lease."""

    environment: ProberEnvironment
    cluster: Cluster

    @contextlib.asynccontextmanager
    async def pod(self, name: str, **changes: object) -> AsyncIterator[ProberProcess]:
        """The program in a pod; the first pod's canary is the one that is called."""
        canary = {} if name == "a" else {"canary": {"listen": "127.0.0.1:0"}}
        file = self.environment.write_config(f"{name}.yaml", **canary, **changes)
        process = await fork_program(
            *(str(self.cluster.account.folder), "run", "--config", str(file)),
            module="tests.exporter.pod",
            environment={**self.cluster.account.environment, "POD_NAME": name},
        )
        async with ProberProcess(process).kill_at_end() as prober:
            yield prober

    @property
    def holder(self) -> str:
        return str(self.cluster.server.leases.spec["holderIdentity"]).partition("_")[0]


@pytest.fixture
async def pods(tmp_path: Path) -> AsyncIterator[ProberPods]:
    (tmp_path / "account").mkdir()
    cluster = Cluster(tmp_path / "account")
    cluster.server.leases.create_released()
    runner = await cluster.start()
    async with run_environment(tmp_path) as environment:
        environment.settings["lease"] = SHORT
        yield ProberPods(environment, cluster)
    await runner.cleanup()


async def test_a_stopped_holder_gives_the_lease_up(pods: ProberPods) -> None:
    pods.environment.settings["lease"] = LONG
    async with pods.pod("a") as first, pods.pod("b") as second:
        await wait_for_ready(first)
        assert "on standby" in second.output_lines[0]
        done = await first.stop()
        assert done.code == 0
        stopped_at = time.monotonic()
        await wait_for_ready(second)
        assert time.monotonic() - stopped_at < 20
        assert pods.holder == "b"
        assert (await second.stop()).code == 0
    assert pods.holder == ""


async def test_a_holder_that_stood_still_sends_nothing_more_when_it_goes_on(
    pods: ProberPods,
) -> None:
    own = {"journal": {"path": "b.sqlite"}}
    pods.environment.settings["probes"] = build_remediation("50ms")
    async with pods.pod("a") as first, pods.pod("b", **own) as second:
        await wait_until(lambda: pods.environment.agent.counters.received > 5)
        await stop_when(first, lambda: bool(list_unsent(pods.environment)))
        await wait_for_ready(second)
        await wait_until(lambda: len(read_rows(pods.environment.folder / "b.sqlite")) > 5)
        planned = list_unsent(pods.environment)
        first.send_signal(signal.SIGCONT)
        await wait_for_ready(first, 503)
        await until_true(lambda: is_journal_unlocked(pods.environment.journal))
        assert pods.holder == "b"
        # The request of one event may have been on its way to the socket.
        under_way = planned & find_alerted(pods.environment)
        assert len(under_way) <= 1
        kept_back = planned - under_way
        assert {read_reason(pods.environment.journal, run) for run in kept_back} <= {"lease_lost"}
        assert (await first.read_counter("lease_held")).total() == 0
        assert (await first.get_page("/-/healthy"))[0] == 200
        assert (await first.stop()).code == 0
        assert (await second.stop()).code == 0


async def test_a_shared_journal_is_handed_over(pods: ProberPods) -> None:
    async with pods.pod("a") as first, pods.pod("b") as second:
        await wait_until(lambda: pods.environment.agent.counters.received > 5)
        first.send_signal(signal.SIGSTOP)
        await wait_until(lambda: pods.holder == "b")
        await asyncio.sleep(0.5)
        received = pods.environment.agent.counters.received
        assert (await second.get_page("/-/ready"))[
            0
        ] == 503  # a program that hangs keeps the journal
        assert (await second.get_page("/-/healthy"))[0] == 200
        first.send_signal(signal.SIGCONT)
        await wait_for_ready(second)
        await wait_until(lambda: pods.environment.agent.counters.received > received + 5)
        await second.kill()
        await wait_for_ready(first)  # which may be on duty again
        before = pods.environment.agent.counters.received
        await wait_until(lambda: pods.environment.agent.counters.received > before + 5)
        assert pods.holder == "a"
        done = await first.stop()
    assert done.code == 0
    assert "lease lost" in done.err
    runs = read_rows(pods.environment.journal)
    assert len({run for run, *_ in runs}) == len(runs)
    assert len(runs) >= pods.environment.agent.counters.received


async def test_nothing_is_sent_without_an_api_server(pods: ProberPods) -> None:
    looks = {"availability": {"interval": "300ms", "timeout": "250ms"}}
    pods.environment.settings["probes"] |= looks
    async with pods.pod("a") as prober:
        await wait_until(lambda: pods.environment.agent.counters.received > 5)
        (pods.environment.folder / "a.yaml").write_text("probes: {}")
        prober.send_signal(signal.SIGHUP)
        await until_true(lambda: is_config_loaded(prober, is_=False))
        await until_true(lambda: has_up_metric(prober))
        pods.cluster.server.hangs = True
        await wait_for_ready(prober, 503)
        await until_true(lambda: is_journal_unlocked(pods.environment.journal))
        received = pods.environment.agent.counters.received
        await asyncio.sleep(0.5)  # five slots
        assert pods.environment.agent.counters.received == received
        assert not await has_up_metric(prober)  # it does not know any more
        assert await is_config_loaded(prober)  # for it has nothing to take
        pods.cluster.server.hangs = False
        await wait_for_ready(prober)
        await wait_until(lambda: pods.environment.agent.counters.received > received + 5)
        await until_true(lambda: is_config_loaded(prober, is_=False))
        assert (await prober.stop()).code == 0


def list_unsent(environment: ProberEnvironment) -> set[str]:
    """List planned runs unknown to agent-sre; `sent` is written while the event is on its way."""
    planned = {run for run, state, _ in read_rows(environment.journal) if state == "planned"}
    return planned - find_alerted(environment)


def find_alerted(environment: ProberEnvironment) -> set[str]:
    """Find the runs for which agent-sre has opened an issue."""
    issues = [issue["description"] for issue in environment.linear.list_issues()]
    ids = {run for run, *_ in read_rows(environment.journal)}
    return {run for run in ids if any(run in description for description in issues)}


async def is_config_loaded(prober: ProberProcess, *, is_: bool = True) -> bool:
    return (await prober.read_counter("config_last_reload_successful")).total() == int(is_)


async def has_up_metric(prober: ProberProcess) -> bool:
    return "agent_sre_validation_up{" in (await prober.get_page("/metrics"))[1]


def read_reason(journal: Path, run: str) -> str:
    """Why a run has its verdict."""
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        query = "SELECT reason FROM runs WHERE id = ?"
        return str(connection.execute(query, (run,)).fetchone()[0])


async def is_journal_unlocked(journal: Path) -> bool:
    """Return whether another could take it now."""
    locked = await asyncio.create_subprocess_exec("flock", "-n", str(journal), "true")
    return await locked.wait() == 0
