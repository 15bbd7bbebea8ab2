"""Served part of Linear's GraphQL schema, with Linear's names of types, fields and arguments."""

from functools import cache

from graphql import GraphQLSchema, build_schema

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


@cache
def schema() -> GraphQLSchema:
    """Build the schema once."""
    return build_schema(_TYPES + _INPUTS + _ROOTS)
