"""Leader election: settings, renewal and the rules of a Kubernetes Lease."""

import asyncio
import logging
import socket
from math import inf
from pathlib import Path
from typing import Any

import pytest

from exporter.leaderelection import LeaderElectionSettings, LockError, Moment
from exporter.leaderelection.elector import LeaderElector, open_lock
from exporter.leaderelection.file import FileLock, NoLock
from exporter.leaderelection.service_account import ServiceAccount
from tests.exporter.fake_clock import FakeClock

IN_CLUSTER = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "1"}


def test_the_defaults_are_those_of_kubernetes() -> None:
    settings = LeaderElectionSettings()
    times = (settings.duration, settings.renew_deadline, settings.retry)
    assert [str(time) for time in times] == ["15s", "10s", "2s"]
    assert (settings.kind, settings.name, settings.namespace) == ("auto", "slo-probe", None)


Env = dict[str, str]
OUTSIDE: Env = {}


@pytest.mark.parametrize(
    ("settings", "environment", "error"),
    [
        ({}, IN_CLUSTER, r"set lease\.namespace"),
        (
            {"namespace": "ai"},
            IN_CLUSTER,
            "no service account: token .*/token: No such file or directory",
        ),
        (
            {"kind": "kubernetes", "namespace": "ai"},
            OUTSIDE,
            "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set",
        ),
    ],
)
def test_in_a_cluster_no_file_takes_the_place_of_the_lease(
    tmp_path: Path,
    clock: FakeClock,
    settings: dict[str, Any],
    environment: dict[str, str],
    *,
    error: str,
) -> None:
    account = ServiceAccount(tmp_path, environment)
    with pytest.raises(LockError, match=error):
        open_lock(
            LeaderElectionSettings(**settings), file=tmp_path / "x", clock=clock, account=account
        )


async def test_outside_a_cluster_a_file_decides(tmp_path: Path, clock: FakeClock) -> None:
    file, account = tmp_path / "slo-probe.lease", ServiceAccount(tmp_path, OUTSIDE)
    lease = open_lock(LeaderElectionSettings(name="x"), file=file, clock=clock, account=account)
    assert isinstance(lease, FileLock)
    assert await lease.acquire_or_renew(-inf)
    assert file.exists()
    await lease.close()
    account = ServiceAccount(tmp_path, IN_CLUSTER)
    none = open_lock(LeaderElectionSettings(kind="none"), file=file, clock=clock, account=account)
    assert isinstance(none, NoLock)


def test_no_two_starts_have_the_same_identity() -> None:
    account = ServiceAccount(environment={"POD_NAME": "slo-probe-7d9f"})
    assert account.make_identity().startswith("slo-probe-7d9f_")
    assert account.make_identity() != account.make_identity()
    assert ServiceAccount(environment={}).make_identity().startswith(f"{socket.gethostname()}_")


class ScriptedLease:
    """A lease that gives the answers of a test, the last one for ever."""

    def __init__(self, clock: FakeClock, answers: list[bool | Exception]) -> None:
        self.clock = clock
        self.answers = answers
        self.asked: list[float] = []
        """Ends of the claims that were valid when it was asked."""
        self.released = 0
        self.expires_at = -inf
        self.trouble: Exception | None = None
        self.seconds = 0.0
        """Seconds that each answer takes after the claim."""
        self.intact = True

    def is_intact(self) -> bool:
        return self.intact

    async def acquire_or_renew(self, valid_until: float) -> Moment | None:
        self.asked.append(valid_until)
        claim = Moment.read(self.clock)
        if self.seconds:
            await self.clock.sleep(self.seconds)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return claim if answer else None

    async def release(self) -> None:
        self.released += 1
        if self.trouble:
            raise self.trouble

    async def close(self) -> None: ...


def build_elector(lease: ScriptedLease | NoLock, clock: FakeClock) -> LeaderElector:
    return LeaderElector(lease, clock=clock, renew_deadline=10, retry=2)


async def test_a_claim_counts_until_the_deadline_after_it_was_made(clock: FakeClock) -> None:
    made = build_elector(ScriptedLease(clock, [True, LockError("gone"), True, False]), clock)
    assert not made.is_leader, "nothing is held before the first answer"
    await made.step()
    await clock.advance(9.9)
    await made.step()
    assert made.is_leader
    await clock.advance(0.2)
    assert not made.is_leader
    await made.step()
    assert made.is_leader
    await made.step()
    assert not made.is_leader, "another holds it"


async def test_a_step_of_the_wall_clock_loses_nothing(clock: FakeClock) -> None:
    made = build_elector(ScriptedLease(clock, [True]), clock)
    await made.step()
    clock._offset += 3600
    assert (made.is_leader, made.lost) == (False, False)
    await made.step()
    assert made.is_leader


async def test_the_lease_is_lost_without_a_claim(clock: FakeClock) -> None:
    lease = ScriptedLease(clock, [True, LockError("gone"), LockError("gone"), True, False, True])
    made, lost = build_elector(lease, clock), []
    for _ in range(6):
        await made.step()
        lost.append(made.lost)
        await clock.advance(6)
    assert lost == [False, False, True, False, True, False]


async def test_trouble_is_logged_once(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lease = ScriptedLease(clock, [LockError("gone"), LockError("gone"), LockError("denied"), True])
    made = build_elector(lease, clock)
    for _ in range(6):
        await made.step()
    assert caplog.messages == [
        "lease: gone",
        "lease: denied",
        "lease: working again",
        "lease: held, sending",
    ]


async def test_a_bug_in_a_lease_is_logged(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    made = build_elector(ScriptedLease(clock, [RuntimeError("broken part"), True]), clock)
    await made.step()
    assert "broken part" in caplog.text
    await made.step()
    assert made.is_leader


async def test_it_asks_when_a_claim_runs_out(clock: FakeClock) -> None:
    lease = ScriptedLease(clock, [False])
    running = asyncio.create_task(build_elector(lease, clock).run())
    await clock.advance(6.5)
    assert len(lease.asked) == 4  # at 0, 2, 4, 6
    lease.expires_at = clock.now() + 1.5 + 0.25
    await clock.advance(1.5)
    assert len(lease.asked) == 5
    await clock.advance(0.25)
    assert len(lease.asked) == 6
    await clock.advance(1.9)
    assert len(lease.asked) == 6
    running.cancel()
    await asyncio.wait({running})


async def test_a_claim_counts_from_when_it_was_made_not_from_the_answer(clock: FakeClock) -> None:
    lease = ScriptedLease(clock, [True])
    lease.seconds = 4.5
    made = build_elector(lease, clock)
    running = asyncio.create_task(made.run())
    await clock.advance(4.6)
    assert made.is_leader
    await clock.advance(20)  # answers later than `retry` are followed by the next attempt at once
    assert made.is_leader
    assert lease.asked == [-inf] + [1000 + 10 + 4.5 * n for n in range(5)]
    lease.answers = [LockError("gone")]
    await clock.advance(3.3)
    assert made.is_leader
    await clock.advance(0.2)
    assert not made.is_leader
    running.cancel()
    await asyncio.wait({running})


async def test_a_lock_that_is_taken_away_ends_the_leadership_at_once(clock: FakeClock) -> None:
    lease = ScriptedLease(clock, [True])
    made = build_elector(lease, clock)
    await made.step()
    lease.intact = False
    assert (made.is_leader, made.lost) == (False, False)
    lease.intact = True
    assert made.is_leader


async def test_release_ends_the_holding(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    lease = ScriptedLease(clock, [True])
    made = build_elector(lease, clock)
    await made.step()
    lease.trouble = LockError("no response in time")
    await made.release()
    assert (lease.released, made.is_leader) == (1, False)
    assert "it will expire: no response in time" in caplog.text


async def test_a_prober_that_is_alone_always_holds(clock: FakeClock) -> None:
    lease = NoLock(clock)
    made = build_elector(lease, clock)
    await made.step()
    assert made.is_leader
    await made.release()
    await lease.close()
