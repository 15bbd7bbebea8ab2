"""Two programs on one lease file: one sends, the other takes over when the first is gone."""

import asyncio
import fcntl
import os
import signal
import time
from collections import Counter
from pathlib import Path

from tests.exporter.house import House, Prober, house, remediation, until
from tests.exporter.journal_desk import rows
from tests.exporter.program import until as until_true

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


async def test_after_a_kill_the_other_takes_over(tmp_path: Path) -> None:
    async with house(tmp_path) as at, at.prober() as first:
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


async def test_who_takes_over_is_ready_for_a_while_before_it_sends(tmp_path: Path) -> None:
    """Only a prober that is ready is called, and it takes a while until everybody knows."""
    async with house(tmp_path) as at:
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


async def test_a_holder_that_ends_hands_over_at_once(tmp_path: Path) -> None:
    async with house(tmp_path) as at, at.prober() as first:
        await first.url("canary")
        async with at.prober(second(at)) as other:
            await standing_by(other)
            assert (await first.stop()).code == 0
            await ready(other)
            assert (await other.stop()).code == 0


async def test_a_lost_lease_stops_the_sending(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
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
