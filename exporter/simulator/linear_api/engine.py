"""GraphQL executor of the workspace: validates a query, computes its complexity, executes it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import DocumentNode, GraphQLError, execute_sync, parse, validate

from exporter.simulator.linear_api import errors
from exporter.simulator.linear_api.complexity import HIGHEST, complexity
from exporter.simulator.linear_api.errors import Errors
from exporter.simulator.linear_api.faults import Active, Flag
from exporter.simulator.linear_api.schema import schema
from exporter.simulator.linear_api.workspace import Workspace

_LONGEST_QUERY = 20_000
_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Question:
    """Request that can be executed."""

    document: DocumentNode
    variables: dict[str, Any]
    operation: str | None
    points: int


def question(asked: object) -> Question | Errors:
    """Parse the JSON of a request; for an invalid query return the errors to send instead."""
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        told = "the body must be a JSON object with a query"
        return errors.of_request(told, "BAD_REQUEST", "graphql error", status=400)
    variables, operation = asked.get("variables"), asked.get("operationName")
    variables = {} if variables is None else variables
    if not isinstance(variables, dict) or not isinstance(operation, (str, type(None))):
        told = "variables must be an object, operationName a text"
        return errors.of_request(told, "BAD_REQUEST", "graphql error", status=400)
    checked = _checked(asked["query"][: _LONGEST_QUERY + 1])
    if not isinstance(checked, DocumentNode):
        return checked
    points = complexity(checked, variables)
    if points > HIGHEST:
        told = f"Complexity: {points}. Maximum allowed: {HIGHEST}"
        message, kind = "Query too complex", "invalid input"
        return errors.of_request(message, "INPUT_ERROR", kind, status=400, told=told)
    return Question(checked, variables, operation, points)


def run(asked: Question, workspace: Workspace, active: Active) -> tuple[int, dict[str, Any]]:
    """Execute a request; return the HTTP status and the body.

    As at Linear, an error during execution is still a 200, without any data.
    """
    result = execute_sync(
        schema(),
        asked.document,
        root_value=_roots(workspace, active),
        variable_values=asked.variables,
        operation_name=asked.operation,
    )
    if result.errors and result.data is None and all(e.path is None for e in result.errors):
        return 400, errors.refused(result.errors, "BAD_USER_INPUT")
    return 200, dict(result.formatted)


@lru_cache(maxsize=_REMEMBERED)
def _checked(query: str) -> DocumentNode | Errors:
    """Parse and validate a query; return its document, or the errors to send instead."""
    if len(query) > _LONGEST_QUERY:
        told = "the query is too long"
        return errors.of_request(told, "BAD_REQUEST", "graphql error", status=400)
    try:
        document = parse(query)
    except GraphQLError as error:
        return errors.refused([error], "GRAPHQL_PARSE_FAILED")
    found = validate(schema(), document)
    return errors.refused(found, "GRAPHQL_VALIDATION_FAILED") if found else document


def _roots(workspace: Workspace, active: Active) -> Mapping[str, Callable[..., Any]]:
    """Build the fields of `Query` and `Mutation`."""

    def done(entity: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"success": True, "lastSyncId": 1.0, entity: fields}

    def archive(_info: object, **args: Any) -> dict[str, Any]:  # noqa: ANN401 - GraphQL arguments
        if Flag.FORBIDDEN in active.flags:
            raise errors.forbidden()
        return done("entity", workspace.archive(args["id"], active))

    return {
        "teams": lambda _info, **args: workspace.teams(args),
        "issues": lambda _info, **args: workspace.search(args, active),
        "issue": lambda _info, **args: workspace.get(args["id"]),
        "issueCreate": lambda _info, **args: done("issue", workspace.create(args["input"], active)),
        "issueArchive": archive,
    }
