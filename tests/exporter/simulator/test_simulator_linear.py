"""Issues the service opens in Linear, against a stand-in; no key, no call."""

import asyncio

import pytest

from exporter.simulator.settings import Settings
from tests.exporter.simulator.conftest import Client, FakeFunction, FakeLinear, Start, fired


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
