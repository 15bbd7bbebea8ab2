"""Stand-ins are held to recorded requests of the real program, not to each other."""

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import aiohttp
import pytest
from graphql import FieldNode, OperationDefinitionNode, parse

from exporter.model.alert import Alert, CanaryIdentity, build_fired_event
from exporter.simulator.agent_sre import linear as agent_linear
from exporter.simulator.agent_sre.cloudevent import parse_event
from exporter.simulator.agent_sre.function import build_function_headers, select_remediation
from exporter.simulator.linear.server import LinearApi, serve_linear_api
from tests.exporter.fake_agent import build_call_headers
from tests.exporter.simulator import recorded

RUN = f"slo-probe-{1:032x}"


@pytest.fixture
async def api() -> AsyncIterator[LinearApi]:
    async with serve_linear_api() as made:
        yield made


async def ask(api: LinearApi, query: str, **variables: Any) -> tuple[int, Any]:  # noqa: ANN401 - GraphQL
    async with (
        aiohttp.ClientSession(headers={"Authorization": "lin_key"}) as client,
        client.post(api.url, json={"query": query, "variables": variables}) as reply,
    ):
        return reply.status, await reply.json()


def list_fields(query: str) -> list[str]:
    """List the fields that a query asks for, as dotted paths."""
    (definition,) = parse(query).definitions
    assert isinstance(definition, OperationDefinitionNode)
    return sorted(_iter_fields(definition.selection_set.selections, ""))


def _iter_fields(selections: Any, prefix: str) -> list[str]:  # noqa: ANN401 - nodes of a syntax tree
    found = []
    for node in selections:
        assert isinstance(node, FieldNode)
        name = f"{prefix}{node.name.value}"
        inner = node.selection_set.selections if node.selection_set else ()
        found += _iter_fields(inner, f"{name}.") or [name]
    return found


def list_answered(data: Any, prefix: str = "") -> list[str]:  # noqa: ANN401 - a response
    """List the fields of a response, as dotted paths."""
    if isinstance(data, list):
        return sorted({path for each in data for path in list_answered(each, prefix)})
    if not isinstance(data, dict):
        return [prefix.rstrip(".")]
    return sorted(
        path for name, each in data.items() for path in list_answered(each, f"{prefix}{name}.")
    )


async def test_linear_answers_every_field_that_agent_sre_asks_for(api: LinearApi) -> None:
    status, body = await ask(api, recorded.TEAMS_QUERY, key="BVL")
    assert (status, list_answered(body["data"])) == (200, list_fields(recorded.TEAMS_QUERY))
    (team,) = body["data"]["teams"]["nodes"]
    issue = recorded.build_issue_input(team["id"], RUN)
    status, body = await ask(api, recorded.ISSUE_CREATE_MUTATION, input=issue)
    assert status == 200
    assert list_answered(body["data"]) == list_fields(recorded.ISSUE_CREATE_MUTATION)
    assert body["data"]["issueCreate"]["issue"]["state"]["name"]
    assert api.counters.rejected == 0


async def test_an_unknown_field_gets_the_error_of_linear_and_is_remembered(api: LinearApi) -> None:
    unknown = recorded.TEAMS_QUERY.replace("description", "colour")
    status, body = await ask(api, unknown, key="BVL")
    (error,) = body["errors"]
    assert (status, error["extensions"]["code"]) == (400, "GRAPHQL_VALIDATION_FAILED")
    assert "Cannot query field 'colour' on type 'Team'" in error["message"]
    assert (api.counters.rejected, api.counters.last_rejection) == (1, error["message"])


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (agent_linear.TEAMS_QUERY, recorded.TEAMS_QUERY),
        (agent_linear.ISSUE_CREATE_MUTATION, recorded.ISSUE_CREATE_MUTATION),
    ],
)
def test_the_simulated_agent_asks_what_the_real_one_asks(asked: str, expected: str) -> None:
    assert list_fields(asked) == list_fields(expected)


def test_the_simulated_agent_opens_the_issues_that_the_real_one_opens() -> None:
    canary = CanaryIdentity("agent-sre-canary", "ai")
    parameters = {"probe_id": RUN, "name": canary.name, "namespace": canary.namespace}
    headers = {"content-type": "application/cloudevents+json"}
    alert = Alert(RUN, "burst_10", parameters, canary, 0.0)
    event = parse_event(headers, build_fired_event(alert))
    issue = agent_linear.build_alert_issue(event)
    assert {**asdict(issue), "teamId": "team"} == recorded.build_issue_input("team", RUN)
    remediation = select_remediation(event)
    assert remediation is not None
    issue = agent_linear.build_failure_issue(event, remediation, message="HTTP error: 500")
    assert {**asdict(issue), "teamId": "team"} == recorded.build_failure_issue_input("team", RUN)


@pytest.mark.parametrize("build_headers", [build_function_headers, build_call_headers])
def test_every_stand_in_calls_a_function_with_the_recorded_headers(build_headers: Any) -> None:  # noqa: ANN401 - two functions
    headers = build_headers(RUN)
    assert set(headers) == recorded.FUNCTION_HEADERS
    assert {name: headers[name] for name in recorded.FUNCTION_CONSTANTS} == (
        recorded.FUNCTION_CONSTANTS
    )
    assert {headers[name] for name in recorded.SAME_IDS} == {RUN}
