"""Faults of the simulator: their syntax, and the effect of each."""

import asyncio
from typing import Any

import aiohttp
import pytest

from exporter.simulator.agent_sre.faults import (
    SLOW_STAGES,
    AgentFaultFlag,
    AgentFaults,
    AgentFaultSet,
)
from exporter.simulator.agent_sre.function import Remediation
from slos.schema.contract import Stage
from tests.exporter.simulator.conftest import Client, FakeFunction, build_event

NOT_FAULTS = [
    "", "lots", "Lost", "lost:1", "none:", "slow", "slow:lambda_execution",
    "slow:lambda_execution:",
    "slow:lambda_execution:-1", "slow:lambda_execution:0", "slow:lambda_execution:nan",
    "slow:lambda_execution:inf", "slow:lambda_execution:1e9", "slow:lambda_execution:1:2",
    "slow:end_to_end:1", "slow::1", "leak", "leak:", "leak:0", "leak:-5", "leak:1.5", "leak:²",
    "leak:9999999999999", "lost,,down",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_FAULTS)
def test_an_unknown_fault_is_refused_with_the_valid_ones_listed(text: str) -> None:
    with pytest.raises(ValueError, match="valid faults: none, lost, duplicated") as caught:
        AgentFaultSet.parse([text])
    assert AgentFaultSet.VALID in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "shown"),
    [
        (
            ["slow:verification:1.5, down", "leak:10,lost"],
            ["lost", "down", "slow:verification:1.5", "leak:10"],
        ),
        (["lost,leak:5", "none", "down"], ["down"]),
        (
            ["slow:verification:1,slow:verification:2,leak:1,leak:2"],
            ["slow:verification:2", "leak:2"],
        ),
        *(([flag.value], [flag.value]) for flag in AgentFaultFlag),
    ],
)
def test_faults_are_shown_in_one_order(texts: list[str], shown: list[str]) -> None:
    assert AgentFaultSet.parse(texts).to_texts() == shown


@pytest.mark.parametrize("stage", SLOW_STAGES)
def test_every_stage_can_be_slow_by_decimals(stage: Stage) -> None:
    active = AgentFaultSet.parse([f"slow:{stage}:0.25"])
    assert [active.get_delay(other) for other in Stage if other is not stage] == [0.0] * 5
    assert active.get_delay(stage) == 0.25


def test_setting_faults_replaces_the_old_ones_and_a_mistake_changes_nothing() -> None:
    faults = AgentFaults(["lost"])
    faults.set("down", "error")
    with pytest.raises(ValueError):
        faults.set("lost", "bogus")
    assert faults.active.to_texts() == ["error", "down"]
    faults.set()
    assert faults.active.to_texts() == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"lost", ["lost"]),
        (b" slow:lambda_execution:3,duplicated\n", ["duplicated", "slow:lambda_execution:3"]),
        (b'{"faults": ["lost", "leak:7"]}', ["lost", "leak:7"]),
        (b'{"faults": []}', []),
        (b"none", []),
    ],
)
async def test_faults_over_http(client: Client, body: bytes, expected: list[str]) -> None:
    client.simulator.faults.set("down")
    answer = await client.request("POST", "/fault", data=body)
    assert (answer.status, answer.body) == (200, {"faults": expected})
    assert (await client.request("GET", "/fault")).body == {"faults": expected}


@pytest.mark.parametrize(
    "body", [b"", b"bogus", b"{", b"[]", b'{"faults": "lost"}', b'{"faults": [1]}', b"\xff"]
)
async def test_a_bad_fault_request_is_a_400_with_the_reason(client: Client, body: bytes) -> None:
    client.simulator.faults.set("lost")
    answer = await client.request("POST", "/fault", data=body)
    assert answer.status == 400
    assert answer.body["error"]
    assert client.simulator.faults.active.to_texts() == ["lost"]


@pytest.mark.parametrize(
    ("fault", "status", "ids"),
    [("lost", 200, []), ("error", 500, []), ("duplicated", 200, ["d", "d"]), ("none", 200, ["d"])],
)
async def test_a_fault_changes_the_answer_or_the_calls(
    client: Client, function: FakeFunction, fault: str, status: int, ids: list[str]
) -> None:
    client.simulator.faults.set(fault)
    answer = await client.send(build_event("d"))
    assert (answer.status, answer.seconds < 1) == (status, True)
    assert set(answer.body) >= ({"error"} if status == 500 else {"status"})
    assert [call.headers["ce-id"] for call in function.executed] == ids
    assert bool(function.calls) == bool(ids)


async def test_corrupted_changes_one_value(client: Client, function: FakeFunction) -> None:
    client.simulator.faults.set("corrupted")
    sent = {"probe_id": "p", "nonce": "abc", "name": "n", "namespace": "ns"}
    await client.send(build_event(parameters=sent))
    (seen,) = function.bodies
    assert {key for key in sent if seen[key] != sent[key]} == {"nonce"}
    assert seen.keys() == sent.keys()


@pytest.mark.parametrize("value", ["text", "", 0, 1.5, True, False, None, [1], {"a": 1}])
def test_corruption_changes_a_value_of_any_type(value: object) -> None:
    parameters = {"probe_id": "p", "value": value}
    assert Remediation("f", parameters).with_corruption().parameters["value"] != value


async def test_corrupted_strikes_the_name(client: Client, function: FakeFunction) -> None:
    client.simulator.faults.set("corrupted")
    await client.send(build_event(parameters={"probe_id": "p"}, labels={"name": "web"}))
    assert function.bodies == [{"probe_id": "p", "name": "web~corrupted", "namespace": None}]


async def test_hang_never_answers_and_never_executes(
    client: Client, function: FakeFunction
) -> None:
    client.simulator.faults.set("hang")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await client.send(build_event())
    client.simulator.faults.set()
    assert (await client.send(build_event("after"))).status == 200
    assert [call.headers["ce-id"] for call in function.executed] == ["after"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/health"), ("POST", "/"), ("GET", "/no")])
async def test_down_cuts_every_request_off(client: Client, method: str, path: str) -> None:
    client.simulator.faults.set("down")
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await client.request(method, path)
    assert (await client.request("GET", "/fault")).body == {"faults": ["down"]}
    assert (await client.request("POST", "/fault", data=b"none")).status == 200
    assert (await client.request("GET", "/health")).status == 200


@pytest.mark.parametrize(
    "stage", [stage for stage in SLOW_STAGES if stage is not Stage.VERIFICATION]
)
async def test_a_slow_stage_delays(client: Client, function: FakeFunction, stage: Stage) -> None:
    client.simulator.faults.set(f"slow:{stage}:0.3")
    assert (await client.send(build_event())).seconds >= 0.3
    assert (await client.send(build_event(resolved=True))).seconds >= (
        0.3 if stage is Stage.CLOUDEVENT_PROCESSING else 0
    )
    assert len(function.executed) == 1


async def test_slow_verification_delays_resolved_events_only(client: Client) -> None:
    client.simulator.faults.set("slow:verification:0.6")
    assert (await client.send(build_event())).seconds < 0.6
    assert (await client.send(build_event(resolved=True))).seconds >= 0.6


async def test_slow_execution_and_selection(client: Client, function: FakeFunction) -> None:
    client.simulator.faults.set("slow:lambda_execution:30")
    sending = asyncio.create_task(client.send(build_event()))
    await function.checked.wait()
    await client.send(build_event(resolved=True))
    sending.cancel()
    assert [call.path for call in function.calls] == ["/health"]
    client.simulator.faults.set("slow:remediation_selection:30")
    await _send_without_reply(client, build_event())
    assert [call.path for call in function.calls] == ["/health"]


async def _send_without_reply(client: Client, event: dict[str, Any]) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await client.send(event)


async def test_leak_keeps_its_bytes_for_every_event(client: Client) -> None:
    client.simulator.faults.set("leak:1000")
    await client.send(build_event())
    await client.send(build_event(resolved=True))
    client.simulator.faults.set()
    await client.send(build_event())
    assert [len(kept) for kept in client.simulator.agent._leaked] == [1000, 1000]


async def test_several_faults_strike_together(client: Client, function: FakeFunction) -> None:
    client.simulator.faults.set("duplicated,corrupted,slow:lambda_execution:0.2")
    assert (await client.send(build_event())).seconds >= 0.2
    assert [body["nonce"] for body in function.bodies] == ["abc~corrupted"] * 2
