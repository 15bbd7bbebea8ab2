"""HTTP interface of the simulator, its function calls and its Linear issues."""

import asyncio
import json
import re
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from exporter.simulator.agent_sre.agent import Agent
from exporter.simulator.agent_sre.faults import AgentFaults
from exporter.simulator.agent_sre.function import parse_function_reply
from exporter.simulator.agent_sre.server import build_agent_app
from exporter.simulator.agent_sre.settings import Settings
from tests.exporter.simulator.conftest import Client, FakeFunction, FakeLinear, Start, build_event

BINARY = {
    "ce-specversion": "1.0",
    "ce-type": "io.homelab.prometheus.alert.fired",
    "ce-source": "tests",
    "ce-id": "binary-1",
    "Content-Type": "application/json",
}
CE_REPLY = {"ce-specversion": "1.0", "ce-type": "t", "ce-source": "s", "ce-id": "i"}
DEEP = "[" * 50_000 + "]" * 50_000


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [("/health", 200, {"status": "ok"}), ("/ready", 200, {"status": "ready"}), ("/", 405, None)],
)
async def test_pages_of_a_started_service(
    client: Client, path: str, status: int, body: object
) -> None:
    answer = await client.request("GET", path)
    assert (answer.status, body and answer.body) == (status, body)


async def test_before_start_up_the_service_is_healthy_but_not_ready() -> None:
    agent = Agent(Settings(), AgentFaults())
    async with TestServer(build_agent_app(agent)) as server, aiohttp.ClientSession() as session:
        async with session.get(server.make_url("/ready")) as response:
            assert (response.status, await response.json()) == (503, {"status": "not ready"})
        async with session.get(server.make_url("/health")) as response:
            assert response.status == 200


async def test_metrics_are_one_comment_and_no_metric(client: Client) -> None:
    answer = await client.request("GET", "/metrics")
    assert answer.status == 200
    assert [line[0] for line in answer.body.splitlines()] == ["#"]


@pytest.mark.parametrize("event_id", ["event-7", None])
async def test_the_answer_follows_the_call(
    client: Client, function: FakeFunction, event_id: str | None
) -> None:
    event = build_event(event_id or "")
    if event_id is None:
        del event["id"]
    answer = await client.send(event)
    expected = {"status": "processed", "event_id": event_id, "correlation_id": event_id}
    assert (answer.status, answer.body) == (200, expected)
    assert function.finished.is_set()


async def test_single_events_stay_well_under_100_ms(client: Client) -> None:
    seconds = sorted([(await client.send(build_event())).seconds for _ in range(9)])
    assert seconds[4] < 0.1


@pytest.mark.parametrize("attribute", ["type", "specversion", "source"])
async def test_a_missing_attribute_is_a_500(client: Client, attribute: str) -> None:
    event = build_event()
    del event[attribute]
    answer = await client.send(event)
    assert answer.status == 500
    assert attribute in answer.body["error"]


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b"[1]", b"\xff\xfe", DEEP.encode(),
     json.dumps(build_event()).replace('"Synthetic"', DEEP).encode()],
    ids=len,
)  # fmt: skip
async def test_a_malformed_body_is_a_500(client: Client, body: bytes) -> None:
    answer = await client.send(body)
    assert answer.status == 500
    assert set(answer.body) == {"error"}


async def test_a_body_of_50_mb_is_accepted(client: Client, function: FakeFunction) -> None:
    event = build_event(parameters={"padding": "x" * 50_000_000})
    assert (await client.send(event)).status == 200
    assert [len(body["padding"]) for body in function.bodies] == [50_000_000]


async def test_binary_mode_executes_nothing(start: Start, function: FakeFunction) -> None:
    client = await start(model_seconds=0.3)
    answer = await client.request("POST", "/", json=build_event()["data"], headers=BINARY)
    assert (answer.status, answer.body["event_id"]) == (200, "binary-1")
    assert answer.seconds >= 0.3
    assert function.calls == []


@pytest.mark.parametrize("header", [name for name in BINARY if name.startswith("ce-")])
async def test_a_missing_ce_header_is_a_500(client: Client, header: str) -> None:
    headers = {name: value for name, value in BINARY.items() if name != header}
    answer = await client.request("POST", "/", data=b"{}", headers=headers)
    assert answer.status == 500
    assert header in answer.body["error"]
    assert (await client.request("POST", "/", json=build_event())).status == 500


async def test_no_annotation_waits_for_the_missing_model(
    start: Start, function: FakeFunction
) -> None:
    client = await start(model_seconds=0.3)
    answer = await client.send(build_event(annotations={}))
    assert (answer.status, answer.seconds >= 0.3, function.calls) == (200, True, [])


@pytest.mark.parametrize("parameters", ["{not json", "[1]", "7", "", None])
async def test_a_bad_or_resolved_event_calls_nothing(
    client: Client, function: FakeFunction, parameters: str | None
) -> None:
    annotations = {"lambda_function": "canary", "lambda_parameters": parameters}
    event = (
        build_event(resolved=True) if parameters is None else build_event(annotations=annotations)
    )
    answer = await client.send(event)
    assert (answer.status, answer.body["status"], function.calls) == (200, "processed", [])


async def test_a_client_that_disconnects_does_not_stop_the_remediation(
    client: Client, function: FakeFunction
) -> None:
    function.gate.clear()
    sending = asyncio.create_task(client.send(build_event()))
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
    answer = await client.request("POST", "/", json=build_event(), headers=headers)
    assert (answer.status, len(function.executed)) == (200, 1)


async def test_a_call_has_its_headers_and_connection(
    client: Client, function: FakeFunction
) -> None:
    await client.send(build_event("event-9"))
    calls = [(call.method, call.path) for call in function.calls]
    assert calls == [("GET", "/health"), ("POST", "/")]
    assert len({call.peer for call in function.calls}) == 1
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


@pytest.mark.parametrize(
    ("given", "labels", "sent"),
    [
        (
            {"probe_id": "p", "deep": {"x": [1]}},
            {"name": "web", "resource_namespace": "shop"},
            {"probe_id": "p", "deep": {"x": [1]}, "name": "web", "namespace": "shop"},
        ),
        ({"name": "mine"}, {"name": "other"}, {"name": "mine", "namespace": None}),
    ],
)
async def test_the_body_is_the_parameters_with_name_and_namespace(
    client: Client, function: FakeFunction, given: object, labels: dict[str, str], *, sent: object
) -> None:
    await client.send(build_event(parameters=given, labels=labels))
    assert function.bodies == [sent]


def test_the_function_name_goes_unchecked_into_the_url() -> None:
    assert Settings().build_function_url("canary") == "http://canary.ai.svc.cluster.local"
    assert Settings().build_function_url("evil:99/{x}").startswith("http://evil:99/{x}.ai.")


@pytest.mark.parametrize(
    ("settings", "knobs", "counted"),
    [
        ({"function_url": "http://127.0.0.1:{name}/"}, {}, (0, 0, 1)),
        ({"function_url": "http://127.0.0.1:9/"}, {}, (0, 0, 1)),
        *(({}, {"health_status": status}, (0, 0, 1)) for status in (204, 302, 404, 503)),
        ({}, {"status": 500}, (1, 0, 0)),
    ],
)
async def test_a_function_in_trouble_is_a_200(
    start: Start,
    function: FakeFunction,
    settings: dict[str, Any],
    knobs: dict[str, Any],
    counted: tuple[int, int, int],
) -> None:
    vars(function).update(knobs)
    client = await start(**settings)
    assert (await client.send(build_event())).status == 200
    done = client.simulator.counters
    assert (done.calls, done.succeeded, done.unhealthy) == counted


@pytest.mark.parametrize(
    ("gate", "setting", "calls"),
    [("health_gate", "health_timeout", 0), ("gate", "call_timeout", 1)],
)
async def test_a_hanging_function_is_given_up(
    start: Start, function: FakeFunction, gate: str, setting: str, calls: int
) -> None:
    client = await start(**{setting: 0.2})
    getattr(function, gate).clear()
    answer = await client.send(build_event())
    getattr(function, gate).set()
    assert (answer.status, len(function.executed)) == (200, calls)
    assert answer.seconds >= 0.2
    assert client.simulator.counters.succeeded == 0


async def test_the_counters_count_what_was_done(client: Client) -> None:
    await asyncio.gather(*(client.send(build_event(str(n))) for n in range(5)))
    executed = client.simulator.counters
    counts = (executed.received, executed.processed, executed.calls, executed.succeeded)
    assert counts == (5, 5, 5, 5)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"status": "success", "message": "m"}', "success"),
        (b'{"status": "error", "message": "m"}', "error"),
        (b'{"result": {"status": "success"}}', "unknown"),
        (b'{"status": {"nested": "success"}}', "unknown"),
        (b"[]", "error"),
        (b"<html>", "error"),
        (b"", "unknown"),
    ],
)
def test_a_reply_is_understood_only_when_it_is_flat(body: bytes, status: str) -> None:
    assert parse_function_reply(CE_REPLY, body).status == status


@pytest.mark.parametrize("missing", list(CE_REPLY))
def test_a_reply_without_all_ce_headers_is_an_error(missing: str) -> None:
    headers = {name: value for name, value in CE_REPLY.items() if name != missing}
    outcome = parse_function_reply(headers, b'{"status": "success"}')
    assert outcome.status == "error"
    assert missing in outcome.message


@pytest.fixture
async def linear_client(start: Start, linear: FakeLinear) -> Client:
    """A client of a simulator that has a Linear key."""
    return await start(linear_url=linear.url, linear_key="lin_key")


async def test_without_a_key_or_for_a_resolved_event_linear_is_never_called(
    start: Start, linear_client: Client, linear: FakeLinear
) -> None:
    client = await start(linear_url=linear.url)
    await client.send(build_event())
    await linear_client.send(build_event(resolved=True))
    assert linear.calls == []


async def test_the_team_is_looked_up_until_it_is_known(
    linear_client: Client, linear: FakeLinear
) -> None:
    await asyncio.gather(*(linear_client.send(build_event("same")) for _ in range(5)))
    lookups = linear.team_lookups
    assert 1 <= lookups <= 5
    await linear_client.send(build_event("later"))
    assert linear.team_lookups == lookups
    assert [issue["teamId"] for issue in linear.issues] == ["team-1"] * 6
    assert {call.headers["Authorization"] for call in linear.calls} == {"lin_key"}


@pytest.mark.parametrize(
    ("severity", "priority"), [("critical", 1), ("warning", 2), ("info", 3), ("odd", 3)]
)
async def test_an_issue_holds_the_correlation_id(
    linear_client: Client, linear: FakeLinear, severity: str, priority: int
) -> None:
    await linear_client.send(build_event("event-3", labels={"severity": severity}))
    (issue,) = linear.issues
    assert (issue["title"], issue["priority"]) == ("[Alert] Synthetic", priority)
    assert "**Correlation ID**: `event-3`" in issue["description"].splitlines()


async def test_linear_is_awaited_before_the_function_is_called(
    linear_client: Client, linear: FakeLinear, function: FakeFunction
) -> None:
    function.gate.clear()
    sending = asyncio.create_task(linear_client.send(build_event()))
    await function.arrived.wait()
    assert len(linear.issues) == 1
    function.gate.set()
    await sending


async def test_a_function_error_opens_a_second_urgent_issue(
    linear_client: Client, linear: FakeLinear, function: FakeFunction
) -> None:
    function.reply = {"status": "error", "message": "no luck"}
    await linear_client.send(build_event("event-4"))
    second = linear.issues[1]
    assert (second["title"], second["priority"]) == ("[Remediation Failed] Synthetic", 1)
    assert "**Correlation ID**: `event-4`" in second["description"].splitlines()
    assert linear_client.simulator.counters.issues == 2


@pytest.mark.parametrize("knobs", [{"status": 500}, {"success": False}, {"status": 429}, None])
async def test_a_linear_failure_never_stops_the_remediation(
    start: Start, linear: FakeLinear, function: FakeFunction, knobs: dict[str, object] | None
) -> None:
    vars(linear).update(knobs or {})
    url = linear.url if knobs else "http://127.0.0.1:9/"
    linear_client = await start(linear_url=url, linear_key="lin_key")
    assert (await linear_client.send(build_event())).status == 200
    assert (len(function.executed), linear_client.simulator.counters.linear_failures) == (1, 1)


async def test_a_lost_event_still_opens_its_issue(
    linear_client: Client, linear: FakeLinear, function: FakeFunction
) -> None:
    linear_client.simulator.faults.set("lost")
    await linear_client.send(build_event())
    assert (len(linear.issues), function.calls) == (1, [])


def test_the_key_is_never_shown() -> None:
    assert "lin_key" not in repr(Settings(linear_key="lin_key"))
