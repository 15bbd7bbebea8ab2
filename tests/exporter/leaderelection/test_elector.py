"""Leader election: settings, renewal and the rules of a Kubernetes Lease."""

import asyncio
import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from exporter.leaderelection import LeaderElectionSettings, LockError
from exporter.leaderelection.elector import LeaderElector, open_lock
from exporter.leaderelection.file import FileLock, NoLock
from exporter.leaderelection.kubernetes import Json, LeaseLock, ServiceAccount
from tests.exporter.fake_clock import FakeClock
from tests.exporter.leaderelection.fake_api_server import DirectLeaseStore, FakeLeases

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
        ({"namespace": "ai"}, IN_CLUSTER, "Service token file does not exist"),
        ({"kind": "kubernetes", "namespace": "ai"}, OUTSIDE, "no service account: "),
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
    assert await lease.acquire_or_renew()
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

    def __init__(self, answers: list[bool | Exception]) -> None:
        self.answers = answers
        self.asked = 0
        self.released = 0
        self.expires_at: float | None = None
        self.trouble: Exception | None = None
        self.hanging = False

    async def acquire_or_renew(self) -> bool:
        self.asked += 1
        if self.hanging:
            await asyncio.Event().wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def release(self) -> None:
        self.released += 1
        if self.hanging:
            await asyncio.Event().wait()
        if self.trouble:
            raise self.trouble

    async def close(self) -> None: ...


def build_elector(lease: ScriptedLease | NoLock, clock: FakeClock) -> LeaderElector:
    return LeaderElector(lease, clock=clock, renew_deadline=10, retry=2)


async def test_a_claim_counts_until_the_deadline_after_it_was_made(clock: FakeClock) -> None:
    made = build_elector(ScriptedLease([True, LockError("gone"), True, False]), clock)
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
    made = build_elector(ScriptedLease([True]), clock)
    await made.step()
    clock._offset += 3600
    assert (made.is_leader, made.lost) == (False, False)
    await made.step()
    assert made.is_leader


async def test_the_lease_is_lost_without_a_claim(clock: FakeClock) -> None:
    lease = ScriptedLease([True, LockError("gone"), LockError("gone"), True, False, True])
    made, lost = build_elector(lease, clock), []
    for _ in range(6):
        await made.step()
        lost.append(made.lost)
        await clock.advance(6)
    assert lost == [False, False, True, False, True, False]


async def test_trouble_is_logged_once(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lease = ScriptedLease([LockError("gone"), LockError("gone"), LockError("denied"), True])
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
    made = build_elector(ScriptedLease([RuntimeError("broken part"), True]), clock)
    await made.step()
    assert "broken part" in caplog.text
    await made.step()
    assert made.is_leader


async def test_it_asks_when_a_claim_runs_out(clock: FakeClock) -> None:
    lease = ScriptedLease([False])
    running = asyncio.create_task(build_elector(lease, clock).run())
    await clock.advance(6.5)
    assert lease.asked == 4  # at 0, 2, 4, 6
    lease.expires_at = clock.now() + 1.5 + 0.25
    await clock.advance(1.5)
    assert lease.asked == 5
    await clock.advance(0.25)
    assert lease.asked == 6
    await clock.advance(1.9)
    assert lease.asked == 6
    running.cancel()
    await asyncio.wait({running})


async def test_a_call_that_hangs_is_given_up_after_half_the_deadline(clock: FakeClock) -> None:
    lease = ScriptedLease([True])
    made = build_elector(lease, clock)
    await made.step()
    lease.hanging = True
    step = asyncio.create_task(made.step())
    await clock.advance(4.9)
    assert not step.done()
    await clock.advance(0.2)
    assert step.done()
    assert made.is_leader


async def test_release_ends_the_holding(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    lease = ScriptedLease([True])
    made = build_elector(lease, clock)
    await made.step()
    lease.hanging = True
    releasing = asyncio.create_task(made.release())
    await clock.advance(1)
    assert lease.released == 1
    assert not made.is_leader
    await clock.advance(5)
    assert releasing.done()
    assert "it will expire: no response in time" in caplog.text


async def test_a_prober_that_is_alone_always_holds(clock: FakeClock) -> None:
    lease = NoLock()
    made = build_elector(lease, clock)
    await made.step()
    assert made.is_leader
    await made.release()
    await lease.close()


@pytest.fixture
def leases() -> FakeLeases:
    return FakeLeases()


def build_lock(
    leases: FakeLeases, clock: FakeClock, name: str, *, duration: float = 15
) -> LeaseLock:
    return LeaseLock(DirectLeaseStore(leases), identity=name, duration=duration, clock=clock)


async def test_the_second_waits_for_the_first(leases: FakeLeases, clock: FakeClock) -> None:
    assert await build_lock(leases, clock, "a", duration=14.2).acquire_or_renew()
    assert leases.spec == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2023-11-14T22:13:20.000000Z",
        "renewTime": "2023-11-14T22:13:20.000000Z",
        "leaseTransitions": 0,
    }
    assert not await build_lock(leases, clock, "b").acquire_or_renew()


async def test_a_renewal_keeps_foreign_fields(leases: FakeLeases, clock: FakeClock) -> None:
    holder = build_lock(leases, clock, "a")
    await holder.acquire_or_renew()
    leases.spec["strategy"] = "foreign"
    await clock.advance(2.5)
    assert await holder.acquire_or_renew()
    assert leases.lease is not None
    assert leases.lease["metadata"]["annotations"] == {"a": "b"}
    assert leases.spec["strategy"] == "foreign"
    assert leases.spec["acquireTime"] == "2023-11-14T22:13:20.000000Z"
    assert leases.spec["renewTime"] == "2023-11-14T22:13:22.500000Z"
    assert leases.spec["leaseTransitions"] == 0


async def test_an_unchanged_claim_runs_out(leases: FakeLeases, clock: FakeClock) -> None:
    await build_lock(leases, clock, "a").acquire_or_renew()
    other = build_lock(leases, clock, "b")
    await clock.advance(100)  # for one that just came, the claim is new whatever its time says
    assert not await other.acquire_or_renew()
    assert other.expires_at == clock.now() + 15
    await clock.advance(14.9)
    assert not await other.acquire_or_renew()
    await clock.advance(0.2)
    assert await other.acquire_or_renew()
    assert (leases.spec["holderIdentity"], leases.spec["leaseTransitions"]) == ("b", 1)
    assert other.expires_at is None


async def test_only_a_renewal_prolongs_a_claim(leases: FakeLeases, clock: FakeClock) -> None:
    holder, other = build_lock(leases, clock, "a"), build_lock(leases, clock, "b")
    for _ in range(10):
        assert await holder.acquire_or_renew()
        assert not await other.acquire_or_renew()
        await clock.advance(10)
    for _ in range(2):
        leases.touch_lease()  # a write to something else
        assert not await other.acquire_or_renew()
        await clock.advance(2.5)
    assert await other.acquire_or_renew()


async def test_a_holder_that_asks_for_more_time_gets_it(
    leases: FakeLeases, clock: FakeClock
) -> None:
    await build_lock(leases, clock, "a", duration=60).acquire_or_renew()
    other = build_lock(leases, clock, "b", duration=15)
    assert not await other.acquire_or_renew()
    await clock.advance(59)
    assert not await other.acquire_or_renew()
    await clock.advance(1)
    assert await other.acquire_or_renew()


async def test_a_lease_that_was_given_up_is_free_at_once(
    leases: FakeLeases, clock: FakeClock
) -> None:
    holder, other = build_lock(leases, clock, "a"), build_lock(leases, clock, "b")
    await holder.release()
    assert leases.lease is None
    await holder.acquire_or_renew()
    await other.acquire_or_renew()
    await other.release()
    assert leases.spec["holderIdentity"] == "a"
    await holder.release()
    assert leases.spec["holderIdentity"] == ""
    assert await other.acquire_or_renew()
    assert leases.spec["leaseTransitions"] == 1


async def test_of_two_that_claim_at_once_one_gets_it(leases: FakeLeases, clock: FakeClock) -> None:
    class ConflictingStore(DirectLeaseStore):
        """Another is always faster, right before this one writes."""

        async def create(self, spec: Json) -> None:
            await rival.acquire_or_renew()
            await super().create(spec)

        async def replace(self, lease: Json) -> None:
            await rival.acquire_or_renew()
            await super().replace(lease)

    rival = build_lock(leases, clock, "rival")
    slow = LeaseLock(ConflictingStore(leases), identity="slow", duration=15, clock=clock)
    assert not await slow.acquire_or_renew()
    await rival.release()
    assert not await slow.acquire_or_renew()
    assert leases.spec["holderIdentity"] == "rival"


async def test_a_write_in_between_does_not_end_a_holding(
    leases: FakeLeases, clock: FakeClock
) -> None:
    class TouchedStore(DirectLeaseStore):
        touches = 1

        async def replace(self, lease: Json) -> None:
            if self.touches:
                self.touches -= 1
                leases.touch_lease()
            await super().replace(lease)

    store = TouchedStore(leases)
    holder = LeaseLock(store, identity="a", duration=15, clock=clock)
    assert await holder.acquire_or_renew()
    assert await holder.acquire_or_renew()
    store.touches = 2
    with pytest.raises(LockError, match="conflicting writes"):
        await holder.acquire_or_renew()
    store.touches = 1
    await holder.release()
    assert leases.spec["holderIdentity"] == ""


async def test_a_vanished_claim_still_runs_out(leases: FakeLeases, clock: FakeClock) -> None:
    await build_lock(leases, clock, "a").acquire_or_renew()
    other = build_lock(leases, clock, "b")
    await other.acquire_or_renew()
    leases.lease = None
    await clock.advance(14)
    assert not await other.acquire_or_renew()
    await clock.advance(1)
    assert await other.acquire_or_renew()


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"holderIdentity": None, "leaseDurationSeconds": None, "leaseTransitions": None},
        {"holderIdentity": "", "leaseTransitions": "7", "leaseDurationSeconds": "x"},
    ],
)
async def test_a_lease_without_holder_is_free(
    leases: FakeLeases, clock: FakeClock, spec: Json
) -> None:
    leases.lease = {"metadata": {"resourceVersion": "0"}, "spec": spec}
    assert await build_lock(leases, clock, "a").acquire_or_renew()
