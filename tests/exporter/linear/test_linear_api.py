"""The simulated Linear: command line, GraphQL, rate limits and faults."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from exporter.fields import Address
from exporter.observers.linear.client import (
    ISSUES_QUERY,
    build_archive_mutation,
    build_issue_filter,
)
from exporter.simulator.agent_sre.linear import (
    ISSUE_CREATE_MUTATION,
    TEAMS_QUERY,
    IssueInput,
    LinearIssueClient,
)
from exporter.simulator.agent_sre.settings import Settings as AgentSettings
from exporter.simulator.linear.cli import simulate_linear
from exporter.simulator.linear.faults import (
    LinearFaultFlag,
    LinearFaults,
    LinearFaultSet,
)
from exporter.simulator.linear.server import LinearApi, serve_linear_api
from exporter.simulator.linear.settings import HttpsSettings, Settings
from tests.exporter.fake_clock import FakeClock
from tests.exporter.tls_files import TlsFiles

PROGRAM = "from exporter.simulator.linear.cli import simulate_linear; simulate_linear()"


async def test_it_says_where_it_listens_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("lin_secret\n")
    options = ["--listen", "127.0.0.1:0", "--key-file", str(key), "--requests-per-hour", "2500"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, *options, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        url = line.removeprefix("listening on ").strip()
        question = {"query": TEAMS_QUERY, "variables": {"key": "BVL"}}
        headers = {"Authorization": "lin_secret"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=question, headers=headers) as reply,
        ):
            assert reply.status == 200
            assert reply.headers["X-RateLimit-Requests-Limit"] == "2500"
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_simulated_linear_serves_tls(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path)
    settings = Settings(https=HttpsSettings(Address("127.0.0.1", 0), tmp_path))
    question = {"query": TEAMS_QUERY, "variables": {"key": "BVL"}}
    async with (
        serve_linear_api(settings) as api,
        aiohttp.ClientSession(headers={"Authorization": "any"}) as session,
    ):
        assert api.https
        async with session.post(
            api.https, json=question, ssl=files.build_client_context()
        ) as reply:
            assert (reply.status, reply.url.scheme) == (200, "https")
        async with session.post(api.url, json=question) as reply:
            assert reply.status == 200
        assert api.counters.requests == 2


def test_a_taken_port_is_one_clear_line_and_exit_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(simulate_linear, ["--listen", f"127.0.0.1:{port}"])
    expected = f"Error: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", expected)


def test_the_help_explains_every_fault_with_examples() -> None:
    text = CliRunner().invoke(simulate_linear, ["--help"]).stdout
    assert all(f"  {flag} " in text for flag in LinearFaultFlag)
    assert all(f"  {name}:<seconds>" in text for name in ("ratelimited", "slow", "lag", "skew"))
    assert "slo-probe simulate-linear --requests-per-hour 2500 --fault lag:1.5" in text


TITLES = "query ($filter: IssueFilter, $first: Int, $after: String, $all: Boolean) { issues("
TITLES += "filter: $filter, first: $first, after: $after, includeArchived: $all"
TITLES += ") { nodes { title } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"


@dataclass
class GraphqlClient:
    """Posts queries with a key."""

    api: LinearApi
    session: aiohttp.ClientSession

    async def post(self, body: Any, *, key: str | None = "k") -> tuple[int, Any]:  # noqa: ANN401 - JSON
        headers = {"Authorization": key} if key is not None else {}
        async with self.session.post(self.api.url, json=body, headers=headers) as reply:
            return reply.status, await reply.json()

    async def ask(self, query: str, **variables: Any) -> tuple[int, Any]:  # noqa: ANN401 - JSON
        return await self.post({"query": query, "variables": variables})

    async def create(self, title: str, description: str = "") -> dict[str, Any]:
        team = self.api.handlers.workspace.team["id"]
        given = {"teamId": team, "title": title, "description": description}
        status, body = await self.ask(ISSUE_CREATE_MUTATION, input=given)
        assert (status, body["data"]["issueCreate"]["success"]) == (200, True)
        issue: dict[str, Any] = body["data"]["issueCreate"]["issue"]
        return issue

    async def list_titles(self, **variables: Any) -> list[str]:  # noqa: ANN401 - JSON
        _, body = await self.ask(TITLES, **variables)
        return [node["title"] for node in body["data"]["issues"]["nodes"]]


@pytest.fixture
async def graphql(clock: FakeClock, client: aiohttp.ClientSession) -> AsyncIterator[GraphqlClient]:
    async with serve_linear_api(Settings(key="k", keep_issues=5), clock=clock) as api:
        yield GraphqlClient(api, client)


def get_error_code(body: Any) -> str:  # noqa: ANN401 - JSON
    return str(body["errors"][0]["extensions"]["code"])


async def test_the_agents_queries_and_ours_are_understood(graphql: GraphqlClient) -> None:
    _, body = await graphql.ask(TEAMS_QUERY, key="BVL")
    assert [team["key"] for team in body["data"]["teams"]["nodes"]] == ["BVL"]
    issue = await graphql.create("[Alert] x", "slo-probe-1")
    assert issue["identifier"] == "BVL-1"
    _, body = await graphql.ask(
        ISSUES_QUERY, filter=build_issue_filter(since=0), first=1, archived=False
    )
    (node,) = body["data"]["issues"]["nodes"]
    assert (node["id"], node["createdAt"]) == (issue["id"], "2023-11-14T22:13:20.000Z")
    _, body = await graphql.ask(build_archive_mutation(["it"]), it=issue["id"])
    assert body["data"] == {"it": {"success": True}}


async def test_a_team_of_another_key_is_not_there(graphql: GraphqlClient) -> None:
    _, body = await graphql.ask(TEAMS_QUERY, key="OPS")
    assert body["data"]["teams"]["nodes"] == []


@pytest.mark.parametrize("key", [None, "", "wrong", "Bearer k"])
async def test_a_wrong_key_is_401(graphql: GraphqlClient, key: str | None) -> None:
    status, body = await graphql.post("no query at all", key=key)
    assert (status, get_error_code(body)) == (401, "AUTHENTICATION_ERROR")
    assert body["errors"][0]["extensions"]["type"] == "authentication error"
    assert graphql.api.counters.unauthorized == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("no object", "BAD_REQUEST"),
        ({"query": 1}, "BAD_REQUEST"),
        ({"query": "{ teams { nodes { id } } }", "variables": []}, "BAD_REQUEST"),
        ({"query": "x" * 30_000}, "BAD_REQUEST"),
        ({"query": "{ teams"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ viewer { id } }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "mutation { issueDelete(id: 1) { success } }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": TITLES, "variables": {"first": "many"}}, "BAD_USER_INPUT"),
        ({"query": TITLES, "variables": {"filter": {"slug": {}}}}, "BAD_USER_INPUT"),
    ],
    ids=lambda value: str(value)[:50],
)
async def test_bad_questions_are_400(graphql: GraphqlClient, body: object, expected: str) -> None:
    status, answer = await graphql.post(body)
    assert (status, get_error_code(answer)) == (400, expected)
    assert graphql.api.counters.rejected == 1


async def test_a_query_that_is_too_complex_is_refused_with_the_figure(
    graphql: GraphqlClient,
) -> None:
    wide = "{ issues(first: 250) { nodes { id team { id key name } } } " * 1
    nested = (
        "{"
        + " ".join(f"a{n}: issues(first: 250) {{ nodes {{ id title url }} }}" for n in range(40))
        + "}"
    )
    assert (await graphql.post({"query": wide + "}"}))[0] == 200
    status, body = await graphql.post({"query": nested})
    assert (status, get_error_code(body)) == (400, "INPUT_ERROR")
    told = body["errors"][0]["extensions"]["userPresentableMessage"]
    assert told == "Complexity: 13040. Maximum allowed: 10000"


@pytest.mark.parametrize(
    ("query", "variables", "refusal", "said"),
    [
        (build_archive_mutation(["it"]), {"it": "gone"}, "INPUT_ERROR", "Entity not found: Issue"),
        ('{ issue(id: "gone") { id } }', {}, "INPUT_ERROR", "Entity not found: Issue"),
        (TITLES, {"first": 251}, "INVALID_INPUT", "greater than 250"),
        (TITLES, {"first": 0}, "INVALID_INPUT", "less than 1"),
        (TITLES, {"after": "no cursor"}, "INVALID_INPUT", ""),
        *((TITLES, {"filter": {"createdAt": {"gte": date}}}, "INVALID_INPUT", "")
          for date in ("tomorrow", "-P1D", "2023-11-14T22:13:20")),
        (ISSUE_CREATE_MUTATION, {"input": {"teamId": "none", "title": "x"}}, "INPUT_ERROR", ""),
    ],
)  # fmt: skip
async def test_a_refusal_is_an_error_in_a_200(
    graphql: GraphqlClient, query: str, variables: dict[str, Any], *, refusal: str, said: str
) -> None:
    status, body = await graphql.ask(query, **variables)
    assert (status, body["data"], get_error_code(body)) == (200, None, refusal)
    assert said in str(body["errors"])
    assert graphql.api.counters.created == 0


async def test_an_issue_needs_a_title(graphql: GraphqlClient) -> None:
    fields = {"teamId": graphql.api.handlers.workspace.team["id"], "title": ""}
    status, body = await graphql.ask(ISSUE_CREATE_MUTATION, input=fields)
    assert (status, body["data"], graphql.api.counters.created) == (200, None, 0)


async def test_pages_follow_each_other_newest_first(graphql: GraphqlClient) -> None:
    for number in range(5):
        await graphql.create(f"t{number}")
    pages, cursor = [], None
    while True:
        _, body = await graphql.ask(TITLES, first=2, after=cursor)
        found = body["data"]["issues"]
        pages.append([node["title"] for node in found["nodes"]])
        cursor = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert pages == [["t4", "t3"], ["t2", "t1"], ["t0"]]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["cherry", "banana", "apple"]),
        ({"title": {"contains": "an"}}, ["banana"]),
        ({"title": {"notContains": "an"}}, ["cherry", "apple"]),
        ({"title": {"startsWith": "a"}}, ["apple"]),
        ({"title": {"endsWith": "y"}}, ["cherry"]),
        ({"title": {"containsIgnoreCase": "AN"}}, ["banana"]),
        ({"title": {"in": ["apple", "cherry"]}}, ["cherry", "apple"]),
        ({"title": {"nin": ["apple", "cherry"]}}, ["banana"]),
        ({"title": {"neq": "apple"}, "description": {"eq": "yellow"}}, ["banana"]),
        ({"or": [{"title": {"eq": "apple"}}, {"title": {"eq": "banana"}}]}, ["banana", "apple"]),
        ({"and": [{"title": {"contains": "a"}}, {"title": {"contains": "p"}}]}, ["apple"]),
        ({"description": {"null": True}}, []),
        ({"team": {"key": {"eq": "BVL"}}}, ["cherry", "banana", "apple"]),
        ({"team": {"key": {"eq": "OPS"}}}, []),
        ({"createdAt": {"gte": "2023-11-14T22:13:30Z"}}, ["cherry", "banana"]),
        ({"createdAt": {"gt": "2023-11-14T23:13:30+01:00"}}, ["cherry"]),
        ({"createdAt": {"lt": "2023-11-14T22:13:30.000Z"}}, ["apple"]),
        ({"createdAt": {"lte": "2023-11-14T22:13:30.000Z"}}, ["banana", "apple"]),
    ],
    ids=str,
)
async def test_filters_select_as_linears_do(
    graphql: GraphqlClient, clock: FakeClock, wanted: dict[str, Any], *, expected: list[str]
) -> None:
    for title, description in (("apple", "red"), ("banana", "yellow"), ("cherry", "red")):
        await graphql.create(title, description)
        await clock.advance(10)
    assert await graphql.list_titles(filter=wanted) == expected


async def test_archived_issues_show_only_when_asked_for(graphql: GraphqlClient) -> None:
    issue = await graphql.create("gone")
    for _ in range(2):
        await graphql.ask(build_archive_mutation(["it"]), it=issue["id"])
    assert await graphql.list_titles() == []
    assert await graphql.list_titles(all=True) == ["gone"]
    assert graphql.api.counters.archived == 1


async def test_of_several_mutations_those_before_the_refused_one_are_done(
    graphql: GraphqlClient,
) -> None:
    """One after the other; an error ends them and takes the data of all with it."""
    first, last = await graphql.create("first"), await graphql.create("last")
    names = {"a": first["id"], "b": "not-there", "c": last["id"]}
    status, body = await graphql.ask(build_archive_mutation(names), **names)
    assert (status, body["data"], body["errors"][0]["path"]) == (200, None, ["b"])
    assert await graphql.list_titles() == ["last"]


async def test_memory_is_bounded_and_the_oldest_issue_goes_first(graphql: GraphqlClient) -> None:
    for number in range(8):
        await graphql.create(f"t{number}")
    assert [issue["title"] for issue in graphql.api.list_issues()] == ["t3", "t4", "t5", "t6", "t7"]
    assert (graphql.api.counters.created, graphql.api.counters.forgotten) == (8, 3)


async def test_fragments_and_several_operations_are_understood(graphql: GraphqlClient) -> None:
    query = "query A { teams { ...T } } query B { issues { nodes { id } } } "
    query += "fragment T on TeamConnection { nodes { ... on Team { key } } }"
    _, body = await graphql.post({"query": query, "operationName": "A"})
    assert body["data"] == {"teams": {"nodes": [{"key": "BVL"}]}}
    status, _ = await graphql.post({"query": query, "operationName": "C"})
    assert status == 400


AUTHORIZED = {"Authorization": "k"}


async def post_query(
    client: aiohttp.ClientSession,
    api: LinearApi,
    query: str = TEAMS_QUERY,
    **variables: Any,  # noqa: ANN401 - JSON
) -> aiohttp.ClientResponse:
    """A reply, read to its end."""
    question = {"query": query, "variables": variables or {"key": "BVL"}}
    async with client.post(api.url, json=question, headers=AUTHORIZED) as answer:
        await answer.read()
        return answer


async def wait_for_sleeper(clock: FakeClock) -> None:
    """Wait until somebody sleeps on the clock."""
    async with asyncio.timeout(20):
        while not clock._sleepers:  # noqa: ASYNC110 - a fake clock sets no event
            await asyncio.sleep(0.001)


async def test_used_up_limit_is_a_400(clock: FakeClock, client: aiohttp.ClientSession) -> None:
    async with serve_linear_api(Settings(requests_per_hour=2), clock=clock) as api:
        left = []
        for _ in range(2):
            answer = await post_query(client, api)
            assert answer.status == 200
            left.append(answer.headers["X-RateLimit-Requests-Remaining"])
        assert left == ["1", "0"]
        answer = await post_query(client, api)
        assert answer.status == 400
        assert (await answer.json())["errors"][0]["extensions"]["code"] == "RATELIMITED"
        reset = int(answer.headers["X-RateLimit-Requests-Reset"]) / 1000
        assert reset == pytest.approx(clock.wall() + 3600, abs=0.01)
        await clock.advance(1801)
        assert (await post_query(client, api)).status == 200
        assert api.counters.rate_limited == 1


async def test_complexity_is_limited(clock: FakeClock, client: aiohttp.ClientSession) -> None:
    async with serve_linear_api(Settings(complexity_per_hour=1000), clock=clock) as api:
        page = {"filter": build_issue_filter(), "first": 250, "archived": True}
        answer = await post_query(client, api, ISSUES_QUERY, **page)
        assert (answer.status, answer.headers["X-Complexity"]) == (200, "676")
        assert answer.headers["X-RateLimit-Complexity-Remaining"] == "324"
        assert (await post_query(client, api, ISSUES_QUERY, **page)).status == 400
        assert (await post_query(client, api, ISSUES_QUERY, **(page | {"first": 10}))).status == 200


async def test_without_limits_no_header_speaks_of_them(client: aiohttp.ClientSession) -> None:
    async with serve_linear_api() as api:
        headers = (await post_query(client, api)).headers
        assert not [name for name in headers if name.lower().startswith("x-ratelimit")]


@pytest.mark.parametrize("skew", [0, 7200, -7200])
async def test_its_own_clock(clock: FakeClock, client: aiohttp.ClientSession, skew: int) -> None:
    async with serve_linear_api(faults=LinearFaults([f"skew:{skew}"]), clock=clock) as api:
        fields = {"teamId": api.handlers.workspace.team["id"], "title": "x"}
        answer = await post_query(client, api, ISSUE_CREATE_MUTATION, input=fields)
        date = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        assert date == clock.wall() + skew
        moment = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(date))
        assert api.list_issues()[0]["createdAt"] == moment


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
    async with serve_linear_api() as api:
        async with client.post(api.url.replace("graphql", "fault"), data=fault) as answer:
            assert (await answer.json()) == {"faults": [fault]}
        broken = await post_query(client, api)
        assert (broken.status, broken.content_type) == (status, kind)
        assert broken.headers.get("Retry-After") == ("7" if status == 429 else None)
        api.faults.set("none")
        assert (await post_query(client, api)).status == 200


async def test_down_cuts_every_connection(client: aiohttp.ClientSession) -> None:
    async with serve_linear_api(faults=LinearFaults(["down"])) as api:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await post_query(client, api)
        async with client.get(api.url.replace("graphql", "fault")) as answer:
            assert await answer.json() == {"faults": ["down"]}
        async with client.get(api.url.replace("graphql", "served")) as answer:
            assert (await answer.json())["failed"] == 1


async def test_slow_answers_after_its_time(clock: FakeClock, client: aiohttp.ClientSession) -> None:
    async with serve_linear_api(faults=LinearFaults(["slow:5"]), clock=clock) as api:
        asking = asyncio.create_task(post_query(client, api))
        await wait_for_sleeper(clock)
        await clock.advance(4.9)
        assert not asking.done()
        await clock.advance(0.2)
        assert (await asking).status == 200


@pytest.mark.parametrize("asked", ['{"faults": ["broken"]}', '{"faults": 1}', "[]", "broken"])
async def test_unknown_faults_are_refused(client: aiohttp.ClientSession, asked: str) -> None:
    async with serve_linear_api() as api:
        url = api.url.replace("graphql", "fault")
        async with client.post(url, data=asked) as answer:
            assert answer.status == 400
            assert LinearFaultSet.VALID in (await answer.json())["error"]


@pytest.mark.parametrize(
    "text", ["slow", "slow:", "slow:x", "slow:-1", "slow:nan", "skew:1e6", "lag:inf", "", "lost"]
)
def test_a_senseless_fault_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="valid faults"):
        LinearFaultSet.parse([text])


def test_faults_read_as_they_are_written() -> None:
    active = LinearFaultSet(
        flags=frozenset({LinearFaultFlag.DOWN, LinearFaultFlag.FORBIDDEN}),
        values={"ratelimited": 0.0, "slow": 1.5, "lag": 2, "skew": -7},
    )
    assert LinearFaultSet.parse(active.to_texts()) == active
    assert LinearFaultSet.parse(["down,slow:3", "none"]) == LinearFaultSet()


async def test_issues_are_opened_while_searches_go_on_beside_them() -> None:
    async with serve_linear_api() as api:
        agent = LinearIssueClient(AgentSettings(linear_url=api.url), key="k")
        issue = IssueInput("[Alert] x", "slo-probe-", 3)
        async with aiohttp.ClientSession() as client:
            for _ in range(10):
                await asyncio.gather(*(agent.open_issue(issue) for _ in range(20)))
                await post_query(
                    client, api, ISSUES_QUERY, filter=build_issue_filter(), first=250, archived=True
                )
        assert api.counters.created == 200
