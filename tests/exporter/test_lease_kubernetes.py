"""The rule of a Kubernetes Lease: the observed change counts, and versions settle every race."""

import pytest

from exporter.lease import LeaseError
from exporter.lease.kubernetes import Json, KubernetesLease
from tests.exporter.fake_clock import FakeClock
from tests.exporter.fake_leases import Direct, Leases


@pytest.fixture
def leases() -> Leases:
    return Leases()


def lease(leases: Leases, clock: FakeClock, name: str, *, duration: float = 15) -> KubernetesLease:
    return KubernetesLease(Direct(leases), identity=name, duration=duration, clock=clock)


async def test_the_second_waits_for_the_first(leases: Leases, clock: FakeClock) -> None:
    assert await lease(leases, clock, "a", duration=14.2).acquire_or_renew()
    assert leases.spec == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "acquireTime": "2023-11-14T22:13:20.000000Z",
        "renewTime": "2023-11-14T22:13:20.000000Z",
        "leaseTransitions": 0,
    }
    assert not await lease(leases, clock, "b").acquire_or_renew()


async def test_a_renewal_keeps_foreign_fields(leases: Leases, clock: FakeClock) -> None:
    holder = lease(leases, clock, "a")
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


async def test_an_unchanged_claim_runs_out(leases: Leases, clock: FakeClock) -> None:
    await lease(leases, clock, "a").acquire_or_renew()
    other = lease(leases, clock, "b")
    await clock.advance(100)  # for one that just came, the claim is new whatever its time says
    assert not await other.acquire_or_renew()
    assert other.opens_at == clock.now() + 15
    await clock.advance(14.9)
    assert not await other.acquire_or_renew()
    await clock.advance(0.2)
    assert await other.acquire_or_renew()
    assert (leases.spec["holderIdentity"], leases.spec["leaseTransitions"]) == ("b", 1)
    assert other.opens_at is None


async def test_a_claim_that_changes_goes_on(leases: Leases, clock: FakeClock) -> None:
    holder, other = lease(leases, clock, "a"), lease(leases, clock, "b")
    for _ in range(10):
        assert await holder.acquire_or_renew()
        assert not await other.acquire_or_renew()
        await clock.advance(10)


async def test_other_writes_prolong_nothing(leases: Leases, clock: FakeClock) -> None:
    await lease(leases, clock, "a").acquire_or_renew()
    other = lease(leases, clock, "b")
    for _ in range(3):
        assert not await other.acquire_or_renew()
        await clock.advance(5)
        leases.touch()
    assert await other.acquire_or_renew()


async def test_a_holder_that_asks_for_more_time_gets_it(leases: Leases, clock: FakeClock) -> None:
    await lease(leases, clock, "a", duration=60).acquire_or_renew()
    other = lease(leases, clock, "b", duration=15)
    assert not await other.acquire_or_renew()
    await clock.advance(59)
    assert not await other.acquire_or_renew()
    await clock.advance(1)
    assert await other.acquire_or_renew()


async def test_a_lease_that_was_given_up_is_free_at_once(leases: Leases, clock: FakeClock) -> None:
    holder, other = lease(leases, clock, "a"), lease(leases, clock, "b")
    await holder.acquire_or_renew()
    await other.acquire_or_renew()
    await other.release()
    assert leases.spec["holderIdentity"] == "a"
    await holder.release()
    assert leases.spec["holderIdentity"] == ""
    assert await other.acquire_or_renew()
    assert leases.spec["leaseTransitions"] == 1


async def test_giving_up_what_is_not_there_is_fine(leases: Leases, clock: FakeClock) -> None:
    await lease(leases, clock, "a").release()
    assert leases.lease is None


async def test_of_two_that_claim_at_once_one_gets_it(leases: Leases, clock: FakeClock) -> None:
    class Overtaken(Direct):
        """Another is always faster, right before this one writes."""

        async def create(self, spec: Json) -> None:
            await rival.acquire_or_renew()
            await super().create(spec)

        async def replace(self, lease: Json) -> None:
            await rival.acquire_or_renew()
            await super().replace(lease)

    rival = lease(leases, clock, "rival")
    slow = KubernetesLease(Overtaken(leases), identity="slow", duration=15, clock=clock)
    assert not await slow.acquire_or_renew()
    await rival.release()
    assert not await slow.acquire_or_renew()
    assert leases.spec["holderIdentity"] == "rival"


async def test_a_write_in_between_does_not_end_a_holding(leases: Leases, clock: FakeClock) -> None:
    class Touched(Direct):
        touches = 1

        async def replace(self, lease: Json) -> None:
            if self.touches:
                self.touches -= 1
                leases.touch()
            await super().replace(lease)

    store = Touched(leases)
    holder = KubernetesLease(store, identity="a", duration=15, clock=clock)
    assert await holder.acquire_or_renew()
    assert await holder.acquire_or_renew()
    store.touches = 2
    with pytest.raises(LeaseError, match="others keep writing"):
        await holder.acquire_or_renew()
    store.touches = 1
    await holder.release()
    assert leases.spec["holderIdentity"] == ""


async def test_a_vanished_claim_still_runs_out(leases: Leases, clock: FakeClock) -> None:
    await lease(leases, clock, "a").acquire_or_renew()
    other = lease(leases, clock, "b")
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
async def test_a_lease_without_holder_is_free(leases: Leases, clock: FakeClock, spec: Json) -> None:
    leases.lease = {"metadata": {"resourceVersion": "0"}, "spec": spec}
    assert await lease(leases, clock, "a").acquire_or_renew()
