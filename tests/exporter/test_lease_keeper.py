"""What a keeper does with what its lease says."""

import asyncio
import logging

import pytest

from exporter.lease import LeaseError
from exporter.lease.alone import Alone
from exporter.lease.keeper import LeaseKeeper
from tests.exporter.fake_clock import FakeClock


class Scripted:
    """A lease that gives the answers of a test, the last one for ever."""

    def __init__(self, answers: list[bool | Exception]) -> None:
        self.answers = answers
        self.asked = 0
        self.released = 0
        self.opens_at: float | None = None
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


def keeper(lease: Scripted | Alone, clock: FakeClock) -> LeaseKeeper:
    return LeaseKeeper(lease, clock=clock, renew_deadline=10, retry=2)


async def test_nothing_is_held_before_the_first_answer(clock: FakeClock) -> None:
    made = keeper(Scripted([True]), clock)
    assert not made.holding
    await made.step()
    assert made.holding


async def test_a_claim_counts_until_the_deadline_after_it_was_made(clock: FakeClock) -> None:
    made = keeper(Scripted([True, LeaseError("gone")]), clock)
    await made.step()
    await clock.advance(9.9)
    await made.step()
    assert made.holding
    await clock.advance(0.2)
    assert not made.holding


async def test_hearing_that_another_holds_ends_it_at_once(clock: FakeClock) -> None:
    made = keeper(Scripted([True, False]), clock)
    await made.step()
    await made.step()
    assert not made.holding


async def test_the_lease_is_lost_without_a_claim(clock: FakeClock) -> None:
    lease = Scripted([True, LeaseError("gone"), LeaseError("gone"), True, False, True])
    made, lost = keeper(lease, clock), []
    for _ in range(6):
        await made.step()
        lost.append(made.lost)
        await clock.advance(6)
    assert lost == [False, False, True, False, True, False]


async def test_a_step_of_the_wall_clock_loses_nothing(clock: FakeClock) -> None:
    made = keeper(Scripted([True]), clock)
    await made.step()
    clock._offset += 3600
    assert not made.holding
    assert not made.lost
    await made.step()
    assert made.holding


async def test_trouble_is_logged_once(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    lease = Scripted([LeaseError("gone"), LeaseError("gone"), LeaseError("denied"), True])
    made = keeper(lease, clock)
    for _ in range(6):
        await made.step()
    assert caplog.messages == [
        "lease: gone",
        "lease: denied",
        "lease: fine again",
        "lease: held, sending",
    ]


async def test_a_bug_in_a_lease_is_logged(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    made = keeper(Scripted([RuntimeError("broken part"), True]), clock)
    await made.step()
    assert "broken part" in caplog.text
    await made.step()
    assert made.holding


async def test_it_asks_when_a_claim_runs_out(clock: FakeClock) -> None:
    lease = Scripted([False])
    running = asyncio.create_task(keeper(lease, clock).run())
    await clock.advance(6.5)
    assert lease.asked == 4  # at 0, 2, 4, 6
    lease.opens_at = clock.now() + 1.5 + 0.25
    await clock.advance(1.5)
    assert lease.asked == 5
    await clock.advance(0.25)
    assert lease.asked == 6
    await clock.advance(1.9)
    assert lease.asked == 6
    running.cancel()
    await asyncio.wait({running})


async def test_a_call_that_hangs_is_given_up_after_half_the_deadline(clock: FakeClock) -> None:
    lease = Scripted([True])
    made = keeper(lease, clock)
    await made.step()
    lease.hanging = True
    step = asyncio.create_task(made.step())
    await clock.advance(4.9)
    assert not step.done()
    await clock.advance(0.2)
    assert step.done()
    assert made.holding


async def test_release_ends_the_holding(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    lease = Scripted([True])
    made = keeper(lease, clock)
    await made.step()
    lease.hanging = True
    releasing = asyncio.create_task(made.release())
    await clock.advance(1)
    assert lease.released == 1
    assert not made.holding
    await clock.advance(5)
    assert releasing.done()
    assert "others wait until it runs out: no answer in time" in caplog.text


async def test_a_prober_that_is_alone_always_holds(clock: FakeClock) -> None:
    lease = Alone()
    made = keeper(lease, clock)
    await made.step()
    assert made.holding
    await made.release()
    await lease.close()
