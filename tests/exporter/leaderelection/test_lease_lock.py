"""Lease lock: who may write the record, and when."""

import asyncio
from collections.abc import Callable
from math import inf

import pytest

from exporter.leaderelection import LockError
from exporter.leaderelection.lease import Json, LeaseLock
from tests.exporter.fake_clock import FakeClock
from tests.exporter.leaderelection.fake_api_server import DirectLeaseStore, FakeLeases


@pytest.fixture
def leases() -> FakeLeases:
    """A Lease that its last holder released."""
    leases = FakeLeases()
    leases.create_released()
    return leases


class Candidate:
    """A prober that knows how long its claim is valid, as the elector does."""

    def __init__(
        self,
        store: DirectLeaseStore | FakeLeases,
        clock: FakeClock,
        name: str,
        *,
        duration: float = 15,
    ) -> None:
        store = DirectLeaseStore(store) if isinstance(store, FakeLeases) else store
        self.lock = LeaseLock(store, identity=name, duration=duration, timeout=5, clock=clock)
        self.valid_until = -inf

    async def attempt(self) -> bool:
        """Try once; tells whether it may send now."""
        claim = await self.lock.acquire_or_renew(self.valid_until)
        self.valid_until = claim.now + 10 if claim else -inf
        return claim is not None


async def test_the_second_waits_for_the_first(leases: FakeLeases, clock: FakeClock) -> None:
    assert await Candidate(leases, clock, "a", duration=14.2).attempt()
    assert leases.spec == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2023-11-14T22:13:20.000000Z",
        "renewTime": "2023-11-14T22:13:20.000000Z",
        "leaseTransitions": 1,
    }
    assert not await Candidate(leases, clock, "b").attempt()


async def test_a_renewal_keeps_foreign_fields(leases: FakeLeases, clock: FakeClock) -> None:
    leases.spec["strategy"] = "foreign"
    holder = Candidate(leases, clock, "a")
    await holder.attempt()
    await clock.advance(2.5)
    assert await holder.attempt()
    assert leases.lease is not None
    assert leases.lease["metadata"]["annotations"] == {"a": "b"}
    assert leases.spec["strategy"] == "foreign"
    assert leases.spec["acquireTime"] == "2023-11-14T22:13:20.000000Z"
    assert leases.spec["renewTime"] == "2023-11-14T22:13:22.500000Z"
    assert leases.spec["leaseTransitions"] == 1


async def test_an_unchanged_claim_runs_out(leases: FakeLeases, clock: FakeClock) -> None:
    await Candidate(leases, clock, "a").attempt()
    other = Candidate(leases, clock, "b")
    await clock.advance(100)  # for one that just came, the claim is new whatever its time says
    assert not await other.attempt()
    assert other.lock.expires_at == clock.now() + 15
    await clock.advance(14.9)
    assert not await other.attempt()
    await clock.advance(0.2)
    assert await other.attempt()
    assert (leases.spec["holderIdentity"], leases.spec["leaseTransitions"]) == ("b", 2)


async def test_only_a_renewal_prolongs_a_claim(leases: FakeLeases, clock: FakeClock) -> None:
    holder, other = Candidate(leases, clock, "a"), Candidate(leases, clock, "b")
    for _ in range(10):
        assert await holder.attempt()
        assert not await other.attempt()
        await clock.advance(9.9)
    for _ in range(2):
        leases.touch_lease()  # a write to something else
        assert not await other.attempt()
        await clock.advance(2.6)
    assert await other.attempt()


async def test_a_holder_that_asks_for_more_time_gets_it(
    leases: FakeLeases, clock: FakeClock
) -> None:
    await Candidate(leases, clock, "a", duration=60).attempt()
    other = Candidate(leases, clock, "b", duration=15)
    assert not await other.attempt()
    await clock.advance(59)
    assert not await other.attempt()
    await clock.advance(1)
    assert await other.attempt()


async def test_a_lease_that_was_released_is_free_at_once(
    leases: FakeLeases, clock: FakeClock
) -> None:
    holder, other = Candidate(leases, clock, "a"), Candidate(leases, clock, "b")
    await holder.attempt()
    await other.attempt()
    await other.lock.release()
    assert leases.spec["holderIdentity"] == "a"
    await holder.lock.release()
    assert leases.spec["holderIdentity"] == ""
    assert await other.attempt()
    assert leases.spec["leaseTransitions"] == 2


async def test_of_two_that_claim_at_once_one_gets_it(leases: FakeLeases, clock: FakeClock) -> None:
    class ConflictingStore(DirectLeaseStore):
        """Another is always faster, right before this one writes."""

        async def replace(self, lease: Json) -> Json:
            await rival.attempt()
            return await super().replace(lease)

    rival = Candidate(leases, clock, "rival")
    slow = Candidate(ConflictingStore(leases), clock, "slow")
    assert not await slow.attempt()
    await rival.lock.release()
    assert not await slow.attempt()
    assert leases.spec["holderIdentity"] == "rival"


class InterruptedStore(DirectLeaseStore):
    """Something happens right before each write, as often as it is told."""

    def __init__(self, leases: FakeLeases, interrupt: Callable[[], None]) -> None:
        super().__init__(leases)
        self.interrupt, self.times = interrupt, 0

    async def replace(self, lease: Json) -> Json:
        if self.times:
            self.times -= 1
            self.interrupt()
        return await super().replace(lease)


async def test_a_write_in_between_does_not_end_a_holding(
    leases: FakeLeases, clock: FakeClock
) -> None:
    store = InterruptedStore(leases, leases.touch_lease)
    holder = Candidate(store, clock, "a")
    for touches in (1, 0, 1):
        store.times = touches
        assert await holder.attempt()
    store.times = 2
    with pytest.raises(LockError, match="conflicting writes"):
        await holder.attempt()
    store.times = 1
    await holder.lock.release()
    assert leases.spec["holderIdentity"] == ""


def delete_lease(leases: FakeLeases) -> None:
    leases.lease = None


def empty_lease(leases: FakeLeases) -> None:
    assert leases.lease is not None
    leases.replace(leases.lease | {"spec": {}})


@pytest.mark.parametrize("change", [delete_lease, empty_lease])
async def test_a_holder_whose_claim_vanished_makes_it_again_and_nobody_else_does(
    leases: FakeLeases, clock: FakeClock, change: Callable[[FakeLeases], None]
) -> None:
    holder, other, newcomer = (Candidate(leases, clock, name) for name in "abc")
    assert await holder.attempt()
    assert not await other.attempt()
    change(leases)
    for each in (other, newcomer):
        assert not await each.attempt()
    assert await holder.attempt()
    assert leases.spec["holderIdentity"] == "a"


@pytest.mark.parametrize("change", [delete_lease, empty_lease])
async def test_a_vanished_claim_runs_out(
    leases: FakeLeases, clock: FakeClock, change: Callable[[FakeLeases], None]
) -> None:
    await Candidate(leases, clock, "a").attempt()
    change(leases)
    other = Candidate(leases, clock, "b")
    assert not await other.attempt()
    await clock.advance(14.9)
    assert not await other.attempt()
    await clock.advance(0.1)
    assert await other.attempt()


async def test_each_deletion_begins_the_wait_again(leases: FakeLeases, clock: FakeClock) -> None:
    """A holder may have written in between."""
    newcomer = Candidate(leases, clock, "a")
    for _ in range(20):
        leases.lease = None
        assert not await newcomer.attempt()
        await clock.advance(14)
    await clock.advance(1)
    assert await newcomer.attempt()
    assert leases.spec["leaseTransitions"] == 0


async def test_an_empty_lease_that_was_made_again_begins_the_wait_again(
    leases: FakeLeases, clock: FakeClock
) -> None:
    """The first one may have been claimed in between."""
    leases.lease = None
    newcomer = Candidate(leases, clock, "a")
    assert not await newcomer.attempt()
    await clock.advance(14)
    leases.lease = None
    leases.create({})
    assert not await newcomer.attempt()
    await clock.advance(14.9)
    assert not await newcomer.attempt()
    await clock.advance(0.1)
    assert await newcomer.attempt()


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"holderIdentity": None, "leaseDurationSeconds": None, "leaseTransitions": None},
        {"holderIdentity": "", "leaseTransitions": "7", "leaseDurationSeconds": "x"},
    ],
)
async def test_a_lease_without_holder_is_free_after_the_duration(
    leases: FakeLeases, clock: FakeClock, spec: Json
) -> None:
    leases.lease = {"metadata": {"resourceVersion": "0"}, "spec": spec}
    candidate = Candidate(leases, clock, "a")
    assert not await candidate.attempt()
    await clock.advance(15)
    assert await candidate.attempt()


class SilentStore(DirectLeaseStore):
    """Requests arrive, and their answers may not."""

    silent_writes = silent_reads = False

    async def read(self) -> Json | None:
        await self._pass(silent=self.silent_reads)
        return await super().read()

    async def replace(self, lease: Json) -> Json:
        written = await super().replace(lease)
        await self._pass(silent=self.silent_writes)
        return written

    @staticmethod
    async def _pass(*, silent: bool) -> None:
        if silent:
            await asyncio.Event().wait()


async def attempt_in_vain(candidate: Candidate, clock: FakeClock) -> None:
    """Try once and hear nothing, for the 5 s that it waits."""
    attempt = asyncio.create_task(candidate.attempt())
    await clock.advance(4.9)
    assert not attempt.done()
    await clock.advance(0.2)
    with pytest.raises(LockError, match="no response in time"):
        await attempt


async def test_a_claim_counts_from_before_it_was_sent(leases: FakeLeases, clock: FakeClock) -> None:
    class LateStore(DirectLeaseStore):
        async def replace(self, lease: Json) -> Json:
            written = await super().replace(lease)
            await clock.sleep(4)
            return written

    holder, began = Candidate(LateStore(leases), clock, "a"), clock.now()
    for number in range(3):
        attempt = asyncio.create_task(holder.attempt())
        await clock.advance(4)
        assert await attempt
        assert holder.valid_until == began + 4 * number + 10


async def test_a_claim_whose_answer_was_lost_counts_from_before_it_was_sent(
    leases: FakeLeases, clock: FakeClock
) -> None:
    store = SilentStore(leases)
    holder = Candidate(store, clock, "a")
    store.silent_writes, sent_at = True, clock.now()
    await attempt_in_vain(holder, clock)
    writes = len(leases.writes)
    assert await holder.attempt()
    assert holder.valid_until == sent_at + 10
    assert len(leases.writes) == writes, "the next read showed it; nothing was written again"


async def test_a_lost_claim_is_not_renewed_before_the_duration_has_passed(
    leases: FakeLeases, clock: FakeClock
) -> None:
    store = SilentStore(leases)
    holder, other = Candidate(store, clock, "a"), Candidate(leases, clock, "b")
    assert await holder.attempt()
    await clock.advance(5)
    store.silent_writes = store.silent_reads = True
    await attempt_in_vain(holder, clock)  # lands, and `b` waits from here
    assert not await other.attempt()
    await attempt_in_vain(holder, clock)
    assert clock.now() > holder.valid_until
    store.silent_writes = store.silent_reads = False
    assert await holder.attempt()
    assert clock.now() > holder.valid_until  # its renewal had landed, but that is too long ago
    writes = len(leases.writes)
    for _ in range(4):
        assert not await holder.attempt()
        await clock.advance(2.5)
    assert len(leases.writes) == writes
    assert await other.attempt()
    assert not await holder.attempt()
