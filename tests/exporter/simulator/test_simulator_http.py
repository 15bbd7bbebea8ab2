"""Every row of the service's HTTP interface, as measured."""

import asyncio
import json

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from exporter.simulator.agent import Agent
from exporter.simulator.app import application
from exporter.simulator.faults import Faults
from exporter.simulator.settings import Settings
from tests.exporter.simulator.conftest import Client, FakeFunction, Start, fired

BINARY = {
    "ce-specversion": "1.0",
    "ce-type": "io.homelab.prometheus.alert.fired",
    "ce-source": "tests",
    "ce-id": "binary-1",
    "Content-Type": "application/json",
}


@pytest.mark.parametrize(
    ("path", "status"), [("/health", {"status": "ok"}), ("/ready", {"status": "ready"})]
)
async def test_healthy_and_ready(client: Client, path: str, status: dict[str, str]) -> None:
    answer = await client.request("GET", path)
    assert (answer.status, answer.body) == (200, status)


async def test_before_start_up_the_service_is_healthy_but_not_ready() -> None:
    agent = Agent(Settings(), Faults())
    async with TestServer(application(agent)) as server, aiohttp.ClientSession() as session:
        async with session.get(server.make_url("/ready")) as response:
            assert (response.status, await response.json()) == (503, {"status": "not ready"})
        async with session.get(server.make_url("/health")) as response:
            assert response.status == 200


async def test_metrics_are_one_comment_and_no_metric(client: Client) -> None:
    answer = await client.request("GET", "/metrics")
    assert answer.status == 200
    assert [line[0] for line in answer.body.splitlines()] == ["#"]


async def test_get_on_the_root_is_not_allowed(client: Client) -> None:
    assert (await client.request("GET", "/")).status == 405


async def test_the_answer_follows_the_call(client: Client, function: FakeFunction) -> None:
    answer = await client.send(fired("event-7"))
    expected = {"status": "processed", "event_id": "event-7", "correlation_id": "event-7"}
    assert (answer.status, answer.body) == (200, expected)
    assert function.finished.is_set()


async def test_single_events_stay_well_under_100_ms(client: Client) -> None:
    seconds = sorted([(await client.send(fired())).seconds for _ in range(9)])
    assert seconds[4] < 0.1


async def test_an_event_without_id_is_null(client: Client, function: FakeFunction) -> None:
    event = fired()
    del event["id"]
    answer = await client.send(event)
    expected = {"status": "processed", "event_id": None, "correlation_id": None}
    assert (answer.status, answer.body) == (200, expected)
    assert len(function.executed) == 1


@pytest.mark.parametrize("attribute", ["type", "specversion", "source"])
async def test_a_missing_attribute_is_a_500(client: Client, attribute: str) -> None:
    event = fired()
    del event[attribute]
    answer = await client.send(event)
    assert answer.status == 500
    assert attribute in answer.body["error"]


@pytest.mark.parametrize(
    "body", [b"{", b"", b"[1]", b"\xff\xfe", b"[" * 50_000 + b"]" * 50_000], ids=len
)
async def test_a_malformed_body_is_a_500(client: Client, body: bytes) -> None:
    answer = await client.send(body)
    assert answer.status == 500
    assert set(answer.body) == {"error"}


async def test_an_event_with_data_50_000_deep_is_a_500(client: Client) -> None:
    deep = "[" * 50_000 + "]" * 50_000
    event = json.dumps(fired()).replace('"Synthetic"', deep)
    assert (await client.send(event.encode())).status == 500


async def test_a_body_of_50_mb_is_accepted(client: Client, function: FakeFunction) -> None:
    event = fired(parameters={"padding": "x" * 50_000_000})
    assert (await client.send(event)).status == 200
    assert [len(body["padding"]) for body in function.bodies] == [50_000_000]


async def test_binary_mode_executes_nothing(start: Start, function: FakeFunction) -> None:
    client = await start(model_seconds=0.3)
    answer = await client.request("POST", "/", json=fired()["data"], headers=BINARY)
    assert (answer.status, answer.body["event_id"]) == (200, "binary-1")
    assert answer.seconds >= 0.3
    assert function.calls == []


@pytest.mark.parametrize("header", [name for name in BINARY if name.startswith("ce-")])
async def test_a_missing_ce_header_is_a_500(client: Client, header: str) -> None:
    headers = {name: value for name, value in BINARY.items() if name != header}
    answer = await client.request("POST", "/", data=b"{}", headers=headers)
    assert answer.status == 500
    assert header in answer.body["error"]


async def test_plain_json_without_ce_headers_is_a_500(client: Client) -> None:
    assert (await client.request("POST", "/", json=fired())).status == 500


async def test_no_annotation_asks_the_model(start: Start, function: FakeFunction) -> None:
    client = await start(model_seconds=0.3)
    answer = await client.send(fired(annotations={}))
    assert answer.status == 200
    assert answer.seconds >= 0.3
    assert function.calls == []


@pytest.mark.parametrize("parameters", ["{not json", "[1]", "7", ""])
async def test_bad_parameters_are_a_200(
    client: Client, function: FakeFunction, parameters: str
) -> None:
    annotations = {"lambda_function": "canary", "lambda_parameters": parameters}
    assert (await client.send(fired(annotations=annotations))).status == 200
    assert function.calls == []


async def test_a_resolved_event_calls_nothing(client: Client, function: FakeFunction) -> None:
    answer = await client.send(fired(resolved=True))
    assert (answer.status, answer.body["status"]) == (200, "processed")
    assert function.calls == []


async def test_duplicate_ids_are_not_deduplicated(client: Client, function: FakeFunction) -> None:
    await client.send(fired("same"))
    await client.send(fired("same"))
    assert [call.headers["ce-id"] for call in function.executed] == ["same", "same"]


async def test_a_disconnect_stops_nothing(client: Client, function: FakeFunction) -> None:
    function.gate.clear()
    sending = asyncio.create_task(client.send(fired()))
    await function.arrived.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await client.request("GET", "/health")
    function.gate.set()
    await function.finished.wait()
    assert len(function.executed) == 1


async def test_some_ce_headers_are_fine(client: Client, function: FakeFunction) -> None:
    headers = {"Content-Type": "Application/CloudEvents+json; charset=utf-8", "ce-hop": "1"}
    answer = await client.request("POST", "/", json=fired(), headers=headers)
    assert (answer.status, len(function.executed)) == (200, 1)
