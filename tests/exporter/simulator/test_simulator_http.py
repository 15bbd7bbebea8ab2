"""The simulator's HTTP interface, its calls of functions and its issues in Linear."""

import asyncio
import json
import re

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from exporter.simulator.agent import Agent
from exporter.simulator.app import application
from exporter.simulator.faults import Faults
from exporter.simulator.function import read_reply
from exporter.simulator.settings import Settings
from tests.exporter.simulator.conftest import Client, FakeFunction, FakeLinear, Start, fired

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


@pytest.fixture
async def linked(start: Start, linear: FakeLinear) -> Client:
    """A client of a simulator that has a Linear key."""
    return await start(linear_url=linear.url, linear_key="lin_key")


async def test_without_a_key_linear_is_never_called(start: Start, linear: FakeLinear) -> None:
    client = await start(linear_url=linear.url)
    await client.send(fired())
    assert linear.calls == []


async def test_the_key_is_sent_without_bearer(linked: Client, linear: FakeLinear) -> None:
    await linked.send(fired())
    assert {call.headers["Authorization"] for call in linear.calls} == {"lin_key"}


async def test_the_team_is_looked_up_once(linked: Client, linear: FakeLinear) -> None:
    await asyncio.gather(*(linked.send(fired(str(n))) for n in range(5)))
    assert linear.team_lookups == 1
    assert [issue["teamId"] for issue in linear.issues] == ["team-1"] * 5


@pytest.mark.parametrize(
    ("severity", "priority"), [("critical", 1), ("warning", 2), ("info", 3), ("odd", 3)]
)
async def test_an_issue(linked: Client, linear: FakeLinear, severity: str, priority: int) -> None:
    await linked.send(fired("event-3", labels={"severity": severity}))
    (issue,) = linear.issues
    assert issue["title"] == "[Alert] Synthetic"
    assert issue["priority"] == priority
    assert issue["description"].splitlines()[-1] == "**Correlation ID**: `event-3`"


async def test_linear_comes_first(
    linked: Client, linear: FakeLinear, function: FakeFunction
) -> None:
    function.gate.clear()
    sending = asyncio.create_task(linked.send(fired()))
    await function.arrived.wait()
    assert len(linear.issues) == 1
    function.gate.set()
    await sending


async def test_an_error_is_an_issue(
    linked: Client, linear: FakeLinear, function: FakeFunction
) -> None:
    function.reply = {"status": "error", "message": "no luck"}
    await linked.send(fired("event-4"))
    second = linear.issues[1]
    assert (second["title"], second["priority"]) == ("[Remediation Failed] Synthetic", 1)
    assert second["description"].splitlines()[-1] == "**Correlation ID**: `event-4`"
    assert linked.simulator.executed.issues == 2


async def test_a_resolved_event_opens_no_issue(linked: Client, linear: FakeLinear) -> None:
    await linked.send(fired(resolved=True))
    assert linear.calls == []


async def test_duplicate_ids_open_an_issue_each(linked: Client, linear: FakeLinear) -> None:
    await linked.send(fired("same"))
    await linked.send(fired("same"))
    assert len(linear.issues) == 2


@pytest.mark.parametrize("fault", [{"status": 500}, {"success": False}, {"status": 429}])
async def test_a_linear_failure_never_stops_the_remediation(
    linked: Client, linear: FakeLinear, function: FakeFunction, fault: dict[str, object]
) -> None:
    for name, value in fault.items():
        setattr(linear, name, value)
    assert (await linked.send(fired())).status == 200
    assert len(function.executed) == 1
    assert linked.simulator.executed.linear_failures == 1


async def test_no_linear(start: Start, function: FakeFunction, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}/"
    client = await start(linear_url=url, linear_key="k")
    assert (await client.send(fired())).status == 200
    assert len(function.executed) == 1


async def test_a_lost_event_has_one(
    linked: Client, linear: FakeLinear, function: FakeFunction
) -> None:
    linked.simulator.faults.set("lost")
    await linked.send(fired())
    assert (len(linear.issues), function.calls) == (1, [])


def test_the_key_is_never_shown() -> None:
    assert "lin_key" not in repr(Settings(linear_key="lin_key"))
