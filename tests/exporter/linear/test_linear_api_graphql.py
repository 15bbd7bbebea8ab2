"""The stand-in's GraphQL: what it understands, what it refuses, and in which words."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from exporter.linear.query import ISSUES, archiving, ours
from exporter.simulator.linear import ISSUE_CREATE, TEAMS
from exporter.simulator.linear_api.server import LinearApi, running_linear_api
from exporter.simulator.linear_api.settings import Settings
from tests.exporter.fake_clock import FakeClock

TITLES = "query ($filter: IssueFilter, $first: Int, $after: String, $all: Boolean) { issues("
TITLES += "filter: $filter, first: $first, after: $after, includeArchived: $all"
TITLES += ") { nodes { title } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"


@dataclass
class Caller:
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
        team = self.api.face.workspace.team["id"]
        given = {"teamId": team, "title": title, "description": description}
        status, body = await self.ask(ISSUE_CREATE, input=given)
        assert (status, body["data"]["issueCreate"]["success"]) == (200, True)
        issue: dict[str, Any] = body["data"]["issueCreate"]["issue"]
        return issue

    async def titles(self, **variables: Any) -> list[str]:  # noqa: ANN401 - JSON
        _, body = await self.ask(TITLES, **variables)
        return [node["title"] for node in body["data"]["issues"]["nodes"]]


@pytest.fixture
async def caller(clock: FakeClock, client: aiohttp.ClientSession) -> AsyncIterator[Caller]:
    async with running_linear_api(Settings(key="k", keep_issues=5), clock=clock) as api:
        yield Caller(api, client)


def code(body: Any) -> str:  # noqa: ANN401 - JSON
    return str(body["errors"][0]["extensions"]["code"])


async def test_the_agents_queries_and_ours_are_understood(caller: Caller) -> None:
    _, body = await caller.ask(TEAMS, key="BVL")
    assert [team["key"] for team in body["data"]["teams"]["nodes"]] == ["BVL"]
    issue = await caller.create("[Alert] x", "slo-probe-1")
    assert issue["identifier"] == "BVL-1"
    _, body = await caller.ask(ISSUES, filter=ours(since=0), first=1, archived=False)
    (node,) = body["data"]["issues"]["nodes"]
    assert (node["id"], node["createdAt"]) == (issue["id"], "2023-11-14T22:13:20.000Z")
    _, body = await caller.ask(archiving(["it"]), it=issue["id"])
    assert body["data"] == {"it": {"success": True}}


async def test_a_team_of_another_key_is_not_there(caller: Caller) -> None:
    _, body = await caller.ask(TEAMS, key="OPS")
    assert body["data"]["teams"]["nodes"] == []


@pytest.mark.parametrize("key", [None, "", "wrong", "Bearer k"])
async def test_a_wrong_key_is_401(caller: Caller, key: str | None) -> None:
    status, body = await caller.post("no query at all", key=key)
    assert (status, code(body)) == (401, "AUTHENTICATION_ERROR")
    assert body["errors"][0]["extensions"]["type"] == "authentication error"
    assert caller.api.served.unauthorized == 1


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
async def test_bad_questions_are_400(caller: Caller, body: object, expected: str) -> None:
    status, answer = await caller.post(body)
    assert (status, code(answer)) == (400, expected)
    assert caller.api.served.rejected == 1


async def test_a_query_that_is_too_complex_is_refused_with_the_figure(caller: Caller) -> None:
    wide = "{ issues(first: 250) { nodes { id team { id key name } } } " * 1
    nested = (
        "{"
        + " ".join(f"a{n}: issues(first: 250) {{ nodes {{ id title url }} }}" for n in range(40))
        + "}"
    )
    assert (await caller.post({"query": wide + "}"}))[0] == 200
    status, body = await caller.post({"query": nested})
    assert (status, code(body)) == (400, "INPUT_ERROR")
    told = body["errors"][0]["extensions"]["userPresentableMessage"]
    assert told == "Complexity: 13040. Maximum allowed: 10000"


@pytest.mark.parametrize(
    "query", ['mutation { issueArchive(id: "gone") { success } }', '{ issue(id: "gone") { id } }']
)
async def test_what_is_not_there_is_an_error_in_a_200(caller: Caller, query: str) -> None:
    status, body = await caller.ask(query)
    assert (status, body["data"], code(body)) == (200, None, "INPUT_ERROR")
    assert body["errors"][0]["message"] == "Entity not found: Issue"


@pytest.mark.parametrize("given", [{"teamId": "none", "title": "x"}, {"title": ""}], ids=str)
async def test_team_and_title_are_required(caller: Caller, given: dict[str, str]) -> None:
    fields = {"teamId": caller.api.face.workspace.team["id"], **given}
    status, body = await caller.ask(ISSUE_CREATE, input=fields)
    assert (status, body["data"]) == (200, None)
    assert caller.api.served.created == 0


@pytest.mark.parametrize(("first", "word"), [(251, "greater than 250"), (0, "less than 1")])
async def test_a_page_size_out_of_bounds_is_refused(caller: Caller, first: int, word: str) -> None:
    status, body = await caller.ask(TITLES, first=first)
    assert (status, code(body)) == (200, "INVALID_INPUT")
    assert word in body["errors"][0]["extensions"]["userPresentableMessage"]


async def test_pages_follow_each_other_newest_first(caller: Caller) -> None:
    for number in range(5):
        await caller.create(f"t{number}")
    pages, cursor = [], None
    while True:
        _, body = await caller.ask(TITLES, first=2, after=cursor)
        found = body["data"]["issues"]
        pages.append([node["title"] for node in found["nodes"]])
        cursor = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert pages == [["t4", "t3"], ["t2", "t1"], ["t0"]]
    _, body = await caller.ask(TITLES, after="no cursor")
    assert code(body) == "INVALID_INPUT"


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
    caller: Caller, clock: FakeClock, wanted: dict[str, Any], *, expected: list[str]
) -> None:
    for title, description in (("apple", "red"), ("banana", "yellow"), ("cherry", "red")):
        await caller.create(title, description)
        await clock.advance(10)
    assert await caller.titles(filter=wanted) == expected


@pytest.mark.parametrize("date", ["tomorrow", "-P1D", "2023-11-14T22:13:20"])
async def test_a_date_that_cannot_be_compared_is_refused(caller: Caller, date: str) -> None:
    _, body = await caller.ask(TITLES, filter={"createdAt": {"gte": date}})
    assert code(body) == "INVALID_INPUT"


async def test_archived_issues_show_only_when_asked_for(caller: Caller) -> None:
    issue = await caller.create("gone")
    for _ in range(2):
        await caller.ask(archiving(["it"]), it=issue["id"])
    assert await caller.titles() == []
    assert await caller.titles(all=True) == ["gone"]
    assert caller.api.served.archived == 1


async def test_of_several_mutations_those_before_the_refused_one_are_done(caller: Caller) -> None:
    """One after the other; an error ends them and takes the data of all with it."""
    first, last = await caller.create("first"), await caller.create("last")
    names = {"a": first["id"], "b": "not-there", "c": last["id"]}
    status, body = await caller.ask(archiving(names), **names)
    assert (status, body["data"], body["errors"][0]["path"]) == (200, None, ["b"])
    assert await caller.titles() == ["last"]


async def test_memory_is_bounded_and_the_oldest_issue_goes_first(caller: Caller) -> None:
    for number in range(8):
        await caller.create(f"t{number}")
    assert [issue["title"] for issue in caller.api.issues()] == ["t3", "t4", "t5", "t6", "t7"]
    assert (caller.api.served.created, caller.api.served.forgotten) == (8, 3)


async def test_fragments_and_several_operations_are_understood(caller: Caller) -> None:
    query = "query A { teams { ...T } } query B { issues { nodes { id } } } "
    query += "fragment T on TeamConnection { nodes { ... on Team { key } } }"
    _, body = await caller.post({"query": query, "operationName": "A"})
    assert body["data"] == {"teams": {"nodes": [{"key": "BVL"}]}}
    status, _ = await caller.post({"query": query, "operationName": "C"})
    assert status == 400
