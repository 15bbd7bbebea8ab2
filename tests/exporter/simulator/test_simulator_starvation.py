"""Starvation of the simulated event loop, in virtual time and over HTTP."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from exporter.simulator.agent_sre.cpu import BURST_SPEED, STEP_SHARES, Cpu, CpuStep, EventWork
from exporter.simulator.agent_sre.settings import Settings
from tests.exporter.fake_clock import run_in_virtual_time
from tests.exporter.simulator.conftest import FakeFunction, Start, build_event

Load = tuple[list[float], int]


async def offer_load(
    starts: Iterable[float], *, capacity: float = 27.0, burst: float = 3.7
) -> Load:
    """Offer events at given seconds to one CPU; the health check gives up after 5 s."""
    cpu = Cpu(capacity, burst=burst)
    clock = asyncio.get_running_loop().time
    executed = 0

    async def event(due: float) -> float:
        nonlocal executed
        await asyncio.sleep(due - clock())
        work = EventWork(cpu)
        await work.run_step(CpuStep.PARSE)
        try:
            async with asyncio.timeout(5):
                await work.run_step(CpuStep.HEALTH)
        except TimeoutError:
            pass
        else:
            await work.run_step(CpuStep.CALL)
            executed += 1
        await work.finish()
        return clock() - due

    return sorted(await asyncio.gather(*map(event, starts))), executed


def test_the_shares_of_the_steps_make_one_event() -> None:
    assert sum(STEP_SHARES.values()) == pytest.approx(1)
    assert set(STEP_SHARES) == set(CpuStep)


def test_one_event_alone_costs_ten_milliseconds_of_cpu() -> None:
    seconds, executed = run_in_virtual_time(offer_load([0]))
    assert seconds == pytest.approx([1 / 27 / BURST_SPEED])
    assert executed == 1


@pytest.mark.parametrize(("size", "slowest"), [(10, 0.117), (50, 0.495), (100, 1.37)])
def test_a_burst_is_executed_whole_about_as_fast_as_measured(size: int, slowest: float) -> None:
    seconds, executed = run_in_virtual_time(offer_load([0.0] * size))
    assert executed == size
    assert 0.6 * slowest < seconds[-1] < 1.4 * slowest


def test_ten_a_second_are_executed_without_any_queue() -> None:
    seconds, executed = run_in_virtual_time(offer_load([n / 10 for n in range(600)]))
    assert executed == 600
    assert seconds[-1] < 0.1


def test_a_hundred_a_second_lose_as_many_as_measured_and_answer_after_tens_of_seconds() -> None:
    seconds, executed = run_in_virtual_time(offer_load([n / 100 for n in range(1000)]))
    assert len(seconds) == 1000
    assert 330 < executed < 440
    assert 15 < seconds[500] < 30
    assert 20 < seconds[-1] < 45


@pytest.mark.parametrize("capacity", [10.0, 27.0, 300.0])
def test_without_credit_the_rate_is_exactly_the_capacity(capacity: float) -> None:
    seconds, _ = run_in_virtual_time(offer_load([0.0] * 100, capacity=capacity, burst=0))
    assert seconds[-1] == pytest.approx(100 / capacity)


def test_credit_spent_comes_back_with_idle_time() -> None:
    wave = [0.0] * 100
    seconds, _ = run_in_virtual_time(offer_load([*wave, *(10.0 for _ in wave)]))
    assert seconds[-1] < 1.4


def test_no_limit_means_no_waiting_at_all() -> None:
    seconds, executed = run_in_virtual_time(offer_load([0.0] * 1000, capacity=0))
    assert (seconds[-1], executed) == (0.0, 1000)


async def test_overload_answers_200_to_all(start: Start, function: FakeFunction) -> None:
    """The measured run in a tenth of the time: 100 events/s against 27, checks of 0.5 s."""
    client = await start(capacity=27.0, health_timeout=0.5, burst_seconds=0.37)
    began = asyncio.get_running_loop().time()

    async def event(number: int) -> Any:  # noqa: ANN401
        await asyncio.sleep(began + number / 100 - asyncio.get_running_loop().time())
        return await client.send(build_event(str(number)))

    answers = await asyncio.gather(*(event(number) for number in range(100)))
    assert [answer.status for answer in answers] == [200] * 100
    assert 5 < len(function.executed) < 75
    assert client.simulator.counters.unhealthy == 100 - len(function.executed)
    assert sorted(answer.seconds for answer in answers)[50] > 1


async def test_without_limit_all_is_executed(start: Start, function: FakeFunction) -> None:
    client = await start(capacity=0)
    answers = await asyncio.gather(
        *(client.send(build_event(str(number))) for number in range(100))
    )
    assert [answer.status for answer in answers] == [200] * 100
    assert len(function.executed) == 100


def test_the_defaults_are_the_service_as_measured() -> None:
    settings = Settings()
    assert (settings.capacity, settings.health_timeout, settings.call_timeout) == (27, 5, 60)
    assert (settings.model_seconds, settings.namespace) == (3.1, "ai")
