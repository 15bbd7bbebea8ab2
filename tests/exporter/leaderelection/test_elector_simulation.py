"""Simulation of leader election with clock skew and faults of processes and of the network.

Invariants: never do two probers lead, and nobody leads for at most `duration` plus `retry`.
"""

import asyncio
import os
from collections.abc import Coroutine

import pytest

from tests.exporter.fake_clock import run_in_virtual_time
from tests.exporter.leaderelection.election import (
    DURATION,
    RENEW_DEADLINE,
    RETRY,
    TIMEOUT,
    Election,
    Node,
    run_election,
)

FIRST, COUNT = (int(os.environ.get(name, n)) for name, n in (("FUZZ_SEED", 0), ("FUZZ_COUNT", 12)))
_ANSWERS = 0.5
"""Seconds that a few answers, each at most 0.1 s on its way, may add."""
MAX_GAP = DURATION + RETRY + _ANSWERS
RATES = [1.0, 1.2, 0.9]
"""The fastest clock is a third faster than the slowest; 15 s against 10 s bear a half."""


def simulate(scenario: Coroutine[None, None, None]) -> None:
    run_in_virtual_time(scenario)


async def disturb_process(election: Election, node: Node, fault: str) -> None:
    """Disturb a process, its machine or the Lease."""
    chance = election.chance
    match fault:
        case "pause":
            node.awake.clear()
        case "kill":
            await node.kill()
        case "release":
            await node.stop()
            releasing = asyncio.create_task(node.elector.release())
            await election.advance(chance.uniform(0, 6))
            releasing.cancel()
            await asyncio.wait({releasing})
            node.start()
        case "step wall clock":
            node.wall_shift += chance.uniform(-100, 100)
        case "touch" if election.leases.lease:
            election.leases.touch_lease()
        case "empty" if election.leases.lease:
            election.leases.replace(election.leases.lease | {"spec": {}})
        case "delete":
            election.leases.lease = None
        case "delete again and again":
            for _ in range(chance.randrange(20)):
                election.leases.lease = None
                await election.advance(chance.uniform(0.1, 2))


def disturb_network(node: Node, fault: str) -> None:
    """Disturb the way of a node to the API server."""
    chance = node.chance
    match fault:
        case "refuse":
            node.refusal = chance.choice(["Connection refused", "401", "403", "500", "429"])
        case "late answers":
            late = chance.choice([2.6, 4.8, 5.2, 9.0, 14.0, 40.0])
            node.delays = (0.0, 0.05), (late, late + 0.1)
        case "hang":
            node.loses = 1.0, 0.0
        case "lose answers":
            node.loses = 0.0, chance.choice([0.5, 1.0])
        case "late requests":
            node.delays = (5, 40), (0, 40)
        case "slow":
            node.delays = (0, 3), (0, 3)


PROCESS_FAULTS = ["pause", "kill", "step wall clock", "touch", "empty", "delete"]
NETWORK_FAULTS = ["refuse", "late answers", "hang", "lose answers"]


def end_faults(node: Node) -> None:
    node.awake.set()
    node.heal()
    if not node.is_alive:
        node.start()


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_at_most_one_leads_whatever_happens(seed: int) -> None:
    async def play() -> None:
        async with run_election(2 + seed % 2, seed, RATES) as election:
            chance = election.chance
            for _ in range(chance.randrange(3, 25)):
                node = chance.choice(election.leaders or election.nodes)
                network = [*NETWORK_FAULTS, "late requests", "slow"]
                process = [*PROCESS_FAULTS, "release", "delete again and again"]
                fault = chance.choice([*network, *process, *["heal"] * 4])
                if fault == "heal":
                    end_faults(chance.choice(election.nodes))
                elif fault in network:
                    disturb_network(node, fault)
                else:
                    await disturb_process(election, node, fault)
                await election.advance(chance.choice([0.3, 1.1, 2.5, 4.7, 9.3, 12.9, 14.8, 21.0]))
            for node in election.nodes:
                end_faults(node)
            # Packets of the bad time may still arrive, and each may be a renewal by the dead.
            await election.advance_until(
                lambda: bool(election.leaders), at_most=40 + 2 * (DURATION + RETRY)
            )

    simulate(play())


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT))
def test_whatever_happens_to_the_leader_another_leads_within_duration_and_retry(seed: int) -> None:
    async def play() -> None:
        async with run_election(2 + seed % 2, seed) as election:
            chance = election.chance
            for _ in range(8):
                await election.advance(chance.uniform(20, 30), max_gap=MAX_GAP)
                (leader,) = election.leaders
                fault = chance.choice([*NETWORK_FAULTS, *PROCESS_FAULTS])
                disturb_network(leader, fault)
                await disturb_process(election, leader, fault)
                await election.advance(chance.choice([3, 7, 12, 40]), max_gap=MAX_GAP)
                end_faults(leader)

    simulate(play())


@pytest.mark.parametrize("late", [0.5, 2.6, 4.8])
def test_late_answers_do_not_end_the_leadership(late: float) -> None:
    async def play() -> None:
        async with run_election(2, 1) as election:
            await election.advance_until(lambda: bool(election.leaders), at_most=MAX_GAP)
            (leader,) = election.leaders
            for node in election.nodes:
                node.delays = (0, 0.05), (late, late + 0.1)
            await election.advance(100, max_gap=0.2)
            assert election.leaders == [leader]

    simulate(play())


@pytest.mark.parametrize("late", [0.5, 2.6, 4.8])
def test_with_late_answers_somebody_begins_to_lead(late: float) -> None:
    async def play() -> None:
        async with run_election(2, 1) as election:
            for node in election.nodes:
                node.delays = (0, 0.05), (late, late + 0.1)
            await election.advance_until(lambda: bool(election.leaders), at_most=MAX_GAP + 4 * late)
            await election.advance(100, max_gap=late)

    simulate(play())


@pytest.mark.parametrize("fault", ["hang", "pause", "late answers"])
def test_a_holder_that_cannot_renew_stops_before_another_begins(fault: str) -> None:
    async def play() -> None:
        async with run_election(2, 1) as election:
            await election.advance_until(lambda: bool(election.leaders), at_most=MAX_GAP)
            await election.advance(5)
            (leader,) = election.leaders
            disturb_network(leader, "hang" if fault == "hang" else "")
            await disturb_process(election, leader, fault)
            if fault == "late answers":
                leader.delays = (0, 0.05), (TIMEOUT + 0.1, TIMEOUT + 0.2)
            silence = await election.advance_until(
                lambda: not election.leaders, at_most=2 * RENEW_DEADLINE
            )
            assert silence >= RENEW_DEADLINE - RETRY - _ANSWERS  # it goes on while it safely can
            await election.advance_until(lambda: bool(election.leaders), at_most=MAX_GAP)
            assert election.leaders != [leader]
            end_faults(leader)
            await election.advance(60, max_gap=0)
            assert election.leaders != [leader]

    simulate(play())


def test_one_lost_answer_does_not_interrupt_the_holding() -> None:
    async def play() -> None:
        async with run_election(2, 1) as election:
            await election.advance_until(lambda: bool(election.leaders), at_most=MAX_GAP)
            (leader,) = election.leaders
            for lost in [(1.0, 0.0), (0.0, 1.0)] * 10:
                leader.loses = lost
                await election.advance(2.5)
                leader.heal()
                await election.advance(8)
                assert election.leaders == [leader]

    simulate(play())


def test_probers_that_never_saw_a_lease_do_not_send_next_to_its_holder() -> None:
    async def play() -> None:
        async with run_election(1, 1) as election:
            await election.advance_until(lambda: bool(election.leaders), at_most=MAX_GAP)
            for number in range(20):
                disturb_network(election.nodes[0], "hang")
                election.leases.lease = None
                election.nodes.append(Node(f"new-{number}", election.leases, election.chance, 1.0))
                await election.advance(7)
                election.nodes[0].heal()
                await election.advance(3)
            await election.advance_until(lambda: bool(election.leaders), at_most=MAX_GAP)

    simulate(play())
