"""What a remediation function sees, and how its answers are understood."""

import asyncio
import json
import re

import pytest

from exporter.simulator.function import read_reply
from exporter.simulator.settings import Settings
from tests.exporter.simulator.conftest import Client, FakeFunction, Start, fired

CE_REPLY = {"ce-specversion": "1.0", "ce-type": "t", "ce-source": "s", "ce-id": "i"}


async def test_both_calls_share_a_connection(client: Client, function: FakeFunction) -> None:
    await client.send(fired())
    assert [(call.method, call.path) for call in function.calls] == [
        ("GET", "/health"),
        ("POST", "/"),
    ]
    assert len({call.peer for call in function.calls}) == 1


async def test_the_call_carries_its_headers(client: Client, function: FakeFunction) -> None:
    await client.send(fired("event-9"))
    headers = {name.lower(): value for name, value in function.executed[0].headers.items()}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", headers.pop("ce-time"))
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", headers.pop("traceparent"))
    transport = {"host", "accept", "accept-encoding", "user-agent", "content-length"}
    assert {name: value for name, value in headers.items() if name not in transport} == {
        "ce-specversion": "1.0",
        "ce-type": "io.homelab.agent-sre.remediation.request",
        "ce-source": "agent-sre",
        "ce-id": "event-9",
        "ce-correlationid": "event-9",
        "x-correlation-id": "event-9",
    }


async def test_the_body_is_the_parameters(client: Client, function: FakeFunction) -> None:
    labels = {"name": "web", "resource_namespace": "shop"}
    await client.send(fired(parameters={"probe_id": "p", "deep": {"x": [1]}}, labels=labels))
    assert function.bodies == [
        {"probe_id": "p", "deep": {"x": [1]}, "name": "web", "namespace": "shop"}
    ]


async def test_given_names_are_kept(client: Client, function: FakeFunction) -> None:
    await client.send(fired(parameters={"name": "mine"}, labels={"name": "other"}))
    assert function.bodies == [{"name": "mine", "namespace": None}]


def test_the_function_name_goes_unchecked_into_the_url() -> None:
    assert Settings().function_base("canary") == "http://canary.ai.svc.cluster.local"
    assert Settings().function_base("evil:99/{x}").startswith("http://evil:99/{x}.ai.")


async def test_a_name_that_makes_no_url_is_still_a_200(start: Start) -> None:
    client = await start(function_url="http://127.0.0.1:{name}/")
    assert (await client.send(fired())).status == 200
    assert client.simulator.executed.unhealthy == 1


@pytest.mark.parametrize("status", [204, 302, 404, 503])
async def test_a_bad_health_check_ends(client: Client, function: FakeFunction, status: int) -> None:
    function.health_status = status
    assert (await client.send(fired())).status == 200
    assert [call.method for call in function.calls] == ["GET"]
    assert client.simulator.executed.unhealthy == 1


async def test_a_hanging_health_check_ends(start: Start, function: FakeFunction) -> None:
    client = await start(health_timeout=0.2)
    function.health_gate.clear()
    answer = await client.send(fired())
    function.health_gate.set()
    assert (answer.status, function.executed) == (200, [])
    assert answer.seconds >= 0.2


async def test_a_slow_function_is_given_up(start: Start, function: FakeFunction) -> None:
    client = await start(call_timeout=0.2)
    function.gate.clear()
    answer = await client.send(fired())
    function.gate.set()
    assert (answer.status, len(function.executed)) == (200, 1)
    assert answer.seconds >= 0.2
    assert client.simulator.executed.succeeded == 0


async def test_a_function_that_is_down_is_a_quick_200(start: Start, unused_tcp_port: int) -> None:
    client = await start(function_url=f"http://127.0.0.1:{unused_tcp_port}/")
    assert (await client.send(fired())).status == 200
    assert client.simulator.executed.calls == 0


async def test_a_function_that_fails_is_a_200(client: Client, function: FakeFunction) -> None:
    function.status = 500
    assert (await client.send(fired())).status == 200
    assert (client.simulator.executed.calls, client.simulator.executed.succeeded) == (1, 0)


async def test_the_counters_tell_what_was_done(client: Client) -> None:
    await asyncio.gather(*(client.send(fired(str(n))) for n in range(5)))
    executed = client.simulator.executed
    counts = (executed.received, executed.processed, executed.calls, executed.succeeded)
    assert counts == (5, 5, 5, 5)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"status": "success", "message": "m"}, "success"),
        ({"status": "error", "message": "m"}, "error"),
        ({"result": {"status": "success"}}, "unknown"),
        ({"status": {"nested": "success"}}, "unknown"),
        ([], "error"),
    ],
)
def test_a_reply_is_understood_only_when_it_is_flat(data: object, status: str) -> None:
    assert read_reply(CE_REPLY, json.dumps(data).encode()).status == status


@pytest.mark.parametrize("missing", list(CE_REPLY))
def test_a_reply_without_all_ce_headers_is_an_error(missing: str) -> None:
    headers = {name: value for name, value in CE_REPLY.items() if name != missing}
    outcome = read_reply(headers, b'{"status": "success"}')
    assert outcome.status == "error"
    assert missing in outcome.message


def test_a_reply_that_is_no_json_is_an_error_and_an_empty_one_unknown() -> None:
    assert read_reply(CE_REPLY, b"<html>").status == "error"
    assert read_reply(CE_REPLY, b"").status == "unknown"
