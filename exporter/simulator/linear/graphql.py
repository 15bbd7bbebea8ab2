"""Schema, complexity, execution."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    build_schema,
    execute_sync,
    parse,
    validate,
)

from exporter.simulator.linear import responses
from exporter.simulator.linear.faults import Active, Flag
from exporter.simulator.linear.responses import Errors
from exporter.simulator.linear.workspace import Workspace

_TYPES = """
scalar DateTime
scalar DateTimeOrDuration
enum PaginationOrderBy { createdAt updatedAt }

type PageInfo {
  hasNextPage: Boolean!
  hasPreviousPage: Boolean!
  startCursor: String
  endCursor: String
}

type Team { id: ID! key: String! name: String! }
type TeamConnection { nodes: [Team!]! pageInfo: PageInfo! }

type Issue {
  id: ID!
  identifier: String!
  title: String!
  description: String
  priority: Float!
  url: String!
  createdAt: DateTime!
  updatedAt: DateTime!
  archivedAt: DateTime
  team: Team!
}
type IssueConnection { nodes: [Issue!]! pageInfo: PageInfo! }
type IssuePayload { success: Boolean! lastSyncId: Float! issue: Issue }
type IssueArchivePayload { success: Boolean! lastSyncId: Float! entity: Issue }
"""
_INPUTS = """
input IDComparator { eq: ID neq: ID in: [ID!] nin: [ID!] }
input StringComparator {
  eq: String neq: String in: [String!] nin: [String!]
  contains: String notContains: String containsIgnoreCase: String
  startsWith: String endsWith: String
}
input NullableStringComparator {
  eq: String neq: String in: [String!] nin: [String!]
  contains: String notContains: String containsIgnoreCase: String
  startsWith: String endsWith: String null: Boolean
}
input DateComparator {
  eq: DateTimeOrDuration neq: DateTimeOrDuration
  lt: DateTimeOrDuration lte: DateTimeOrDuration
  gt: DateTimeOrDuration gte: DateTimeOrDuration
}
input TeamFilter { id: IDComparator key: StringComparator name: StringComparator }
input IssueFilter {
  id: IDComparator
  title: StringComparator
  description: NullableStringComparator
  createdAt: DateComparator
  team: TeamFilter
  and: [IssueFilter!]
  or: [IssueFilter!]
}
input IssueCreateInput { teamId: String! title: String description: String priority: Int }
"""
_ROOTS = """
type Query {
  teams(filter: TeamFilter, first: Int, after: String, includeArchived: Boolean): TeamConnection!
  issues(
    filter: IssueFilter, first: Int, after: String, includeArchived: Boolean,
    orderBy: PaginationOrderBy
  ): IssueConnection!
  issue(id: String!): Issue!
}
type Mutation {
  issueCreate(input: IssueCreateInput!): IssuePayload!
  issueArchive(id: String!, trash: Boolean): IssueArchivePayload!
}
"""

HIGHEST = 10_000
"""Maximum points of a single query."""
_DEFAULT_PAGE = 50
_PROPERTY = 0.1
_OBJECT = 1.0

_LONGEST_QUERY = 20_000
_REMEMBERED = 64


@cache
def schema() -> GraphQLSchema:
    """Build the schema once."""
    return build_schema(_TYPES + _INPUTS + _ROOTS)


def complexity(document: DocumentNode, variables: Mapping[str, Any]) -> int:
    """Compute the points of a validated document, all operations together."""
    parts = {
        part.name.value: part.selection_set
        for part in document.definitions
        if isinstance(part, FragmentDefinitionNode)
    }
    points = sum(
        _points(part.selection_set, parts, variables)
        for part in document.definitions
        if isinstance(part, OperationDefinitionNode)
    )
    return math.ceil(round(points, 6))


def _points(
    selected: SelectionSetNode, parts: Mapping[str, SelectionSetNode], variables: Mapping[str, Any]
) -> float:
    points = 0.0
    for node in selected.selections:
        if isinstance(node, FieldNode) and node.selection_set is None:
            points += _PROPERTY
        elif isinstance(node, FieldNode) and node.selection_set is not None:
            inside = _points(node.selection_set, parts, variables)
            points += _OBJECT + inside * _times(node, variables)
        elif isinstance(node, InlineFragmentNode):
            points += _points(node.selection_set, parts, variables)
        elif isinstance(node, FragmentSpreadNode):
            points += _points(parts[node.name.value], parts, variables)
    return points


def _times(node: FieldNode, variables: Mapping[str, Any]) -> int:
    """Count the elements of a field: one, or the page size of a connection."""
    selected = node.selection_set.selections if node.selection_set else ()
    names = {inner.name.value for inner in selected if isinstance(inner, FieldNode)}
    if not names & {"nodes", "edges"}:
        return 1
    first = next((a.value for a in node.arguments or () if a.name.value == "first"), None)
    if isinstance(first, IntValueNode):
        return int(first.value)
    given = variables.get(first.name.value) if isinstance(first, VariableNode) else None
    return given if isinstance(given, int) else _DEFAULT_PAGE


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
        return responses.of_request(told, "BAD_REQUEST", "graphql error", status=400)
    variables, operation = asked.get("variables"), asked.get("operationName")
    variables = {} if variables is None else variables
    if not isinstance(variables, dict) or not isinstance(operation, (str, type(None))):
        told = "variables must be an object, operationName a text"
        return responses.of_request(told, "BAD_REQUEST", "graphql error", status=400)
    checked = _checked(asked["query"][: _LONGEST_QUERY + 1])
    if not isinstance(checked, DocumentNode):
        return checked
    points = complexity(checked, variables)
    if points > HIGHEST:
        told = f"Complexity: {points}. Maximum allowed: {HIGHEST}"
        message, kind = "Query too complex", "invalid input"
        return responses.of_request(message, "INPUT_ERROR", kind, status=400, told=told)
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
        return 400, responses.refused(result.errors, "BAD_USER_INPUT")
    return 200, dict(result.formatted)


@lru_cache(maxsize=_REMEMBERED)
def _checked(query: str) -> DocumentNode | Errors:
    """Parse and validate a query; return its document, or the errors to send instead."""
    if len(query) > _LONGEST_QUERY:
        told = "the query is too long"
        return responses.of_request(told, "BAD_REQUEST", "graphql error", status=400)
    try:
        document = parse(query)
    except GraphQLError as error:
        return responses.refused([error], "GRAPHQL_PARSE_FAILED")
    found = validate(schema(), document)
    return responses.refused(found, "GRAPHQL_VALIDATION_FAILED") if found else document


def _roots(workspace: Workspace, active: Active) -> Mapping[str, Callable[..., Any]]:
    """Build the fields of `Query` and `Mutation`."""

    def done(entity: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"success": True, "lastSyncId": 1.0, entity: fields}

    def archive(_info: object, **args: Any) -> dict[str, Any]:  # noqa: ANN401 - GraphQL arguments
        if Flag.FORBIDDEN in active.flags:
            raise responses.forbidden()
        return done("entity", workspace.archive(args["id"], active))

    return {
        "teams": lambda _info, **args: workspace.teams(args),
        "issues": lambda _info, **args: workspace.search(args, active),
        "issue": lambda _info, **args: workspace.get(args["id"]),
        "issueCreate": lambda _info, **args: done("issue", workspace.create(args["input"], active)),
        "issueArchive": archive,
    }
