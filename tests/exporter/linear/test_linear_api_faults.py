"""The stand-in out of order: limits, faults, wrong clocks; and how much it holds."""

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from exporter.clock import SystemClock
from exporter.linear.query import ISSUES, ours
from exporter.simulator.linear import ISSUE_CREATE, TEAMS, Issue, Linear
from exporter.simulator.linear_api.faults import VALID, Active, Faults, Flag, parse
from exporter.simulator.linear_api.server import LinearApi, running_linear_api
from exporter.simulator.linear_api.settings import Settings
from exporter.simulator.settings import Settings as AgentSettings
from tests.exporter.fake_clock import FakeClock

AUTHORIZED = {"Authorization": "k"}


async def reply(
    client: aiohttp.ClientSession,
    api: LinearApi,
    query: str = TEAMS,
    **variables: Any,  # noqa: ANN401 - JSON
) -> aiohttp.ClientResponse:
    """A reply, read to its end."""
    question = {"query": query, "variables": variables or {"key": "BVL"}}
    async with client.post(api.url, json=question, headers=AUTHORIZED) as answer:
        await answer.read()
        return answer


async def sleeper(clock: FakeClock) -> None:
    """Wait until somebody sleeps on the clock."""
    async with asyncio.timeout(20):
        while not clock._sleepers:  # noqa: ASYNC110 - a fake clock sets no event
            await asyncio.sleep(0.001)


async def test_used_up_limit_is_a_400(clock: FakeClock, client: aiohttp.ClientSession) -> None:
    async with running_linear_api(Settings(requests_per_hour=2), clock=clock) as api:
        left = []
        for _ in range(2):
            answer = await reply(client, api)
            assert answer.status == 200
            left.append(answer.headers["X-RateLimit-Requests-Remaining"])
        assert left == ["1", "0"]
        answer = await reply(client, api)
        assert answer.status == 400
        assert (await answer.json())["errors"][0]["extensions"]["code"] == "RATELIMITED"
        reset = int(answer.headers["X-RateLimit-Requests-Reset"]) / 1000
        assert reset == pytest.approx(clock.wall() + 3600, abs=0.01)
        await clock.advance(1801)
        assert (await reply(client, api)).status == 200
        assert api.served.rate_limited == 1


async def test_complexity_is_limited(clock: FakeClock, client: aiohttp.ClientSession) -> None:
    async with running_linear_api(Settings(complexity_per_hour=1000), clock=clock) as api:
        page = {"filter": ours(), "first": 250, "archived": True}
        answer = await reply(client, api, ISSUES, **page)
        assert (answer.status, answer.headers["X-Complexity"]) == (200, "676")
        assert answer.headers["X-RateLimit-Complexity-Remaining"] == "324"
        assert (await reply(client, api, ISSUES, **page)).status == 400
        assert (await reply(client, api, ISSUES, **(page | {"first": 10}))).status == 200


async def test_without_limits_no_header_speaks_of_them(client: aiohttp.ClientSession) -> None:
    async with running_linear_api() as api:
        headers = (await reply(client, api)).headers
        assert not [name for name in headers if name.lower().startswith("x-ratelimit")]


@pytest.mark.parametrize("skew", [0, 7200, -7200])
async def test_its_own_clock(clock: FakeClock, client: aiohttp.ClientSession, skew: int) -> None:
    async with running_linear_api(faults=Faults([f"skew:{skew}"]), clock=clock) as api:
        fields = {"teamId": api.face.workspace.team["id"], "title": "x"}
        answer = await reply(client, api, ISSUE_CREATE, input=fields)
        date = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        assert date == clock.wall() + skew
        moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(date))
        assert api.issues()[0]["createdAt"] == moment


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("error", 500, "text/plain"),
        ("garbage", 200, "text/html"),
        ("unauthorized", 401, "application/json"),
        ("ratelimited:7", 429, "application/json"),
    ],
)
async def test_faults_can_be_changed_while_it_runs(
    client: aiohttp.ClientSession, fault: str, status: int, kind: str
) -> None:
    async with running_linear_api() as api:
        async with client.post(api.url.replace("graphql", "fault"), data=fault) as answer:
            assert (await answer.json()) == {"faults": [fault]}
        broken = await reply(client, api)
        assert (broken.status, broken.content_type) == (status, kind)
        assert broken.headers.get("Retry-After") == ("7" if status == 429 else None)
        api.faults.set("none")
        assert (await reply(client, api)).status == 200


async def test_down_cuts_every_connection(client: aiohttp.ClientSession) -> None:
    async with running_linear_api(faults=Faults(["down"])) as api:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await reply(client, api)
        async with client.get(api.url.replace("graphql", "fault")) as answer:
            assert await answer.json() == {"faults": ["down"]}
        async with client.get(api.url.replace("graphql", "served")) as answer:
            assert (await answer.json())["failed"] == 1


async def test_slow_answers_after_its_time(clock: FakeClock, client: aiohttp.ClientSession) -> None:
    async with running_linear_api(faults=Faults(["slow:5"]), clock=clock) as api:
        asking = asyncio.create_task(reply(client, api))
        await sleeper(clock)
        await clock.advance(4.9)
        assert not asking.done()
        await clock.advance(0.2)
        assert (await asking).status == 200


@pytest.mark.parametrize("asked", ['{"faults": ["broken"]}', '{"faults": 1}', "[]", "broken"])
async def test_unknown_faults_are_refused(client: aiohttp.ClientSession, asked: str) -> None:
    async with running_linear_api() as api:
        url = api.url.replace("graphql", "fault")
        async with client.post(url, data=asked) as answer:
            assert answer.status == 400
            assert VALID in (await answer.json())["error"]


@pytest.mark.parametrize(
    "text", ["slow", "slow:", "slow:x", "slow:-1", "slow:nan", "skew:1e6", "lag:inf", "", "lost"]
)
def test_a_senseless_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="valid faults"):
        parse([text])


def test_faults_read_as_they_are_written() -> None:
    active = Active(
        flags=frozenset({Flag.DOWN, Flag.FORBIDDEN}), ratelimited=0.0, slow=1.5, lag=2, skew=-7
    )
    assert parse(active.texts()) == active
    assert parse(["down,slow:3", "none"]) == Active()


async def test_it_takes_far_more_than_fifty_issues_a_second() -> None:
    """While searches go on beside them, as the prober's do."""
    async with running_linear_api() as api:
        agent = Linear(AgentSettings(linear_url=api.url), key="k")
        clock, issue = SystemClock(), Issue("[Alert] x", "slo-probe-", 3)
        start = clock.now()
        async with aiohttp.ClientSession() as client:
            for _ in range(10):
                await asyncio.gather(*(agent.open(issue) for _ in range(20)))
                await reply(client, api, ISSUES, filter=ours(), first=250, archived=True)
        assert api.served.created == 200
        assert 200 / (clock.now() - start) > 50
