"""GraphQL of the Linear simulator: schema, complexity and execution."""

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
from exporter.simulator.linear.faults import LinearFaultFlag, LinearFaultSet
from exporter.simulator.linear.responses import ErrorBody
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

type Team { id: ID! key: String! name: String! description: String }
type WorkflowState { id: ID! name: String! type: String! }
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
  state: WorkflowState!
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
_ROOT_TYPES = """
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

MAX_COMPLEXITY = 10_000
"""Maximum points of a single query."""
_DEFAULT_PAGE = 50
_PROPERTY_POINTS = 0.1
_OBJECT_POINTS = 1.0

_MAX_QUERY = 20_000
_MAX_CACHED = 64


@cache
def load_schema() -> GraphQLSchema:
    """Build the schema once."""
    return build_schema(_TYPES + _INPUTS + _ROOT_TYPES)


def compute_complexity(document: DocumentNode, variables: Mapping[str, Any]) -> int:
    """Compute the points of a validated document, all operations together."""
    fragments = {
        definition.name.value: definition.selection_set
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    points = sum(
        _count_points(definition.selection_set, fragments, variables)
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
    )
    return math.ceil(round(points, 6))


def _count_points(
    selected: SelectionSetNode,
    fragments: Mapping[str, SelectionSetNode],
    variables: Mapping[str, Any],
) -> float:
    points = 0.0
    for node in selected.selections:
        if isinstance(node, FieldNode) and node.selection_set is None:
            points += _PROPERTY_POINTS
        elif isinstance(node, FieldNode) and node.selection_set is not None:
            inside = _count_points(node.selection_set, fragments, variables)
            points += _OBJECT_POINTS + inside * _count_elements(node, variables)
        elif isinstance(node, InlineFragmentNode):
            points += _count_points(node.selection_set, fragments, variables)
        elif isinstance(node, FragmentSpreadNode):
            points += _count_points(fragments[node.name.value], fragments, variables)
    return points


def _count_elements(node: FieldNode, variables: Mapping[str, Any]) -> int:
    """Count the elements of a field: one, or the page size of a connection."""
    selected = node.selection_set.selections if node.selection_set else ()
    names = {inner.name.value for inner in selected if isinstance(inner, FieldNode)}
    if not names & {"nodes", "edges"}:
        return 1
    first = next(
        (argument.value for argument in node.arguments or () if argument.name.value == "first"),
        None,
    )
    if isinstance(first, IntValueNode):
        return int(first.value)
    value = variables.get(first.name.value) if isinstance(first, VariableNode) else None
    return value if isinstance(value, int) else _DEFAULT_PAGE


@dataclass(frozen=True, slots=True)
class GraphqlRequest:
    """Request that can be executed."""

    document: DocumentNode
    variables: dict[str, Any]
    operation: str | None
    points: int


def parse_request(content: object) -> GraphqlRequest | ErrorBody:
    """Parse the JSON of a request; for an invalid query return the errors to send instead."""
    if not isinstance(content, dict) or not isinstance(content.get("query"), str):
        error_message = "the body must be a JSON object with a query"
        return responses.build_request_error(
            error_message, "BAD_REQUEST", "graphql error", status=400
        )
    variables, operation = content.get("variables"), content.get("operationName")
    variables = {} if variables is None else variables
    if not isinstance(variables, dict) or not isinstance(operation, (str, type(None))):
        error_message = "variables must be an object, operationName a text"
        return responses.build_request_error(
            error_message, "BAD_REQUEST", "graphql error", status=400
        )
    document = _parse_query(content["query"][: _MAX_QUERY + 1])
    if not isinstance(document, DocumentNode):
        return document
    points = compute_complexity(document, variables)
    if points > MAX_COMPLEXITY:
        error_message = f"Complexity: {points}. Maximum allowed: {MAX_COMPLEXITY}"
        message, kind = "Query too complex", "invalid input"
        return responses.build_request_error(
            message, "INPUT_ERROR", kind, status=400, user_message=error_message
        )
    return GraphqlRequest(document, variables, operation, points)


def execute_request(
    graphql_request: GraphqlRequest, workspace: Workspace, faults: LinearFaultSet
) -> tuple[int, dict[str, Any]]:
    """Execute a request; return the HTTP status and the body.

    As at Linear, an error during execution is still a 200, without any data.
    """
    result = execute_sync(
        load_schema(),
        graphql_request.document,
        root_value=_build_roots(workspace, faults),
        variable_values=graphql_request.variables,
        operation_name=graphql_request.operation,
    )
    if result.errors and result.data is None and all(e.path is None for e in result.errors):
        return 400, responses.build_query_errors(result.errors, "BAD_USER_INPUT")
    return 200, dict(result.formatted)


@lru_cache(maxsize=_MAX_CACHED)
def _parse_query(query: str) -> DocumentNode | ErrorBody:
    """Parse and validate a query; return its document, or the errors to send instead."""
    if len(query) > _MAX_QUERY:
        message = "the query is too long"
        return responses.build_request_error(message, "BAD_REQUEST", "graphql error", status=400)
    try:
        document = parse(query)
    except GraphQLError as error:
        return responses.build_query_errors([error], "GRAPHQL_PARSE_FAILED")
    query_errors = validate(load_schema(), document)
    return (
        responses.build_query_errors(query_errors, "GRAPHQL_VALIDATION_FAILED")
        if query_errors
        else document
    )


def _build_roots(workspace: Workspace, faults: LinearFaultSet) -> Mapping[str, Callable[..., Any]]:
    """Build the fields of `Query` and `Mutation`."""

    def build_payload(entity: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"success": True, "lastSyncId": 1.0, entity: fields}

    def archive(_info: object, **args: Any) -> dict[str, Any]:  # noqa: ANN401 - GraphQL arguments
        if LinearFaultFlag.FORBIDDEN in faults.flags:
            raise responses.build_forbidden()
        return build_payload("entity", workspace.archive_issue(args["id"], faults))

    return {
        "teams": lambda _info, **args: workspace.search_teams(args),
        "issues": lambda _info, **args: workspace.search_issues(args, faults),
        "issue": lambda _info, **args: workspace.get_issue(args["id"]),
        "issueCreate": lambda _info, **args: build_payload(
            "issue", workspace.create_issue(args["input"], faults)
        ),
        "issueArchive": archive,
    }
